"""A dataset as the CELLxGENE schema (7.1) asks for it, as far as it can be known.

The schema reserves the names of readable labels (``cell_type``, ``disease``, ``feature_name``, ...): CELLxGENE writes
them itself from ontology terms, and refuses files that hold them. What stands under such a name is therefore kept as
``author_NAME``.
"""

import re

import anndata as ad
import numpy as np
import pandas as pd

from scapp.classify.ontology.cell_ontology import load_ontology
from scapp.core import keys
from scapp.core.errors import ConfigError, MissingDependencyError, listed
from scapp.data.symbols import ID_COLUMNS
from scapp.reports.content import RAW, Content
from scapp.steps.config import ORGANISMS, CellxgeneConfig

RESERVED_OBS = (
    "assay",
    "cell_type",
    "development_stage",
    "disease",
    "experimental_condition",
    "observation_joinid",
    "organism",
    "perturbation_types",
    "self_reported_ethnicity",
    "sex",
    "tissue",
)
RESERVED_VAR = ("feature_biotype", "feature_length", "feature_name", "feature_reference", "feature_type")
RESERVED_UNS = ("citation", "is_pre_analysis", "organism", "schema_reference", "schema_version")
TERM = re.compile(r"[A-Za-z]+:\d+|unknown|na")
CELL_TYPE = re.compile(r"CL:\d{7}|unknown")
ENSEMBL = r"^ENS[A-Z]*G\d+|^WBGene\d+|^FBgn\d+"


def for_cellxgene(content: Content, config: CellxgeneConfig) -> tuple[Content, list[str]]:
    """Counts in ``.raw``, Ensembl ids as gene names where known, the schema's columns.

    Returns
    -------
    content
        What the file is to hold.
    notes
        What the schema asks for and is missing, and what was changed.

    Raises
    ------
    ConfigError
        A setting is neither a term nor a column that holds terms.
    """
    adata, matrices = content.adata.copy(), dict(content.matrices)
    notes = [*_annotations(adata, config), *_genes(adata)]
    if keys.COUNTS in matrices:
        matrices[RAW] = matrices.pop(keys.COUNTS)
    else:
        notes.append("There are no raw counts for .raw.")
    adata.var["feature_is_filtered"] = False
    title = adata.uns["scapp"]["name"]
    kept = {key: value for key, value in adata.uns.items() if _may_stay(key, adata)}
    adata.uns.clear()
    adata.uns.update({**kept, "title": title, "organism_ontology_term_id": ORGANISMS[config.organism]})
    if "X_umap" in adata.obsm:
        adata.uns["default_embedding"] = "X_umap"
    return Content(adata, matrices), notes


def _may_stay(key: str, adata: ad.AnnData) -> bool:
    """Empty values and records (tables of marker genes) are refused by the schema; colours need their column."""
    value = adata.uns[key]
    empty = isinstance(value, (dict, list, np.ndarray)) and len(value) == 0
    if empty or key.startswith("rank_genes_groups") or key in RESERVED_UNS:
        return False
    if key.endswith("_colors"):
        column = adata.obs.get(key.removesuffix("_colors"))
        return column is not None and isinstance(column.dtype, pd.CategoricalDtype)
    return True


