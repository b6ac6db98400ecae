"""What the lessons show, computed: ``python -m benchmarks.lesson_runs`` writes ``scapp/teach/prepared``.

Every run is made by the app's own steps on its own examples; seed 0 is shown, and what is measured is given as the
range over seeds 0 to 2 as well. Takes about 18 minutes on two cores; ``--only grid runs ...`` makes some of it.
"""

import argparse
import itertools
import json
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import anndata as ad
import numpy as np
import pandas as pd
from scipy import sparse
from scipy.spatial.distance import pdist
from scipy.stats import spearmanr

from scapp import __version__, pp
from scapp.analysis.map.clusters import leiden, neighbours, umap_map
from scapp.analysis.map.label_agreement import kmeans_agreement
from scapp.classify.classifier import CellTypeClassifier
from scapp.classify.config import ClassifierConfig
from scapp.clear import watch
from scapp.clear.augment.config import AugmentationConfig
from scapp.clear.augment.preview import Sample, certain
from scapp.clear.config import ClearConfig, clear_config
from scapp.core.step_context import QuietContext
from scapp.data import examples as app_examples
from scapp.data.qc.harmony import harmony
from scapp.data.symbols import GeneNames
from scapp.metrics.by_type import headline, per_type
from scapp.metrics.faithfulness import neighbours_kept
from scapp.metrics.intervals import auprc_intervals
from scapp.metrics.mixing import own_group_share
from scapp.metrics.rejection import among_named
from scapp.reports.lesson_figures import alike
from scapp.steps.anndata_source import AnnDataSource
from scapp.steps.catalogue import step
from scapp.steps.step import Inputs, Reading
from scapp.teach.gallery import COMMON, Mistake, mistakes
from scapp.teach.prepared import DROPOUTS, PLACES, RATES, TEMPERATURES, as_places

PREPARED = Path(__file__).parents[1] / "scapp" / "teach" / "prepared"
SEEDS = (0, 1, 2)
FRAMES = (0, 1, 2, 4, 8, 15, 25, 50)
GRID_FRAMES = (0, 2, 5, 10, 25, 50)
MOST_SHOWN = 800
"""Cells of a larger example whose places are kept."""
SHOWN_CELLS = 120
"""Cells whose profiles are kept for the augmentations."""
SHOWN_GENES = 150
CIRCLE_STEPS = 16
MARKERS = (
    *(
        "CD3D",
        "CD3E",
        "IL7R",
        "CD8A",
        "CD8B",
        "GZMK",
        "CCL5",
        "GNLY",
        "NKG7",
        "GZMB",
        "PRF1",
        "CD79A",
        "CD79B",
        "MS4A1",
    ),
    *("CD74", "HLA-DRA", "LYZ", "S100A8", "S100A9", "FCN1", "CST3", "FCGR3A", "LST1", "FCER1A", "CLEC10A"),
)
"""Genes by which blood cells are named, which are kept with the profiles."""
REFUSED = (0.5, 0.7, 0.9)
LONGER = 500
"""Epochs, where ten times as many are asked about."""


class Kept(QuietContext):
    """Keeps what a step logs and shows."""

    def __init__(self) -> None:
        self.rows: list[dict[str, Any]] = []
        self.frames: dict[int, dict[str, np.ndarray]] = {}

    def log_metrics(self, row: dict[str, Any]) -> None:
        """Keep the row."""
        self.rows.append(row)

    def snapshot(self, number: int, arrays: Mapping[str, np.ndarray]) -> None:
        """Keep the frame."""
        self.frames[number] = dict(arrays)


def trained(adata: ad.AnnData, config: ClearConfig) -> tuple[np.ndarray, Kept, dict[str, Any]]:
    """Embedding, what was kept, and the summary of a training."""
    context = Kept()
    with tempfile.TemporaryDirectory() as folder:
        inputs = Inputs(Reading(AnnDataSource(adata)), Path(folder), "cpu", "", 0)
        outcome = step("clear").load()(inputs, config, context)
    return np.asarray(outcome.values["obsm/X_clear"]), context, dict(outcome.summary)


