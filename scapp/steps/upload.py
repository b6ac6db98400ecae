"""Import: a file or an example becomes a dataset with quality metrics."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import anndata as ad
import numpy as np

from scapp.core import files, keys
from scapp.core.errors import ConfigError, listed
from scapp.core.step_context import StepContext
from scapp.data.barcodes import libraries
from scapp.data.checks import Finding
from scapp.data.config import ImportConfig
from scapp.data.examples import example
from scapp.data.formats.imported import Imported, from_anndata
from scapp.data.formats.labels import read_labels
from scapp.data.formats.reader import read
from scapp.data.public import download, public_set
from scapp.data.qc.quality_metrics import qc_metrics
from scapp.data.samples.find import OBS_NAME
from scapp.steps.config import ImportRequest
from scapp.steps.step import Inputs, NewDataset, Outcome
from scapp.workspace.datasets.stored_matrix import written_matrix
from scapp.workspace.runs.results import TEMPORARY

NOT_VERIFIED = Finding(
    "The file was downloaded from its publisher's address, who gives no checksum with it.",
    "It was checked as an uploaded file is; whether it is the one that was published was not.",
)


def import_dataset(inputs: Inputs, config: ImportRequest, context: StepContext) -> Outcome:
    """Read, check, measure; the result is a new dataset."""
    config = _downloaded(config, inputs, context)
    context.report(0, 4, "reading the file")
    imported, name = _load(config)
    adata = imported.adata
    if config.public:
        imported.findings.append(NOT_VERIFIED)
    context.raise_if_stopped()
    written = {OBS_NAME.get(column, column) for sample in config.samples for column in sample.annotations}
    brought = [column for column in adata.obs.columns if column not in written]
    if brought:
        imported.findings.append(Finding(f"Annotations that came with the file: {listed(brought)}."))
    if config.labels:
        context.report(1, 4, "joining the labels")
        joined = adata.obs["sample"].astype(str) if imported.taken_from.endswith(" samples") else None
        labels = read_labels(Path(config.labels), adata.obs_names, joined)
        for column in labels.table:
            values = labels.table[column]
            adata.obs[column] = values.astype("category") if values.dtype == object else values
        imported.findings.extend(labels.findings)
    imported.findings.extend([*_set_apart(adata), *_by_barcode(adata)])
    temporary = files.temporary_folder(inputs.folder / TEMPORARY, "values-")

    def report(n_written: int) -> None:
        context.raise_if_stopped()
        context.report(2 + 0.5 * n_written / adata.n_obs, 4, f"writing the values ({n_written:,} cells)")

    values = dataset_values(imported, temporary / "matrix", report)
    context.report(3, 4, "writing the dataset")
    source = {
        "taken_from": imported.taken_from,
        "units": imported.units,
        "samples": [sample.annotations for sample in config.samples],
        "findings": [{"sentence": finding.sentence, "fix": finding.fix} for finding in imported.findings],
        "file": Path(config.path).name if config.path else name,
    }
    summary = {"n_cells": adata.n_obs, "n_genes": adata.n_vars, "taken_from": imported.taken_from}
    uploaded = [Path(config.upload_folder)] if config.upload_folder else []
    return Outcome(new_dataset=NewDataset(name[:100], values, source), summary=summary, delete=[*uploaded, temporary])


def _downloaded(config: ImportRequest, inputs: Inputs, context: StepContext) -> ImportRequest:
    """The same request with the files of a public dataset on this machine."""
    if config.public is None:
        return config
    record = public_set(config.public)
    folder = Path(config.download_folder) if config.download_folder else inputs.folder

    def fetch(url: str) -> str:
        def report(done: float, total: float) -> None:
            context.raise_if_stopped()
            context.report(done, total, f"downloading ({done / 1e6:,.0f} of {total / 1e6:,.0f} MB)")

        return str(download(url, folder, report))

    path, labels = fetch(record.url), fetch(record.labels) if record.labels else None
    return config.model_copy(update={"path": path, "labels": labels, "name": config.name or record.title})


def _load(config: ImportRequest) -> tuple[Imported, str]:
    if config.example:
        record = example(config.example)
        return from_anndata(record.load()), config.name or record.title
    if not config.path:
        raise ConfigError("Nothing to import was named.", hint="Upload a file or choose an example.")
    options = ImportConfig(**config.model_dump(include=set(ImportConfig.model_fields)))
    path = Path(config.path)
    return read(path, options, config.samples), config.name or path.name.split(".")[0] or path.name


def _set_apart(adata: ad.AnnData) -> list[Finding]:
    """Rename what came with the file and has a name that steps write to, so that it is kept; say so."""
    renamed = {}
    for column in [name for name in keys.WRITTEN_COLUMNS if name in adata.obs]:
        kept = renamed[column] = f"{column}_from_file"
        adata.obs[kept] = adata.obs.pop(column)
        if f"{column}_colors" in adata.uns:
            adata.uns[f"{kept}_colors"] = adata.uns.pop(f"{column}_colors")
    for name in [name for name in keys.WRITTEN_EMBEDDINGS if name in adata.obsm]:
        kept = renamed[name] = keys.from_file(name)
        adata.obsm[kept] = adata.obsm.pop(name)
    measured = [name for name in keys.MEASURED if name in adata.obs]
    findings = []
    if renamed:
        pairs = listed((f"{before} as {after}" for before, after in renamed.items()), 6)
        findings.append(Finding(f"What the file holds under names that scapp writes to was kept: {pairs}."))
    if measured:
        findings.append(Finding(f"Quality metrics of the file were measured again: {listed(measured)}."))
    return findings


def _by_barcode(adata: ad.AnnData) -> list[Finding]:
    """Keep the library that barcodes tell as an annotation, where none says what was processed together; say so."""
    if keys.suggest(list(adata.obs.columns), keys.SUGGESTED_BATCHES) is not None:
        return []
    found = libraries(adata.obs_names)
    if found is None:
        return []
    adata.obs["library"] = found
    numbers = listed((f"-{number}" for number in found.categories), 6)
    return [
        Finding(
            f"Barcodes end in {numbers}, as those of several libraries do: kept as the annotation 'library'.",
            "Take it for batches where libraries are samples.",
        )
    ]


def dataset_values(imported: Imported, folder: Path, report: Callable[[int], None]) -> dict[str, Any]:
    """Slots of a new dataset, with scanpy's quality metrics added.

    Parameters
    ----------
    imported
        What a file holds.
    folder
        New, with a name that is used once: the values are written there as they are read, and the dataset then has
        these very files.
    report
        Called with the number of cells that have been written.
    """
    adata = imported.adata
    matrix = written_matrix(folder, imported.matrix, report)
    values: dict[str, Any] = {keys.OBS_NAMES: adata.obs_names, keys.VAR_NAMES: adata.var_names}
    values |= {keys.obs(column): adata.obs[column] for column in adata.obs}
    values |= {keys.var(column): adata.var[column] for column in adata.var}
    values |= {f"obsm/{name}": np.asarray(array) for name, array in adata.obsm.items()}
    values |= {f"uns/{name}": value for name, value in adata.uns.items()}
    values[imported.slot] = matrix
    if imported.slot == keys.X:
        values[keys.var(keys.HIGHLY_VARIABLE)] = np.ones(adata.n_vars, dtype=bool)
    else:
        cells, genes = qc_metrics(matrix, adata.var_names, adata.var)
        values |= {keys.obs(column): cells[column].to_numpy() for column in cells}
        values |= {keys.var(column): genes[column].to_numpy() for column in genes}
    return values
