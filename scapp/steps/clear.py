"""Train CLEAR on a dataset's highly variable genes."""

import json
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from safetensors.numpy import save_file
from scipy import sparse

from scapp.analysis.map.label_agreement import kmeans_agreement
from scapp.clear.config import ClearConfig
from scapp.clear.parallel.ranks import choose_processes
from scapp.clear.train import train_clear
from scapp.clear.training.effective_sizes import effective_epochs
from scapp.clear.training.loop import ClearResult
from scapp.core import keys
from scapp.core.step_context import StepContext
from scapp.steps.step import Inputs, Outcome, Reading
from scapp.workspace.datasets.staging import SameAs

MODEL_FORMAT = 1
AGREEMENT_CELLS = 10_000


@dataclass(frozen=True)
class _Genes:
    names: list[str]
    chosen: np.ndarray


def train(inputs: Inputs, config: ClearConfig, context: StepContext) -> Outcome:
    """Train, embed every cell, and keep the encoder as safetensors and JSON in the run's folder."""
    data = inputs.data
    data.require(keys.X, "This dataset is not normalised yet.")
    context.report(0, effective_epochs(config, data.n_cells), "loading the data")
    chosen = np.asarray(data.read(keys.var(keys.HIGHLY_VARIABLE)), dtype=bool)
    names = data.names(keys.VAR_NAMES)[chosen].tolist()
    values = data.read(keys.X)
    totals, target_sum = _depth(data, values) if config.augmentation.thin_probability > 0 else (None, 1e4)
    batches = data.batches(config.batch_key)
    processes = inputs.processes or choose_processes(inputs.device, config, data.n_cells)
    labels, reference = _watched(data, config.label_key)
    result = train_clear(
        values[:, chosen],
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
    _save_model(result, config, _Genes(names, chosen), inputs)
    run_name = f"clear_{inputs.run_id[-6:]}" if inputs.run_id else "clear"
    embeddings: dict[str, Any] = {keys.representation(run_name): result.embedding}
    if run_name != "clear":
        embeddings[keys.representation("clear")] = SameAs(keys.representation(run_name))
    last = result.history[-1]
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
        "train_seconds": float(sum(row["seconds"] for row in result.history)),
        "cells_per_s": float(np.median([row["cells_per_s"] for row in result.history])),
    }
    if labels is not None:
        context.report(1, 1, "comparing with the labels")
        summary |= {"label_key": config.label_key, **_agreement(result.embedding, reference, labels, config.seed)}
    return Outcome(embeddings, summary=summary, files=["model.safetensors", "model.json"])


def _depth(data: Reading, values: sparse.csr_matrix) -> tuple[np.ndarray | None, float]:
    """Counts of each cell, and the number that the values were scaled to; without counts, none."""
    if keys.COUNTS not in data:
        return None, 1e4
    scaled = values.copy()
    scaled.data = np.expm1(scaled.data)
    totals = np.asarray(data.read(keys.COUNTS).sum(axis=1), dtype=np.float32).ravel()
    return totals, float(np.median(np.asarray(scaled.sum(axis=1))))


def _watched(data: Reading, label_key: str | None) -> tuple[pd.Categorical | None, np.ndarray | None]:
    """Labels, and PCA to compare with. Nothing is learnt from them, so what is made does not depend on them."""
    if label_key is None:
        return None, None
    data.require_column(label_key)
    labels = pd.Categorical(data.read_aside(keys.obs(label_key)))
    pca = keys.representation("pca")
    reference = np.asarray(data.read_aside(pca)) if pca in data else None
    return labels.remove_unused_categories(), reference


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


def _save_model(result: ClearResult, config: ClearConfig, genes: _Genes, inputs: Inputs) -> None:
    save_file(
        {name: np.ascontiguousarray(value) for name, value in result.weights.items()},
        inputs.folder / "model.safetensors",
    )
    content = {"format": MODEL_FORMAT, "kind": "clear", "config": config.model_dump(mode="json"), "genes": genes.names}
    (inputs.folder / "model.json").write_text(json.dumps(content))
