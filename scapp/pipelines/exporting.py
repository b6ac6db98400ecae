"""A dataset as one AnnData file, with its provenance."""

import json
from pathlib import Path
from typing import Any

import anndata as ad
import h5py
import pandas as pd

from scapp.core import files, keys
from scapp.core.steps import StepContext
from scapp.pipelines.config import ExportConfig
from scapp.pipelines.step import Inputs, Outcome
from scapp.plotting.palette import palette
from scapp.workspace.dataset import Dataset


def export(inputs: Inputs, config: ExportConfig, context: StepContext) -> Outcome:
    """Write the .h5ad into the run's folder."""
    context.report(0, 2, "collecting the data")
    adata = to_anndata(inputs.data.dataset)
    context.raise_if_stopped()
    context.report(1, 2, "writing the file")
    with files.replacing(inputs.folder / "dataset.h5ad") as temporary:
        adata.write_h5ad(temporary, compression="gzip")
    size = (inputs.folder / "dataset.h5ad").stat().st_size
    return Outcome(
        summary={"file": "dataset.h5ad", "bytes": size, "version": inputs.data.dataset.manifest.version},
        files=["dataset.h5ad"],
    )


def to_anndata(dataset: Dataset) -> ad.AnnData:
    """Every slot of a dataset as AnnData; provenance in ``uns["scapp"]``.

    Before normalisation there is no X of ours: the raw values stand in X as well, because most tools
    look there.
    """
    obs = pd.DataFrame({c: dataset.read(keys.obs(c)) for c in dataset.columns("obs")}, index=range(dataset.n_cells))
    adata = ad.AnnData(obs=obs.set_axis(dataset.names(keys.OBS_NAMES), axis=0), var=dataset.var())
    for slot in dataset.slots:
        field, key = keys.split(slot)
        if field in ("layers", "obsm", "obsp", "varm") and key is not None:
            getattr(adata, field)[key] = dataset.read(slot)
        elif field == "uns" and key is not None:
            adata.uns[key] = dataset.read(slot)
    raw = next((slot for slot in (keys.X, keys.COUNTS, keys.EXPRESSION) if slot in dataset), None)
    if raw is not None:
        adata.X = dataset.read(raw)
    if keys.X in dataset and keys.COUNTS in dataset:
        adata.uns["log1p"] = {"base": None}
    for column in adata.obs.select_dtypes("category"):
        if f"{column}_colors" not in adata.uns and len(adata.obs[column].cat.categories):
            adata.uns[f"{column}_colors"] = palette(len(adata.obs[column].cat.categories))
    adata.uns["scapp"] = provenance(dataset)
    return adata


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
    """Settings of the last filtering and normalisation that scapp recorded in an .h5ad; None where there is no record."""
    if path.suffix != ".h5ad" or not h5py.is_hdf5(path):
        return None
    with h5py.File(path) as file:
        node = file.get("uns/scapp/provenance")
        if not isinstance(node, h5py.Dataset):
            return None
        records = json.loads(node.asstr()[()]).values()
    return next((record["config"] for record in reversed(list(records)) if record["step"] == "prepare"), None)
