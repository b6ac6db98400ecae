"""What each choice of the recommended preset is worth: python -m benchmarks.clear_ablation FILE... [--variants
own_positives ...].

Every variant changes the preset in one place and trains on every labelled file, prepared with the app's defaults and
all cells kept. Prints a Markdown table: k-means ARI with k = number of types, and the best Leiden ARI of a sweep; PCA
(50 components of the same 2,000 genes) beside it. With --batch-key the column is given to the variants, and silhouettes
of labels and of batches within labels are printed as well.
"""

import argparse
import os
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from benchmarks.clear_quality import scores

HEAVY = "dropout_share"
VARIANTS: dict[str, dict[str, Any]] = {
    "recommended": {},
    "own_positives": {"positives": "self"},
    "scaled_genes": {"scale_input": True},
    "temperature_0.2": {"temperature": 0.2},
    "temperature_1": {"temperature": 1.0},
    "mask_0.5": {"augmentation": {HEAVY: 0.5}},
    "mask_0.9": {"augmentation": {HEAVY: 0.9}},
    "crossover": {"augmentation": {"crossover_probability": 0.5}},
    "thinning": {"augmentation": {"thin_probability": 0.5}},
    "layer_norm": {"normalisation": "layer"},
    "momentum_keys": {"key_encoder": "momentum", "momentum": 0.99},
    "queue": {"key_encoder": "momentum", "momentum": 0.99, "queue_size": 1024},
    "output": {"representation": "output"},
    "length_one": {"embedding_length": "one"},
    "length_own": {"embedding_length": "own"},
    "steps_400": {"steps": 400},
    "steps_1600": {"steps": 1600},
    "epochs_25": {"epochs": 25},
    "epochs_100": {"epochs": 100},
    "neighbors_30": {"n_neighbors": 30},
    "paper": {"preset": "paper"},
    "authors_code": {"preset": "authors_code"},
}


def prepared(file: Path, label_key: str, batch_key: str | None) -> dict[str, Any]:
    """Values of the variable genes as the app prepares them, labels, batches."""
    from scapp.data.config import KEEP_EVERYTHING, PrepareConfig
    from scapp.data.formats.reader import read
    from scapp.data.qc.preprocessing import filter_data, normalise
    from scapp.data.qc.variable_genes import highly_variable

    imported = read(file)
    adata = imported.in_memory()
    counts = next((m for m in (adata.layers.get("counts"), adata.layers.get("expression")) if m is not None), None)
    config = PrepareConfig.build({**KEEP_EVERYTHING, "min_cells": 3})
    matrix = adata.X if counts is None else counts
    kept = filter_data(matrix, pd.DataFrame(index=range(adata.n_obs)), config)
    values = matrix[kept.cells][:, kept.genes] if counts is None else normalise(matrix[kept.cells][:, kept.genes], 1e4)
    genes = highly_variable(values, None, config)
    totals = None if counts is None else np.asarray(counts.sum(axis=1), dtype=np.float32).ravel()
    batches = pd.factorize(adata.obs[batch_key].astype(str))[0] if batch_key else None
    labels = pd.Categorical(adata.obs[label_key])
    return {
        "values": values,
        "counts": None if counts is None else matrix[kept.cells][:, kept.genes],
        "genes": genes,
        "totals": totals,
        "labels": labels,
        "batches": batches,
    }


def measure(file: Path, variant: str, seed: int, label_key: str, batch_key: str | None) -> dict[str, Any]:
    """One training, scored."""
    from scapp.clear.config import clear_config
    from scapp.clear.train import train_clear
    from scapp.core.step_context import QuietContext
    from scapp.data.config import PrepareConfig
    from scapp.data.qc.principal_components import principal_components

    data = prepared(file, label_key, batch_key)
    if variant.startswith("PCA"):
        config = PrepareConfig(scale_for_pca=variant.endswith("scaled"))
        embedding = principal_components(data["values"], data["genes"], config)
    else:
        config = clear_config(**{"preset": "recommended", **VARIANTS[variant], "seed": seed, "batch_key": batch_key})
        embedding = train_clear(
            data["values"][:, data["genes"]], config, QuietContext(), batches=data["batches"], totals=data["totals"]
        ).embedding
    found = scores(embedding, data["labels"])
    if data["batches"] is not None:
        found |= silhouettes(embedding, data["labels"].codes, data["batches"])
    return {"file": file.stem, "variant": variant, "seed": seed, **found}


def silhouettes(embedding: np.ndarray, labels: np.ndarray, batches: np.ndarray) -> dict[str, float]:
    """Of the labels (1 is best), and of the batches within each label (0 is best)."""
    from sklearn.metrics import silhouette_score

    within = []
    for label in np.unique(labels):
        mine = labels == label
        sizes = np.bincount(batches[mine])
        if (sizes > 1).sum() > 1 and (sizes > 0).sum() < mine.sum():
            within.append(silhouette_score(embedding[mine], batches[mine]))
    of_labels = silhouette_score(embedding, labels)
    return {"labels": float(of_labels), "batches": float(np.mean(within)) if within else float("nan")}


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("files", nargs="+", type=Path)
    parser.add_argument("--variants", nargs="+", choices=list(VARIANTS), default=["recommended"])
    parser.add_argument("--label-key", default="cell_type")
    parser.add_argument("--batch-key")
    parser.add_argument("--seeds", type=int, default=1)
    parser.add_argument("--processes", type=int, default=os.cpu_count())
    arguments = parser.parse_args()
    os.environ.setdefault("OMP_NUM_THREADS", "1")  # one process a core
    names = ["PCA", "PCA, scaled", *arguments.variants]
    jobs = [
        (file, name, seed, arguments.label_key, arguments.batch_key)
        for file in arguments.files
        for name in names
        for seed in range(1 if name.startswith("PCA") else arguments.seeds)
    ]
    with ProcessPoolExecutor(arguments.processes) as pool:
        rows = list(pool.map(measure, *zip(*jobs, strict=True)))
    table = pd.DataFrame(rows)
    measures = [name for name in ("kmeans", "leiden", "labels", "batches") if name in table]
    by_file = table.groupby(["file", "variant"])[measures].mean()
    print("| | " + " | ".join(names) + " |\n| --- |" + " --- |" * len(names))
    for file in [file.stem for file in arguments.files]:
        print(f"| {file} | " + " | ".join(_cell(by_file.loc[(file, name)]) for name in names) + " |")
    means = by_file.groupby("variant").mean()
    print("| **mean** | " + " | ".join(_cell(means.loc[name], 3) for name in names) + " |")


def _cell(row: pd.Series, digits: int = 2) -> str:
    return " / ".join(f"{value:.{digits}f}" for value in row)


if __name__ == "__main__":
    main()
