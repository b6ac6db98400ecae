"""Several samples joined into one dataset."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, field

import anndata as ad
import numpy as np
import pandas as pd
from scipy import sparse

from scapp.core.errors import DataError, listed
from scapp.data.blocks.blocked_matrix import InMemory
from scapp.data.blocks.composed import Stacked
from scapp.data.checks import Finding, empty_findings
from scapp.data.formats.imported import Imported
from scapp.data.samples.find import OBS_NAME, Sample
from scapp.data.symbols import ID_COLUMNS
from scapp.data.units import units


@dataclass(frozen=True)
class _Part:
    sample: Sample
    imported: Imported
    ids: pd.Index = field(default_factory=lambda: pd.Index([]))


def join_samples(samples: Sequence[Sample], parts: Sequence[Imported]) -> Imported:
    """One dataset from several samples: the genes that all share, matched by id; cells named ``barcode-sample``.

    Ids are those of a gene-id column where every sample has one, else the gene names.

    Parameters
    ----------
    samples
        Names and annotations.
    parts
        What was read, in the same order.

    Raises
    ------
    DataError
        Samples in different units, or no gene in common.
    """
    column = next((c for c in ID_COLUMNS if all(c in part.adata.var for part in parts)), None)
    joined = [
        _Part(
            sample, part, pd.Index(part.adata.var[column].astype(str)).rename(None) if column else part.adata.var_names
        )
        for sample, part in zip(samples, parts, strict=True)
    ]
    _check_units(joined)
    _check_cells(joined)
    shared = _shared_genes(joined)
    pieces, matrices = [], []
    for part in joined:
        positions = pd.Series(np.arange(len(part.ids)), index=part.ids)
        positions = positions[~positions.index.duplicated()].loc[shared].to_numpy()
        matrices.append((part.imported.matrix, positions))
        piece = part.imported.adata[:, positions].copy()
        piece.var_names = shared
        piece.obsm.clear()
        piece.obs_names = [f"{name}-{part.sample.name}" for name in piece.obs_names]
        for name, value in part.sample.annotations.items():
            piece.obs[OBS_NAME.get(name, name)] = value
        pieces.append(piece)
    first = joined[0].imported.adata.var
    merged = ad.concat(pieces, join="inner")
    # concat keeps the annotations that all samples have; here a cell without one has none
    merged.obs = pd.concat([piece.obs for piece in pieces])
    merged.var = first[~joined[0].ids.duplicated() & joined[0].ids.isin(shared)].copy()
    for name in merged.obs.select_dtypes(["object", "string"]):
        merged.obs[name] = pd.Categorical(merged.obs[name])
    taken_from = f"{joined[0].imported.taken_from} of {len(parts)} samples"
    matrix = Stacked(matrices)
    findings = [*_findings(joined, shared), *empty_findings(matrix.survey)]
    return Imported(matrix, merged, taken_from, findings, joined[0].imported.units)


_BARCODE = re.compile(r"[ACGTN]{8,}")
SEVERAL = 20
"""Cells from which equal names of two samples are no chance."""


def _check_cells(parts: Sequence[_Part]) -> None:
    """Refuse two samples that name the very same cells: they are one, counted or normalised in two ways."""
    seen: dict[frozenset[str], str] = {}
    for part in parts:
        names = frozenset(part.imported.adata.obs_names.astype(str))
        # cells that are merely numbered are called alike in every sample
        if len(names) >= SEVERAL and names in seen and all(map(_BARCODE.search, names)):
            raise DataError(
                f"'{seen[names]}' and '{part.sample.name}' name the very same {len(names):,} cells: they seem to be one"
                " sample in two forms.",
                hint="Import the one with the counts by its own path, or leave the other out of the table of samples.",
            )
        seen[names] = part.sample.name


def join_cells(samples: Sequence[Sample], parts: Sequence[Imported]) -> Imported:
    """One dataset from files of one cell each; a gene that a file does not name has no count there.

    Raises
    ------
    DataError
        Cells in different units.
    """
    _check_units([_Part(sample, part) for sample, part in zip(samples, parts, strict=True)])
    genes = pd.Index(dict.fromkeys(name for part in parts for name in part.adata.var_names))
    rows = []
    for part in parts:
        place = genes.get_indexer(part.adata.var_names)
        values = part.matrix.to_csr()
        rows.append(
            sparse.csr_matrix((values.data, (np.zeros(values.nnz, int), place[values.indices])), (1, len(genes)))
        )
    matrix = InMemory(sparse.vstack(rows))
    cells = pd.Index([sample.name for sample in samples])
    merged = ad.AnnData(obs=pd.DataFrame(index=cells), var=pd.DataFrame(index=genes))
    for sample, name in zip(samples, cells, strict=True):
        for column, value in sample.annotations.items():
            if column != "sample":
                merged.obs.loc[name, OBS_NAME.get(column, column)] = value
    note = Finding(f"{len(parts):,} files of one cell each were joined: {listed(cells, 3)}.")
    findings = [note, *empty_findings(matrix.survey)]
    return Imported(matrix, merged, "files of one cell each", findings, parts[0].units)


def _shared_genes(parts: Sequence[_Part]) -> pd.Index:
    shared = parts[0].ids.drop_duplicates()
    for part in parts[1:]:
        shared = shared[shared.isin(part.ids)]
    if len(shared) < 2:
        examples = "; ".join(f"'{part.sample.name}' has {listed(part.ids, 2)}" for part in parts[:2])
        raise DataError(
            f"The samples share {len(shared)} genes ({examples}).",
            hint="Samples must come from one species and name genes alike (all by symbol, or all by Ensembl id).",
        )
    return shared


def _check_units(parts: Sequence[_Part]) -> None:
    if len({part.imported.units for part in parts}) > 1:
        found = "; ".join(f"'{part.sample.name}': {units(part.imported.units).title}" for part in parts)
        raise DataError(
            f"The samples are in different units ({found}).",
            hint="Import samples of one kind together, raw counts if you can.",
        )


def _findings(parts: Sequence[_Part], shared: pd.Index) -> list[Finding]:
    sizes = ", ".join(f"{part.sample.name} ({part.imported.adata.n_obs:,} cells)" for part in parts)
    most = max(part.ids.nunique() for part in parts)
    findings = [
        Finding(f"{len(parts)} samples were joined: {sizes}."),
        Finding(
            f"{len(shared):,} genes are in every sample, of at most {most:,} in one.",
            "Genes that some sample lacks were left out." if len(shared) < most else "",
        ),
    ]
    embedded = [part.sample.name for part in parts if len(part.imported.adata.obsm)]
    if embedded:
        findings.append(
            Finding(
                f"Maps and embeddings of single samples were left out ({listed(embedded, 3)}).",
                "Make them anew of all cells.",
            )
        )
    seen: dict[tuple[str, str], list[str]] = {}
    for part in parts:
        # a gene that is zero in one sample is not in all: said of the whole instead
        own = {finding.sentence for finding in empty_findings(part.imported.matrix.survey)}
        for finding in part.imported.findings:
            if finding.sentence not in own:
                seen.setdefault((finding.sentence, finding.fix), []).append(part.sample.name)
    for (sentence, fix), names in seen.items():
        where = "" if len(names) == len(parts) else f"{listed(names, 3)}: "
        findings.append(Finding(f"{where}{sentence}", fix))
    return findings
