"""Doublet scores; filtering, normalising, highly variable genes and PCA into a child dataset."""

from typing import Any

import numpy as np
import pandas as pd

from scapp.core import keys
from scapp.core.errors import ConfigError, DataError
from scapp.core.step_context import StepContext
from scapp.data.blocks.blocked_matrix import BlockedMatrix
from scapp.data.config import DoubletConfig, PrepareConfig
from scapp.data.qc.preprocessing import filter_data, normalised
from scapp.data.qc.principal_components import pca
from scapp.data.qc.quality_metrics import doublet_scores, qc_metrics
from scapp.data.qc.thresholds import removal_table
from scapp.data.qc.variable_genes import highly_variable
from scapp.steps.step import Inputs, NewDataset, Outcome, Reading

SCALED_NOTE = (
    "The values are scaled: every gene has the same variance, so all genes are used, whatever number of highly variable"
    " genes was asked for, and none is left out for being seen in few cells."
)


def score_doublets(inputs: Inputs, config: DoubletConfig, context: StepContext) -> Outcome:
    """Scrublet on the raw counts."""
    if keys.COUNTS not in inputs.data:
        raise DataError(
            "Doublet scores need raw counts, and this dataset has none.", hint="Filter without doublet scores."
        )
    context.report(0, 1, "simulating doublets")
    scores = doublet_scores(inputs.data.matrix(keys.COUNTS), config, inputs.data.column(config.batch_key))
    return Outcome(
        {keys.obs(keys.DOUBLET_SCORE): scores}, summary={"n_cells": len(scores), "median": float(np.median(scores))}
    )


def metrics_filtered_by(data: Reading) -> pd.DataFrame:
    """The metrics of each cell that filters look at: counted anew where values are logged, else those of the import."""
    if keys.COUNTS in data or keys.EXPRESSION in data:
        return data.frame("obs")
    n_entries = data.matrix(keys.X).each_block(lambda _, block: np.diff(block.indptr))
    return pd.DataFrame({keys.N_GENES: np.concatenate(list(n_entries))})


def prepare(inputs: Inputs, config: PrepareConfig, context: StepContext) -> Outcome:
    """Filter, normalise, choose genes, PCA; the result is a child dataset.

    Log-normalised input without counts is filtered by detected genes and not normalised again.
    """
    data = inputs.data
    obs, var = data.frame("obs"), data.frame("var")
    _check_batch_key(config, obs)
    logged = keys.COUNTS not in data and keys.EXPRESSION not in data
    slot = keys.X if logged else data.raw_slot()
    matrix = data.matrix(slot)
    if logged:
        _refuse_count_filters(config)
    scaled = data.source.get("units") == "scaled"
    if scaled:
        # every gene has the same variance and a value in every cell: none is more variable than another
        config = config.model_copy(update={"n_top_genes": data.n_genes, "min_cells": 0})
    metrics = metrics_filtered_by(data)
    context.report(0, 4, "filtering")
    kept = filter_data(matrix, metrics, config)
    removed = removal_table(metrics, config)["all cells"].astype(int).to_dict()
    matrix = matrix.select(kept.cells, kept.genes)
    obs = obs.iloc[kept.cells].reset_index(drop=True)
    genes = data.names(keys.VAR_NAMES)[kept.genes]
    var = var.iloc[kept.genes].reset_index(drop=True)
    context.raise_if_stopped()
    context.report(1, 4, "measuring what is kept")
    values: dict[str, Any] = {keys.OBS_NAMES: data.names(keys.OBS_NAMES)[kept.cells], keys.VAR_NAMES: genes}
    if logged:
        log_values = matrix
        values |= _annotations(obs, var)
    else:
        cells, per_gene = qc_metrics(matrix, genes, var.set_axis(genes, axis=0))
        log_values = normalised(matrix, config.target_sum, cells[keys.TOTAL_COUNTS].to_numpy())
        # the filter changed the metrics of cells and genes
        values |= _annotations(obs.assign(**cells), var.assign(**per_gene)) | {slot: matrix}
    context.raise_if_stopped()
    values |= {name: data.read(name)[kept.cells] for name in data.slots if name.startswith("obsm/")}
    kept_uns = [name for name in data.slots if name.startswith("uns/") and not keys.of_a_study(name)]
    values |= {name: data.read(name) for name in kept_uns}
    values |= {keys.X: log_values} | choose_genes_and_components(
        log_values, matrix if slot == keys.COUNTS else None, config, obs, context
    )
    report = {
        "n_cells_before": data.n_cells,
        "n_cells_after": int(kept.cells.size),
        "n_genes_before": data.n_genes,
        "n_genes_after": int(kept.genes.size),
        "n_highly_variable": int(np.sum(values[keys.var(keys.HIGHLY_VARIABLE)])),
        "n_components": int(values[keys.representation("pca")].shape[1]),
        "normalised": not logged,
        "note": SCALED_NOTE if scaled else "",
        "removed": removed,
    }
    values[keys.PREPARATION] = report
    name = f"{data.name[:100]} · filtered"
    return Outcome(new_dataset=NewDataset(name, values, data.source), summary=report)


def _refuse_count_filters(config: PrepareConfig) -> None:
    if config.min_counts > 0 or config.max_counts is not None or config.max_pct_mt is not None:
        raise ConfigError(
            "Filters on counts and on the mitochondrial share need raw counts, and this dataset has none.",
            hint="Leave these filters out, or import a file with raw counts.",
        )


def _check_batch_key(config: PrepareConfig, obs: pd.DataFrame) -> None:
    if config.batch_key is not None and config.batch_key not in obs:
        raise ConfigError(
            f"There is no annotation '{config.batch_key}'; there are {', '.join(obs.columns)}.",
            hint="Choose another column under 'Choose genes per batch', or none.",
        )


def _annotations(obs: pd.DataFrame, var: pd.DataFrame) -> dict[str, Any]:
    values = {keys.obs(column): obs[column] for column in obs}
    return values | {keys.var(column): var[column] for column in var}


def choose_genes_and_components(
    log_values: BlockedMatrix,
    counts: BlockedMatrix | None,
    config: PrepareConfig,
    obs: pd.DataFrame,
    context: StepContext,
) -> dict[str, Any]:
    """Highly variable genes and PCA of normalised values, as slots."""
    context.report(2, 4, "choosing highly variable genes")
    batches = obs[config.batch_key] if config.batch_key else None
    genes = highly_variable(log_values, counts, config, batches)
    context.raise_if_stopped()
    context.report(3, 4, "principal components")
    components, loadings = pca(log_values, genes, config)
    return {
        keys.var(keys.HIGHLY_VARIABLE): genes,
        keys.representation("pca"): components,
        keys.PCA_LOADINGS: loadings,
    }