def main() -> None:
    """Make all, or what ``--only`` names."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", nargs="*", choices=list(MAKERS), default=list(MAKERS))
    names = parser.parse_args().only
    watch.FREE_SECONDS = float("inf")  # every epoch is looked at, however long that takes
    PREPARED.mkdir(exist_ok=True)
    place = PREPARED / "facts.json"
    facts: dict[str, Any] = json.loads(place.read_text()) if place.exists() else {}
    # what the app offers as examples: datasets.simulate() has other genes
    examples = {id: app_examples.example(id).load() for id in ("pbmc", "simulated")}
    for adata in examples.values():
        pp.prepare(adata)
    for name in names:
        began = time.monotonic()
        found, measured = MAKERS[name](examples)
        np.savez_compressed(PREPARED / f"{name}.npz", allow_pickle=False, **found)
        facts |= {"version": __version__, name: measured}
        place.write_text(json.dumps(facts, indent=1, default=float) + "\n")
        size = (PREPARED / f"{name}.npz").stat().st_size
        print(f"{name}: {size / 1000:.0f} kB, {time.monotonic() - began:.0f} s", flush=True)


Made = tuple[dict[str, np.ndarray], dict[str, Any]]
Examples = Mapping[str, ad.AnnData]


def codes_of(adata: ad.AnnData, column: str) -> np.ndarray:
    """Codes of a column."""
    return np.asarray(pd.Categorical(adata.obs[column].astype(str)).codes)


def cells(examples: Examples) -> Made:
    """Types and batches of the examples' cells; profiles of some blood cells for the augmentations."""
    found: dict[str, np.ndarray] = {}
    for example, columns in (("pbmc", ("cell_type",)), ("simulated", ("cell_type", "batch"))):
        for column in columns:
            values = pd.Categorical(examples[example].obs[column].astype(str))
            found[f"{example}/{column}"] = np.asarray(values.codes, dtype=np.int8)
            found[f"{example}/{column}/names"] = np.asarray(values.categories, dtype=str)
    adata = examples["pbmc"]
    shown = np.linspace(0, adata.n_obs - 1, SHOWN_CELLS).astype(int)
    values = adata.X[shown].toarray()
    variable = np.argsort(-adata.X.toarray().var(axis=0), kind="stable")[:SHOWN_GENES]
    genes = np.union1d(variable, np.flatnonzero(adata.var_names.isin(MARKERS)))
    found |= {
        "profiles/cells": shown,
        "profiles/genes": np.asarray(adata.var_names[genes], dtype=str),
        "profiles/values": values[:, genes].astype(np.float16),
        "profiles/mean": np.asarray(adata.X[:, genes].mean(axis=0)).ravel().astype(np.float32),
    }
    sizes = adata.obs["cell_type"].value_counts()
    facts = {name: each.n_obs for name, each in examples.items()} | {"sizes": sizes.to_dict()}
    facts["n_genes"] = {name: each.n_vars for name, each in examples.items()}
    sample = Sample(values[:, genes].astype(np.float16).astype(np.float32))
    for name, share in (("half", 0.5), ("most", 0.8), ("nearly_all", 0.95)):
        same, others = alike(sample, dropout(share))
        facts[name] = {"same": same, "others": others}
    return found, facts


def dropout(share: float) -> AugmentationConfig:
    """Heavy dropout of a share of the genes, in every view."""
    return certain(clear_config(augmentation={"dropout_share": share}).augmentation)


def measured(
    adata: ad.AnnData, embedding: np.ndarray, asked: np.ndarray, n_neighbours: int, seed: int
) -> dict[str, float]:
    """How many of a cell's neighbours are of its type and batch, and how well k-means finds the types."""
    types = codes_of(adata, "cell_type")[asked]
    same, by_chance = own_group_share(embedding[asked], types, n_neighbours=n_neighbours)
    found = {"same_type": same, "same_type_chance": by_chance}
    scores = kmeans_agreement(embedding[asked], pd.Categorical(types.astype(str)), seed=seed, most_cells=10_000)
    found["ari"] = scores["ari"] if scores else float("nan")
    if "batch" in adata.obs:
        found["own_batch"], found["own_batch_chance"] = own_group_share(
            embedding[asked], codes_of(adata, "batch")[asked]
        )
    return found


def run_facts(row: Mapping[str, Any], summary: Mapping[str, Any]) -> dict[str, Any]:
    """What a training says of itself at its end."""
    return {
        "loss": row["loss"],
        "chance": row["chance"],
        "loss_share": row["loss"] / row["chance"],
        "spread": row["spread"],
        "fault": summary["fault"],
        "epochs": row["epoch"],
    }