def _annotations(adata: ad.AnnData, config: CellxgeneConfig) -> list[str]:
    notes, missing = [], []
    columns = {
        "assay_ontology_term_id": config.assay,
        "tissue_ontology_term_id": config.tissue,
        "disease_ontology_term_id": config.disease,
        "development_stage_ontology_term_id": config.development_stage,
        "self_reported_ethnicity_ontology_term_id": config.ethnicity,
        "sex_ontology_term_id": config.sex,
    }
    values: dict[str, object] = {}
    for name, chosen in columns.items():
        if chosen:
            values[name] = _terms(adata, name, chosen)
        elif name not in adata.obs:
            missing.append(name)
    if config.cell_type_key is not None:
        terms, unmatched = _cell_types(adata, config.cell_type_key)
        values["cell_type_ontology_term_id"] = terms
        if unmatched:
            notes.append(f"No term of the Cell Ontology was found for {listed(unmatched, 8)}: 'unknown' stands there.")
    elif "cell_type_ontology_term_id" not in adata.obs:
        missing.append("cell_type_ontology_term_id")
    if config.donor_key is not None:
        values["donor_id"] = _column(adata, config.donor_key).astype(str).to_numpy()
    elif "donor_id" not in adata.obs:
        missing.append("donor_id")
    given = {"tissue_type": config.tissue_type, "suspension_type": config.suspension}
    values |= {name: value for name, value in given.items() if name not in adata.obs}
    renamed = [name for name in RESERVED_OBS if name in adata.obs]
    adata.obs = adata.obs.rename(columns={name: f"author_{name}" for name in renamed})
    for name in renamed:
        if f"{name}_colors" in adata.uns:
            adata.uns[f"author_{name}_colors"] = adata.uns.pop(f"{name}_colors")
    for name, value in values.items():
        column = np.repeat(value, adata.n_obs) if isinstance(value, str) else value
        adata.obs[name] = pd.Categorical(np.asarray(column, dtype=str))
    adata.obs["is_primary_data"] = config.is_primary_data
    if renamed:
        notes.append(
            f"The schema keeps these names for itself, so they were put after 'author_': {listed(renamed, 8)}."
        )
    if missing:
        notes.append(f"The schema also asks for these annotations, which only you know: {', '.join(missing)}.")
    return notes


def _column(adata: ad.AnnData, name: str) -> pd.Series:
    if name not in adata.obs:
        raise ConfigError(f"There is no annotation '{name}'.", hint=f"Choose one of: {listed(adata.obs, 12)}.")
    return adata.obs[name]


def _terms(adata: ad.AnnData, name: str, chosen: str) -> str | np.ndarray:
    """A term for all cells, or a column's."""
    if chosen not in adata.obs:
        if not TERM.fullmatch(chosen):
            raise ConfigError(
                f"'{chosen}' for {name} is neither an ontology term nor a column.",
                hint="Type a term such as EFO:0009922, or the name of a column that holds one for each cell.",
            )
        return chosen
    values = adata.obs[chosen].astype(str)
    wrong = [value for value in values.unique() if not TERM.fullmatch(value)]
    if wrong:
        raise ConfigError(
            f"The column '{chosen}' for {name} holds {listed(wrong, 4)}, which are no ontology terms.",
            hint="Type a term that holds for all cells, or choose a column of terms such as UBERON:0000178.",
        )
    return values.to_numpy(dtype=str)


def _cell_types(adata: ad.AnnData, column: str) -> tuple[np.ndarray, list[str]]:
    """Terms of the Cell Ontology, and the names for which there is none."""
    values = _column(adata, column).astype(str)
    names = sorted(values.unique())
    if all(CELL_TYPE.fullmatch(name) for name in names):
        return values.to_numpy(dtype=str), []
    try:
        found = dict(zip(names, load_ontology().match(names), strict=True))
    except MissingDependencyError as error:
        raise ConfigError(
            f"'{column}' holds names, not terms of the Cell Ontology.",
            hint=f"Choose a column of terms such as CL:0000084, or: {error.hint}",
        ) from error
    return values.map(lambda name: found[name] or "unknown").to_numpy(dtype=str), [n for n in names if not found[n]]


def _genes(adata: ad.AnnData) -> list[str]:
    notes = []
    reserved = [name for name in RESERVED_VAR if name in adata.var]
    adata.var = adata.var.rename(columns={name: f"author_{name}" for name in reserved})
    ids = next((adata.var[column].astype(str) for column in ID_COLUMNS if column in adata.var), None)
    if ids is not None:
        ids = ids.str.replace(r"\.\d+$", "", regex=True)
    if ids is not None and ids.is_unique:
        adata.var["symbol"] = adata.var_names
        adata.var_names = pd.Index(ids.to_numpy(), name=None)
    elif not adata.var_names.str.match(ENSEMBL).all():
        notes.append("Genes are named by symbol: the schema asks for Ensembl ids.")
    if reserved:
        notes.append(f"The schema writes {listed(reserved)} itself; yours were put after 'author_'.")
    return notes
