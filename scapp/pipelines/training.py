"""Train CLEAR on a dataset's highly variable genes."""

import json
from dataclasses import dataclass

import numpy as np
from safetensors.numpy import save_file

from scapp.contrast.clear import ClearResult, train_clear
from scapp.contrast.config import ClearConfig
from scapp.core import keys
from scapp.core.errors import DataError
from scapp.core.steps import StepContext
from scapp.pipelines.step import Inputs, Outcome

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
    context.report(0, config.epochs, "loading the data")
    chosen = np.asarray(data.read(keys.var(keys.HIGHLY_VARIABLE)), dtype=bool)
    names = data.names(keys.VAR_NAMES)[chosen].tolist()
    result = train_clear(data.read(keys.X)[:, chosen], config, context, device=inputs.device)
    _save_model(result, config, _Genes(names, chosen), inputs)
    run_name = f"clear_{inputs.run_id[-6:]}" if inputs.run_id else "clear"
    values = {keys.representation(run_name): result.embedding, keys.representation("clear"): result.embedding}
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
    return Outcome(values, summary=summary, files=["model.safetensors", "model.json"])


def _save_model(result: ClearResult, config: ClearConfig, genes: _Genes, inputs: Inputs) -> None:
    save_file(
        {name: np.ascontiguousarray(value) for name, value in result.weights.items()},
        inputs.folder / "model.safetensors",
    )
    content = {"format": MODEL_FORMAT, "kind": "clear", "config": config.model_dump(mode="json"), "genes": genes.names}
    (inputs.folder / "model.json").write_text(json.dumps(content))