def runs(examples: Examples) -> Made:
    """Each run that went wrong, and the same run repaired; PCA's figures beside them."""
    found: dict[str, np.ndarray] = {}
    facts: dict[str, Any] = {}
    for mistake in mistakes():
        facts[mistake.id] = {}
        for which in ("wrong", "repaired"):
            facts[mistake.id][which] = _one_run(mistake, which, examples[mistake.example], found)
            print(mistake.id, which, facts[mistake.id][which], flush=True)
    for example, adata in examples.items():
        every = np.arange(adata.n_obs)
        # a rate at which nothing moves: what the network's random start makes of the cells
        untrained, _, _ = trained(adata, clear_config(**COMMON, epochs=1, learning_rate=1e-12))
        facts[example] = {
            "pca": measured(adata, adata.obsm["X_pca"], every, 15, 0),
            "untrained": measured(adata, untrained, every, 15, 0),
        }
    blood = examples["pbmc"]
    longer, kept, summary = trained(blood, clear_config(**COMMON, epochs=LONGER))
    every = np.arange(blood.n_obs)
    facts["pbmc"]["longer"] = measured(blood, longer, every, 15, 0) | run_facts(kept.rows[-1], summary)
    return found, facts


def _one_run(mistake: Mistake, which: Any, adata: ad.AnnData, found: dict[str, np.ndarray]) -> dict[str, Any]:
    name = f"{mistake.id}.{which}"
    every = np.arange(adata.n_obs)
    asked = every
    if mistake.subset:
        asked = np.sort(np.random.default_rng(0).choice(adata.n_obs, mistake.subset, replace=False))
    data = adata
    if mistake.subset and which == "wrong":
        data = adata[asked].copy()
        pp.prepare(data)
    inside = every[: len(asked)] if data is not adata else asked
    rows = []
    for seed in SEEDS:
        embedding, kept, summary = trained(data, mistake.config(which, seed))
        n_neighbours = 5 if mistake.subset else 15
        figures = measured(data, embedding, inside, n_neighbours, seed) | run_facts(kept.rows[-1], summary)
        rows.append(figures)
        if seed == 0:
            _keep_run(found, name, kept, FRAMES, inside, asked)
            some = embedding[inside]
            graph = neighbours(some, n_neighbors=15, seed=0).connectivities
            drawn = umap_map(some, graph, n_neighbors=15, min_dist=0.5, seed=0)
            chosen = _spread(len(inside))
            found[f"{name}/map"] = as_places((drawn - drawn.mean(axis=0))[chosen])
    ranges = {
        f"{key}_{end}": pick(row[key] for row in rows)
        for key in ("same_type", "ari", "own_batch", "loss_share", "spread")
        if key in rows[0]
        for end, pick in (("low", min), ("high", max))
    }
    return {**rows[0], **ranges, "n_neighbours": n_neighbours, "n_trained": data.n_obs}


def _spread(n: int) -> np.ndarray:
    return np.linspace(0, n - 1, min(n, MOST_SHOWN)).astype(int)


def _keep_run(
    found: dict[str, np.ndarray],
    name: str,
    kept: Kept,
    wanted: tuple[int, ...],
    inside: np.ndarray,
    asked: np.ndarray,
) -> None:
    """Curve and places of a run; ``inside`` are the cells in what was trained on, ``asked`` the same in the example."""
    there = np.array(sorted(kept.frames))
    epochs = np.unique([there[np.abs(there - epoch).argmin()] for epoch in (*wanted, there[-1])])
    shown = kept.frames[int(epochs[0])]["shown"]
    place = np.searchsorted(shown, inside)
    assert (shown[place] == inside).all()
    chosen = _spread(len(inside))
    points = np.stack([kept.frames[int(epoch)]["points"][place[chosen]] for epoch in epochs])
    found |= {
        f"{name}/loss": np.array([row["loss"] for row in kept.rows], dtype=np.float32),
        f"{name}/chance": np.float32(kept.rows[-1]["chance"]),
        f"{name}/epochs": epochs.astype(np.int16),
        f"{name}/frames": as_places(points),
        f"{name}/cells": asked[chosen].astype(np.int16),
    }


