"""A dataset as a file: AnnData in two flavours, tables, or a report."""

import json
from functools import partial
from pathlib import Path
from typing import Any

import anndata as ad
import h5py
import numpy as np
import pandas as pd

from scapp.core import files, keys
from scapp.core.step_context import StepContext
from scapp.data.blocks.blocked_matrix import BlockedMatrix
from scapp.reports.cellxgene import for_cellxgene
from scapp.reports.content import Content, write_h5ad
from scapp.reports.csv_tables import write_tables
from scapp.reports.dataset_report import report_html
from scapp.reports.de_report import study_report_html
from scapp.steps.anndata_source import put_slot
from scapp.steps.config import ExportConfig
from scapp.steps.group_colours import colours_of
from scapp.steps.step import Inputs, Outcome
from scapp.workspace.datasets.dataset import Dataset

TABLES = ("markers_", "sweep_")
WRITTEN = {
    "everything": "dataset.h5ad",
    "cellxgene": "dataset_cellxgene.h5ad",
    "tables": "tables.zip",
    "report": "report.html",
    "study": "study.html",
}
"""Name of the file in the run's folder, by flavour."""


def export(inputs: Inputs, config: ExportConfig, context: StepContext) -> Outcome:
    """Write what was asked for into the run's folder."""
    dataset = inputs.stored
    name = WRITTEN[config.flavour]
    context.report(0, 2, "collecting the data")
    notes: list[str] = []
    with files.replacing(inputs.folder / name) as temporary:
        if config.flavour == "tables":
            write_tables(dataset, temporary)
        elif config.flavour == "report":
            temporary.write_text(report_html(dataset))
        elif config.flavour == "study":
            temporary.write_text(study_report_html(dataset))
        else:
            content = content_of(dataset)
            if config.flavour == "cellxgene":
                content, notes = for_cellxgene(content, config.cellxgene)
            write_h5ad(temporary, content, partial(_report_values, context))
    size = (inputs.folder / name).stat().st_size
    summary = {"file": name, "bytes": size, "version": dataset.manifest.version, "notes": notes}
    return Outcome(summary=summary, files=[name])


def _report_values(context: StepContext, done: float) -> None:
    context.raise_if_stopped()
    context.report(1 + done, 2, "writing the values")


def to_anndata(dataset: Dataset) -> ad.AnnData:
    """Every slot of a dataset as AnnData in memory; see ``content_of``."""
    content = content_of(dataset)
    for place, matrix in content.matrices.items():
        put_slot(content.adata, place, matrix)
    return content.adata


def content_of(dataset: Dataset) -> Content:
    """Every slot of a dataset for a file; provenance in ``uns["scapp"]``.

    Before normalisation there is no X of ours: the raw values stand in X as well, because most tools
    look there.
    """
    obs = pd.DataFrame({c: dataset.read(keys.obs(c)) for c in dataset.columns("obs")}, index=range(dataset.n_cells))
    adata = ad.AnnData(obs=obs.set_axis(dataset.names(keys.OBS_NAMES), axis=0), var=dataset.var())
    matrices: dict[str, BlockedMatrix] = {}
    for slot in dataset.slots:
        field, key = keys.split(slot)
        if keys.is_matrix(slot):
            matrices[slot] = dataset.matrix(slot)
        elif key is not None and field not in ("obs", "var") and not (field == "uns" and key.startswith(TABLES)):
            put_slot(adata, slot, dataset.read(slot))
    _add_tables(adata, dataset)
    _add_neighbours(adata, dataset)
    raw = next((slot for slot in (keys.X, keys.COUNTS, keys.EXPRESSION) if slot in matrices), None)
    if raw is not None:
        matrices[keys.X] = matrices[raw]
    if keys.X in dataset and keys.COUNTS in dataset:
        adata.uns["log1p"] = {}  # natural; a None in it cannot be read by anndata before 0.12
    for column in adata.obs.select_dtypes("category"):
        n_groups = len(adata.obs[column].cat.categories)
        if n_groups and len(adata.uns.get(f"{column}_colors", [])) != n_groups:
            adata.uns[f"{column}_colors"] = list(colours_of(column, dataset.slots, dataset.read).values())
    adata.uns["scapp"] = provenance(dataset)
    return Content(adata, matrices)


