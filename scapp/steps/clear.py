"""Train CLEAR on a dataset's highly variable genes, and place other cells by a trained encoder."""

from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from scipy import sparse

from scapp.analysis.map.label_agreement import kmeans_agreement
from scapp.clear.apply import FILES, ClearModel
from scapp.clear.config import ClearConfig
from scapp.clear.learnt import fault_of
from scapp.clear.onto_map import on_the_map_of
from scapp.clear.parallel.ranks import choose_processes
from scapp.clear.train import train_clear
from scapp.clear.training.effective_sizes import effective_epochs
from scapp.core import keys
from scapp.core.errors import ConfigError
from scapp.core.step_context import StepContext
from scapp.data.blocks.blocked_matrix import BlockedMatrix
from scapp.data.blocks.composed import Mapped
from scapp.data.blocks.packed import packed_if_large
from scapp.data.qc.preprocessing import linear
from scapp.data.symbols import gene_names
from scapp.metrics.neighbours_compared import compare_neighbours
from scapp.steps.config import ApplyConfig
from scapp.steps.step import Inputs, Outcome, Reading
from scapp.workspace.datasets.dataset import read_slots
from scapp.workspace.datasets.staging import SameAs

AGREEMENT_CELLS = 10_000
APPLIED = "clear_applied"
"""The representation of a dataset that another dataset's encoder has placed."""


def train(inputs: Inputs, config: ClearConfig, context: StepContext) -> Outcome:
    """Train, embed every cell, and keep the encoder as safetensors and JSON in the run's folder."""
    data = inputs.data
    data.require(keys.X, "This dataset is not normalised yet.")
    context.report(0, effective_epochs(config, data.n_cells), "loading the data")
    chosen = np.asarray(data.read(keys.var(keys.HIGHLY_VARIABLE)), dtype=bool)
    values = data.matrix(keys.X)
    target_sum = _target_sum(values)
    totals = None
    if config.augmentation.thin_probability > 0 and keys.COUNTS in data:
        totals = _totals(data.matrix(keys.COUNTS)).astype(np.float32)
    batches = data.batches(config.batch_key)
    processes = inputs.processes or choose_processes(inputs.device, config, data.n_cells)
    pca = _pca_aside(data)
    labels = _labels_aside(data, config.label_key)
    reference = pca if labels is not None else None
    result = train_clear(
        packed_if_large(values.select(None, np.flatnonzero(chosen))),
        config,
        context,
        device=inputs.device,
        processes=processes,
        batches=batches,
        totals=totals,
        target_sum=target_sum,
        labels=labels,
        reference=reference,
    )
    genes = gene_names(data.names(keys.VAR_NAMES)[chosen], data.frame("var")[chosen])
    model = ClearModel(
        config, genes, target_sum, dict(result.weights), result.moments, result.correction, result.beside
    )
    model.save(inputs.folder)
    last = result.history[-1]
    fault = fault_of(last)
    run_name = f"clear_{inputs.run_id[-6:]}" if inputs.run_id else "clear"
    # what has learnt nothing does not take the place of what may have
    chosen_now = run_name != "clear" and (fault is None or keys.representation("clear") not in data)
    embeddings: dict[str, Any] = {keys.representation(run_name): result.embedding}
    if chosen_now:
        embeddings[keys.representation("clear")] = SameAs(keys.representation(run_name))
    if result.beside is not None:
        embeddings[keys.parts(run_name)] = result.beside.columns
        if chosen_now:
            embeddings[keys.parts("clear")] = SameAs(keys.parts(run_name))
    elif chosen_now and keys.parts("clear") in data:
        embeddings[keys.parts("clear")] = {}  # of an earlier run: nothing stands beside this one
    summary = {
        "representation": run_name,
        "n_cells": int(result.embedding.shape[0]),
        "n_genes": int(chosen.sum()),
        "processes": processes,
        "epochs": int(last["epoch"]),
        "loss": last["loss"],
        "chance": last["chance"],
        "accuracy": last["accuracy"],
        "spread": last["spread"],
        "fault": fault or "",
        "train_seconds": float(sum(row["seconds"] for row in result.history)),
        "cells_per_s": float(np.median([row["cells_per_s"] for row in result.history])),
    }
    # the rule was measured with PCA beside CLEAR and batches untold, and is wrong elsewhere (benchmarks/README.md)
    if pca is not None and batches is None and result.beside is not None:
        context.report(1, 1, "comparing with PCA")
        found = compare_neighbours(result.embedding, pca, values, chosen, seed=config.seed)
        summary |= {} if found is None else {"against_pca": asdict(found)}
    if labels is not None:
        context.report(1, 1, "comparing with the labels")
        summary |= {"label_key": config.label_key, **_agreement(result.embedding, reference, labels, config.seed)}
    return Outcome(embeddings, summary=summary, files=FILES)