def grid(examples: Examples) -> Made:
    """Runs for every combination of temperature, share of genes set to zero, and learning rate; two views of one cell
    are its positives, and PCA does not stand beside.
    """
    adata = examples["pbmc"]
    every = np.arange(adata.n_obs)
    shape = (len(TEMPERATURES), len(DROPOUTS), len(RATES))
    kept_runs: list[dict[str, np.ndarray]] = []
    figures: list[dict[str, Any]] = []
    for temperature, dropout, rate in itertools.product(TEMPERATURES, DROPOUTS, RATES):
        masked = {"dropout_share": dropout} if dropout else {"dropout_probability": 0.0}
        config = clear_config(
            **COMMON, positives="self", temperature=temperature, learning_rate=rate, augmentation=masked
        )
        embedding, kept, summary = trained(adata, config)
        one: dict[str, np.ndarray] = {}
        _keep_run(one, "run", kept, GRID_FRAMES, every, every)
        kept_runs.append(one)
        figures.append(measured(adata, embedding, every, 15, 0) | run_facts(kept.rows[-1], summary))
        print(temperature, dropout, rate, figures[-1], flush=True)
    found = {
        name: np.stack([one[f"run/{name}"] for one in kept_runs]).reshape(*shape, *kept_runs[0][f"run/{name}"].shape)
        for name in ("loss", "chance", "frames")
    }
    found["epochs"] = kept_runs[0]["run/epochs"]
    assert all((one["run/epochs"] == found["epochs"]).all() for one in kept_runs)
    for name in ("same_type", "ari", "spread", "loss_share"):
        found[name] = np.array([row[name] for row in figures], dtype=np.float32).reshape(shape)
    best = int(np.argmax([row["same_type"] for row in figures]))
    lowest = int(np.argmin([row["loss_share"] for row in figures]))
    names = ("temperature", "dropout", "rate")
    settings = [*itertools.product(TEMPERATURES, DROPOUTS, RATES)]
    usual = TEMPERATURES.index(0.5), RATES.index(1e-3)
    masked = {
        name: float(found["same_type"][usual[0], place, usual[1]])
        for place, name in enumerate(("none", "half", "most", "nearly_all"))
    }
    return found, {
        "n": len(figures),
        "masked": masked,
        "best": {**dict(zip(names, settings[best], strict=True)), **figures[best]},
        "lowest_loss": {**dict(zip(names, settings[lowest], strict=True)), **figures[lowest]},
    }


def maps(examples: Examples) -> Made:
    """Maps of the simulated study by several representations, of the blood cells, and of cells without structure."""
    study, blood = examples["simulated"], examples["pbmc"]
    found: dict[str, np.ndarray] = {}
    facts: dict[str, Any] = {}
    told, _, _ = trained(study, clear_config(batch_key="batch"))
    untold, _, _ = trained(study, clear_config())
    spaces = {
        "pca": study.obsm["X_pca"],
        "clear": untold,
        "told": told,
        "harmony": harmony(study.obsm["X_pca"], codes_of(study, "batch"), seed=0),
    }
    shown = _spread(study.n_obs)
    found["simulated/cells"] = shown.astype(np.int16)
    for name, space in spaces.items():
        for seed in (0, 1) if name == "pca" else (0,):
            graph = neighbours(space, n_neighbors=15, seed=seed).connectivities
            drawn = umap_map(space, graph, n_neighbors=15, min_dist=0.5, seed=seed)
            id = f"umap_{name}" if seed == 0 else f"umap_{name}_again"
            found[f"simulated/{id}"] = as_places((drawn - drawn.mean(axis=0))[shown])
            facts[id] = {
                "kept": neighbours_kept(space, drawn),
                "distances": _distances_kept(space, drawn, codes_of(study, "cell_type")),
                **measured(study, space, np.arange(study.n_obs), 15, 0),
            }
        print(name, facts[f"umap_{name}"], flush=True)
    flat = study.obsm["X_pca"][:, :2]
    found["simulated/pca"] = as_places(flat[shown])
    facts["pca"] = {
        "kept": neighbours_kept(study.obsm["X_pca"], flat),
        "distances": _distances_kept(study.obsm["X_pca"], flat, codes_of(study, "cell_type")),
    }
    found["pbmc/cells"] = np.arange(blood.n_obs).astype(np.int16)
    for id, adata in (("umap_pca", blood), ("umap_noise", _without_structure(blood))):
        space = adata.obsm["X_pca"]
        graph = neighbours(space, n_neighbors=15, seed=0).connectivities
        drawn = umap_map(space, graph, n_neighbors=15, min_dist=0.5, seed=0)
        clusters = leiden(graph, resolution=1.0, seed=0)
        found[f"pbmc/{id}"] = as_places(drawn - drawn.mean(axis=0))
        found[f"pbmc/{id}/clusters"] = np.asarray(clusters.codes, dtype=np.int8)
        facts[f"pbmc_{id}"] = {"kept": neighbours_kept(space, drawn), "n_clusters": len(clusters.categories)}
        print(id, facts[f"pbmc_{id}"], flush=True)
    return found, facts