def _add_neighbours(adata: ad.AnnData, dataset: Dataset) -> None:
    """Each map's neighbours under a ``neighbors_key`` of scanpy's; those of the chosen representation as default."""
    chosen = dataset.slots.get(keys.representation("clear"))
    taken = False
    made = [key for key in keys.names_in(dataset.slots, "obsp") if key.startswith("connectivities_")]
    for key in sorted(made, key=lambda key: dataset.slots[f"obsp/{key}"].version):
        name = key.removeprefix("connectivities_")
        record = dataset.manifest.provenance[dataset.slots[f"obsp/{key}"].provenance]
        parameters = {
            "n_neighbors": int(record.config.get("n_neighbors", 15)),
            "method": "umap",
            "metric": "euclidean",
            "use_rep": f"X_{name}",
            "random_state": int(record.config.get("seed", 0)),
        }
        names = {"connectivities_key": key, "distances_key": f"distances_{name}"}
        adata.uns[f"neighbors_{name}"] = {**names, "params": parameters}
        own = dataset.slots.get(keys.representation(name))
        is_chosen = chosen is not None and own is not None and own.fingerprint == chosen.fingerprint
        if is_chosen or not taken:
            taken = taken or is_chosen
            # scanpy's default keys, whatever uns says
            for default in ("connectivities", "distances"):
                if f"{default}_{name}" in adata.obsp:
                    adata.obsp[default] = adata.obsp[f"{default}_{name}"]
            names = {"connectivities_key": "connectivities", "distances_key": "distances"}
            adata.uns["neighbors"] = {**names, "params": dict(parameters)}


def _add_tables(adata: ad.AnnData, dataset: Dataset) -> None:
    """Marker tables in scanpy's layout (the last one made as ``rank_genes_groups``), sweeps as they are."""
    marked = [slot for slot in dataset.slots if slot.startswith("uns/markers_")]
    for slot in marked:
        column = slot.removeprefix("uns/markers_")
        method, reference = _how_marked(dataset, slot)
        table = dataset.read(slot)
        adata.uns[f"rank_genes_groups_{column}"] = scanpy_layout(table, column, method=method, reference=reference)
    if marked:
        last = max(marked, key=lambda slot: dataset.slots[slot].version)
        adata.uns["rank_genes_groups"] = adata.uns[f"rank_genes_groups_{last.removeprefix('uns/markers_')}"]
    for slot in dataset.slots:
        if slot.startswith("uns/sweep_"):
            adata.uns[slot.removeprefix("uns/")] = dataset.read(slot)


def _how_marked(dataset: Dataset, slot: str) -> tuple[str, str]:
    """Method and reference of a table of marker genes, from the step that made it, here or in the parent."""
    records = list(dataset.manifest.provenance.values())
    made = next((r for r in reversed(records) if r.step == "markers" and slot in r.outputs), None)
    if made is None:
        return "unknown", "unknown"
    return str(made.config["method"]), str(made.result.get("reference", "rest"))


def scanpy_layout(table: pd.DataFrame, column: str, *, method: str, reference: str) -> dict[str, Any]:
    """A table of marker genes as ``scanpy.tl.rank_genes_groups`` leaves it."""
    groups = [str(name) for name in table["group"].cat.categories]
    fields = {
        "names": ("gene", object),
        "scores": ("score", "float32"),
        "pvals": ("p_value", "float64"),
        "pvals_adj": ("p_value_adjusted", "float64"),
        "logfoldchanges": ("log2_fold_change", "float32"),
    }
    layout: dict[str, Any] = {
        "params": {
            "groupby": column,
            "reference": reference,
            "method": method,
            "use_raw": False,
            "corr_method": "benjamini-hochberg",
        }
    }
    parts = {group: table[table["group"] == group] for group in groups}
    for name, (source, kind) in fields.items():
        values = [parts[group][source].astype(str if kind is object else kind).to_numpy() for group in groups]
        layout[name] = np.rec.fromarrays(values, dtype=[(group, kind) for group in groups])
    return layout


def provenance(dataset: Dataset) -> dict[str, Any]:
    """What made each slot, and how: enough to make the file again."""
    manifest = dataset.manifest.model_dump(mode="json", exclude={"retired"})
    return {
        "format": manifest["format"],
        "name": manifest["name"],
        "dataset": manifest["id"],
        "slots": {slot.replace("/", "|"): entry["provenance"] for slot, entry in manifest["slots"].items()},
        "provenance": json.dumps(manifest["provenance"]),
        "source": json.dumps(manifest["source"]),
        "parent": json.dumps(manifest["parent"]),
    }


def read_preparation(path: Path) -> dict[str, Any] | None:
    """Settings of the last filtering and normalisation that scapp recorded in an .h5ad; None without a record."""
    if path.suffix != ".h5ad" or not h5py.is_hdf5(path):
        return None
    with h5py.File(path) as file:
        node = file.get("uns/scapp/provenance")
        if not isinstance(node, h5py.Dataset):
            return None
        records = json.loads(node.asstr()[()]).values()
    return next((record["config"] for record in reversed(list(records)) if record["step"] == "prepare"), None)