def _target_sum(values: BlockedMatrix) -> float:
    """The number that the counts of a cell were scaled to before their logarithm."""
    return float(np.median(_totals(values, linear)))


def _totals(
    values: BlockedMatrix, of: Callable[[sparse.csr_matrix], sparse.csr_matrix] = lambda block: block
) -> np.ndarray:
    """What each cell adds up to, shape (n_cells,)."""
    sums = values.each_block(lambda _, block: np.asarray(of(block).sum(axis=1), dtype=np.float64).ravel())
    return np.concatenate(list(sums))


def _labels_aside(data: Reading, label_key: str | None) -> pd.Categorical | None:
    """Labels to compare with. Nothing is learnt from them, so what is made does not depend on them."""
    if label_key is None:
        return None
    data.require_column(label_key)
    return pd.Categorical(data.read_aside(keys.obs(label_key))).remove_unused_categories()


def _pca_aside(data: Reading) -> np.ndarray | None:
    """PCA to compare with, where it has been made; what is made does not depend on it either."""
    pca = keys.representation("pca")
    return np.asarray(data.read_aside(pca)) if pca in data else None


def _agreement(
    embedding: np.ndarray, reference: np.ndarray | None, labels: pd.Categorical, seed: int
) -> dict[str, float | int]:
    """ARI of k-means (k = number of labels) on the representation and on PCA, of up to 10,000 cells."""
    found: dict[str, float | int] = {"n_labels": len(labels.categories)}
    for name, values in (("ari", embedding), ("reference_ari", reference)):
        if values is not None:
            scores = kmeans_agreement(values, labels, seed=seed, most_cells=AGREEMENT_CELLS)
            found |= {name: scores["ari"]} if scores else {}
    return found


def apply(inputs: Inputs, config: ApplyConfig, context: StepContext) -> Outcome:
    """Place every cell where a trained encoder puts it; genes that the dataset lacks are zero."""
    if not config.model:
        raise ConfigError("No model was named.", hint="Choose a finished run of CLEAR.")
    model = ClearModel.load(Path(config.model))
    data = inputs.data
    context.report(0, 1, "matching genes")
    if keys.COUNTS in data:
        measured = data.matrix(keys.COUNTS)
    else:
        data.require(keys.X, "This dataset has neither counts nor normalised values.")
        measured = Mapped(data.matrix(keys.X), lambda block: linear(block).data)
    embedding, aligned = model.embed_counts(measured, data.gene_names(), inputs.device, context.raise_if_stopped)
    values: dict[str, Any] = {keys.representation(APPLIED): embedding}
    if model.beside is not None:
        values[keys.parts(APPLIED)] = model.beside.columns
    beyond: dict[str, Any] = {}
    if config.onto:
        context.report(0, 1, "placing cells on the map")
        placed = _onto(embedding, config)
        values |= placed
        beyond = {"map": "umap_reference", "share_far": round(float((placed[keys.PLACED_DISTANCE] > 1).mean()), 4)}
    summary = {
        "representation": APPLIED,
        "n_cells": len(embedding),
        "n_genes": len(aligned.there),
        "n_genes_missing": int((~aligned.there).sum()),
        "genes_matched_by": aligned.by,
        "covered": round(model.covered(aligned.there), 4),
        **beyond,
    }
    return Outcome(values, summary=summary)


def _onto(embedding: np.ndarray, config: ApplyConfig) -> dict[str, np.ndarray]:
    where, points = map(np.asarray, read_slots(Path(config.onto), config.onto_places, config.onto_map))
    return on_the_map_of(embedding, where, points)