def _distances_kept(space: np.ndarray, drawn: np.ndarray, types: np.ndarray) -> float:
    """Rank correlation of the distances between the types' centres in a space and on its map."""
    centres = [np.stack([values[types == code].mean(axis=0) for code in np.unique(types)]) for values in (space, drawn)]
    return float(spearmanr(*(pdist(each) for each in centres)).statistic)


def _without_structure(adata: ad.AnnData) -> ad.AnnData:
    """The same genes, each with its counts dealt out anew among the cells: nothing ties genes together."""
    rng = np.random.default_rng(0)
    counts = adata.layers["counts"].toarray()
    for gene in range(counts.shape[1]):
        counts[:, gene] = rng.permutation(counts[:, gene])
    noise = ad.AnnData(obs=adata.obs[[]], var=adata.var[[]])
    noise.layers["counts"] = sparse.csr_matrix(counts)
    pp.prepare(noise)
    return noise


def circles(examples: Examples) -> Made:
    """Circles that compete, from a random start to the end; what the classifier says of its test cells; and what one
    that never saw a type says of that type's cells.
    """
    adata = examples["pbmc"]
    labels = pd.Categorical(adata.obs["cell_type"].astype(str))
    names = [str(name) for name in adata.var_names]
    genes = GeneNames(names, names, [""] * len(names))
    counts = adata.layers["counts"]
    context = Kept()
    # long and fast enough for the arc to be seen; test cells are named as well as by the defaults
    config = ClassifierConfig(component="competing", start="random", test_share=0.3, steps=1_000, learning_rate=1e-2)
    classifier = CellTypeClassifier(config)
    classifier.fit_counts(counts, labels, genes, None, context, "cpu")
    there = np.array(sorted(context.frames))
    steps = there[np.unique(np.linspace(0, len(there) - 1, CIRCLE_STEPS).astype(int))]
    points = np.stack([context.frames[int(each)]["circles"] for each in steps]).astype(np.float64)
    test = classifier.split.test
    codes = np.asarray(labels.codes)[test]
    probabilities = classifier.test_probabilities
    table = pd.concat([per_type(codes, probabilities), auprc_intervals(codes, probabilities)], axis=1)
    table.insert(0, "type", classifier.types)
    table.insert(1, "n_train", classifier.n_train)
    found = {
        "steps": steps.astype(np.int16),
        "angles": np.round(np.arctan2(points[..., 1], points[..., 0]) / np.pi * PLACES).astype(np.int16),
        "cells": context.frames[int(steps[0])]["cells"].astype(np.int16),
        "types": np.asarray(classifier.types, dtype=str),
        "test": test.astype(np.int16),
        "codes": codes.astype(np.int8),
        "probabilities": probabilities.astype(np.float16),
    }
    facts: dict[str, Any] = {**headline(codes, probabilities), "types": table.to_dict("records")}
    confidence, right = probabilities.max(axis=1), probabilities.argmax(axis=1) == codes
    facts["wrong_of_all"] = float(1 - right.mean())
    facts["named_at"] = {f"p{round(100 * least)}": among_named(confidence, right, least) for least in REFUSED}
    facts["by_type"] = {row["type"]: row for row in facts["types"]}
    facts["unseen"] = {}
    for left_out in labels.categories:
        known = np.asarray(labels != left_out)
        without = CellTypeClassifier(ClassifierConfig(component="none"))
        without.fit_counts(counts[known], labels[known].remove_unused_categories(), genes, None, QuietContext(), "cpu")
        said, _ = without.predict_counts(counts[~known], genes)
        called = pd.Series(without.named(said)).value_counts()
        facts["unseen"][left_out] = {
            "n": int((~known).sum()),
            "called": str(called.index[0]),
            "called_share": float(called.iloc[0] / called.sum()),
            "above_half": float((said.max(axis=1) >= 0.5).mean()),
            "above_nine_tenths": float((said.max(axis=1) >= 0.9).mean()),
        }
        print(left_out, facts["unseen"][left_out], flush=True)
    print(facts["types"])
    return found, facts


MAKERS = {"cells": cells, "circles": circles, "maps": maps, "runs": runs, "grid": grid}

if __name__ == "__main__":
    main()
