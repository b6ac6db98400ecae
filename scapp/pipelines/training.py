"""Train CLEAR on a dataset's highly variable genes."""

import json
from dataclasses import dataclass

import numpy as np
import pandas as pd
from safetensors.numpy import save_file
from scipy import sparse

from scapp.contrast.clear import ClearResult, train_clear
from scapp.contrast.config import ClearConfig
from scapp.contrast.sizes import effective_epochs
from scapp.core import keys
from scapp.core.errors import DataError
from scapp.core.steps import StepContext
from scapp.pipelines.step import Inputs, Outcome, Reading

MODEL_FORMAT = 1


@dataclass(frozen=True)
class _Genes:
    names: list[str]
    chosen: np.ndarray


def train(inputs: Inputs, config: ClearConfig, context: StepContext) -> Outcome:
    """Train, embed every cell, and keep the encoder as safetensors and JSON in the run's folder."""
    data = inputs.data
    if keys.X not in data:
        raise DataError(
            "This dataset is not normalised yet.", hint="Filter and normalise it on the Upload & QC page first."
        )
    context.report(0, effective_epochs(config, data.dataset.n_cells), "loading the data")
    chosen = np.asarray(data.read(keys.var(keys.HIGHLY_VARIABLE)), dtype=bool)
    names = data.names(keys.VAR_NAMES)[chosen].tolist()
    values = data.read(keys.X)
    totals, target_sum = _depth(data, values) if config.augmentation.thin_probability > 0 else (None, 1e4)
    batches = pd.factorize(pd.Series(data.column(config.batch_key)).astype(str))[0] if config.batch_key else None
    result = train_clear(
        values[:, chosen],
        config,
        context,
        device=inputs.device,
        batches=batches,
        totals=totals,
        target_sum=target_sum,
    )
    _save_model(result, config, _Genes(names, chosen), inputs)
    run_name = f"clear_{inputs.run_id[-6:]}" if inputs.run_id else "clear"
    embeddings = {keys.representation(run_name): result.embedding, keys.representation("clear"): result.embedding}
    last = result.history[-1]
    summary = {
        "representation": run_name,
        "n_cells": int(result.embedding.shape[0]),
        "n_genes": int(chosen.sum()),
        "epochs": int(last["epoch"]),
        "loss": last["loss"],
        "chance": last["chance"],
        "accuracy": last["accuracy"],
        "spread": last["spread"],
        "train_seconds": float(sum(row["seconds"] for row in result.history)),
        "cells_per_s": float(np.median([row["cells_per_s"] for row in result.history])),
    }
    return Outcome(embeddings, summary=summary, files=["model.safetensors", "model.json"])


def _depth(data: Reading, values: sparse.csr_matrix) -> tuple[np.ndarray | None, float]:
    """Counts of each cell, and the number that the values were scaled to; without counts, none."""
    if keys.COUNTS not in data:
        return None, 1e4
    scaled = values.copy()
    scaled.data = np.expm1(scaled.data)
    totals = np.asarray(data.read(keys.COUNTS).sum(axis=1), dtype=np.float32).ravel()
    return totals, float(np.median(np.asarray(scaled.sum(axis=1))))


def _save_model(result: ClearResult, config: ClearConfig, genes: _Genes, inputs: Inputs) -> None:
    save_file(
        {name: np.ascontiguousarray(value) for name, value in result.weights.items()},
        inputs.folder / "model.safetensors",
    )
    content = {"format": MODEL_FORMAT, "kind": "clear", "config": config.model_dump(mode="json"), "genes": genes.names}
    (inputs.folder / "model.json").write_text(json.dumps(content))
