"""Comparisons of representations on one dataset: what is done stays done, so an interrupted one goes on where it was."""

import json
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from scipy import sparse

from scapp.analysis.clustering import kmeans, leiden, louvain, neighbour_graph
from scapp.analysis.trajectory import path_time, pseudotime, root_of
from scapp.core import keys
from scapp.core.errors import ConfigError, DataError
from scapp.core.processes import MemoryWatch
from scapp.core.steps import StepContext
from scapp.data.config import PrepareConfig
from scapp.data.corruption import drop_counts, thin_counts
from scapp.metrics.clustering import compare, labels_apart, silhouette
from scapp.metrics.mixing import ari_scores, asw_scores, clisi, ilisi, kbet_acceptance, neighbours
from scapp.metrics.ordering import order_agreement
from scapp.pipelines.evaluation_config import (
    STORED,
    AblationTask,
    BatchTask,
    ClusteringTask,
    DropoutTask,
    EvaluationConfig,
    PseudotimeTask,
    title_of,
)
from scapp.pipelines.peers import Making, Material, ablations, check_methods, clear_settings, represent, seeds_of
from scapp.pipelines.step import Inputs, Outcome, Reading

UNITS_FILE = "units.jsonl"
MOST_PATH_CELLS = 10_000
"""The minimum spanning tree compares every cell with every other."""
NOT_SCORES = ("method", "title", "seed", "level", "clusterer", "k_given")
Scorer = Callable[[np.ndarray, int], dict[str, Any]]


@dataclass(frozen=True)
class Unit:
    """One representation to make and score: what an interrupted comparison need not do again."""

    method: str
    title: str
    seed: int
    level: float
    make: Callable[[], np.ndarray]

    @property
    def key(self) -> str:
        """Tells it from all others of its comparison."""
        return json.dumps([self.method, self.seed, self.level])


def compare_clustering(inputs: Inputs, config: ClusteringTask, context: StepContext) -> Outcome:
    """Clusters of each representation against labels (CLEAR paper, Figure 2A-C)."""
    task = _Task(inputs, config, context)
    score = partial(_clustering, labels=task.labels, config=config, sweep=True)
    return _outcome(task, _run(task, list(_units(task)), score), inputs.folder)


def compare_dropout(inputs: Inputs, config: DropoutTask, context: StepContext) -> Outcome:
    """The same with counts lost before any other step (CLEAR paper, Figure 2D).

    Raises
    ------
    DataError
        There are no counts, or no labels.
    """
    task = _Task(inputs, config, context)
    if task.material.counts is None:
        raise DataError("Counts are lost on purpose, and this dataset has none.", hint="Import the raw counts.")
    task.require_labels()
    units = [unit for share in config.shares for unit in _units_after_loss(task, config, share)]
    score = partial(_clustering, labels=task.labels, config=config, sweep=False)
    return _outcome(task, _run(task, units, score), inputs.folder)


def compare_batches(inputs: Inputs, config: BatchTask, context: StepContext) -> Outcome:
    """How batches mix and types stay apart (CLEAR paper, Figure 3).

    Raises
    ------
    DataError
        No labels, or fewer than two batches.
    """
    task = _Task(inputs, config, context, batch_key=config.batch_key)
    task.require_labels()
    if task.material.batches is None or len(np.unique(task.material.batches)) < 2:
        raise DataError("There are fewer than two batches.", hint="Choose a batch column with two values or more.")
    assert task.labels is not None
    score = partial(_batch, labels=task.labels, batches=task.material.batches)
    return _outcome(task, _run(task, list(_units(task)), score), inputs.folder)


def compare_pseudotime(inputs: Inputs, config: PseudotimeTask, context: StepContext) -> Outcome:
    """How well each representation orders cells by stage (CLEAR paper, Figure 4).

    Raises
    ------
    DataError
        Fewer than two stages.
    """
    task = _Task(inputs, config, context, order=config.stages)
    task.require_labels()
    score = partial(_order, stages=task.categories, config=config)
    return _outcome(task, _run(task, list(_units(task)), score), inputs.folder)


def compare_augmentations(inputs: Inputs, config: AblationTask, context: StepContext) -> Outcome:
    """CLEAR without each augmentation, and with each alone (the paper's supplementary study)."""
    task = _Task(inputs, config.model_copy(update={"methods": ("clear",)}), context)
    task.require_labels()
    units = [
        Unit(title, title, seed, 0.0, partial(represent, "clear", task.making(seed, settings)))
        for title, settings in ablations(task.clear, alone=config.alone).items()
        for seed in task.seeds
    ]
    score = partial(_clustering, labels=task.labels, config=config, sweep=False)
    return _outcome(task, _run(task, units, score), inputs.folder)


class _Task:
    """What a comparison reads."""

    def __init__(
        self,
        inputs: Inputs,
        config: EvaluationConfig,
        context: StepContext,
        *,
        batch_key: str | None = None,
        order: tuple[str, ...] = (),
    ) -> None:
        context.report(0, 1, "loading the data")
        self.inputs, self.config, self.context = inputs, config, context
        data = inputs.data
        self.categories = _categories(data, config.label_key, order)
        self.labels = None if self.categories is None else np.asarray(self.categories.codes, dtype=np.int64)
        self.material = _material(data, batch_key, config.methods)
        check_methods(config.methods, self.material)
        self.clear = clear_settings(config.preset, config.epochs, self.material)
        self.seeds = range(config.seed, config.seed + config.n_seeds)

    def making(self, seed: int, clear: Any = None, material: Material | None = None) -> Making:
        return Making(material or self.material, clear or self.clear, seed, self.inputs.device, self.context)

    def require_labels(self) -> None:
        """Refuse where there is nothing to compare with.

        Raises
        ------
        DataError
            No labels, or only one.
        """
        n_labels = 0 if self.labels is None else len(np.unique(self.labels[self.labels >= 0]))
        if n_labels < 2:
            raise DataError(
                f"This comparison needs labels with two levels or more; found {n_labels}.",
                hint="Choose a column of known types or stages.",
            )


def _categories(data: Reading, label_key: str | None, order: tuple[str, ...]) -> pd.Categorical | None:
    values = data.column(label_key)
    if values is None:
        return None
    found = pd.Categorical(values).remove_unused_categories()
    found = found.rename_categories([str(name) for name in found.categories])
    if order:
        there = [str(name) for name in found.categories]
        unknown = [name for name in order if name not in there]
        if unknown:
            raise ConfigError(
                f"'{label_key}' has no '{unknown[0]}'; it has {', '.join(there)}.",
                hint="Order the levels that are there.",
            )
        found = found.set_categories(list(order))
    return found


def _material(data: Reading, batch_key: str | None, methods: tuple[str, ...]) -> Material:
    if keys.X not in data:
        raise DataError(
            "This dataset is not normalised yet.", hint="Filter and normalise it on the Upload & QC page first."
        )
    batches = data.column(batch_key)
    stored = {}
    for name in keys.representations(data.dataset.slots):
        if STORED + name in methods:
            stored[name] = np.asarray(data.read(keys.representation(name)), dtype=np.float32)
    records = data.dataset.manifest.provenance.values()
    earlier = next((r.config for r in reversed(list(records)) if r.step == "prepare"), {})
    return Material(
        sparse.csr_matrix(data.read(keys.X)),
        sparse.csr_matrix(data.read(keys.COUNTS)) if keys.COUNTS in data else None,
        np.asarray(data.read(keys.var(keys.HIGHLY_VARIABLE)), dtype=bool),
        None if batches is None else pd.factorize(batches.astype(str))[0],
        PrepareConfig.build({**earlier, "batch_key": None}),
        stored,
    )


def _units(task: _Task, material: Material | None = None, level: float = 0.0) -> Iterator[Unit]:
    for method in task.config.methods:
        for seed in seeds_of(method, task.seeds):
            make = partial(represent, method, task.making(seed, material=material))
            yield Unit(method, title_of(method), seed, level, make)


def _units_after_loss(task: _Task, config: DropoutTask, share: float) -> Iterator[Unit]:
    lose = thin_counts if config.thinning else drop_counts
    counts = task.material.counts

    def make(method: str, seed: int) -> np.ndarray:
        material = task.material.prepared_again(lose(counts, share, seed))
        return represent(method, task.making(seed, material=material))

    for method in config.methods:
        if method.startswith(STORED):
            raise ConfigError(
                "A representation that is stored was made from all counts, and cannot lose any.",
                hint="Choose methods that are computed here.",
            )
        for seed in task.seeds:
            yield Unit(method, title_of(method), seed, share, partial(make, method, seed))


def _run(task: _Task, units: list[Unit], score: Scorer) -> list[dict[str, Any]]:
    """Make and score what a checkpoint does not hold yet; every finished unit is kept."""
    context = task.context
    folder = context.latest_checkpoint()
    lines = (folder / UNITS_FILE).read_text().splitlines() if folder is not None else []
    done = {found["key"]: found for found in map(json.loads, lines)}
    for number, unit in enumerate(units):
        if unit.key in done:
            continue
        context.raise_if_stopped()
        level = f", {unit.level:.0%} lost" if unit.level else ""
        context.report(number, len(units), f"{unit.title}, seed {unit.seed}{level}")
        with MemoryWatch() as watch:
            start = time.monotonic()
            representation = unit.make()
            seconds = time.monotonic() - start
        context.raise_if_stopped()
        found = {
            "key": unit.key,
            "method": unit.method,
            "title": unit.title,
            "seed": unit.seed,
            "level": unit.level,
            "seconds": round(seconds, 3),
            "memory_mb": round(watch.peak_mb, 1),
            **score(representation, unit.seed),
        }
        done[unit.key] = found
        first = found["rows"][0] if found["rows"] else {}
        context.log_metrics({k: v for k, v in {**found, **first}.items() if not isinstance(v, list) and k != "key"})
        context.checkpoint(partial(_write, list(done.values())))
    return [done[unit.key] for unit in units]


def _write(units: list[dict[str, Any]], folder: Path) -> None:
    (folder / UNITS_FILE).write_text("".join(json.dumps(unit) + "\n" for unit in units))


def _clustering(
    representation: np.ndarray, seed: int, *, labels: np.ndarray | None, config: Any, sweep: bool
) -> dict[str, Any]:
    """Scores of k-means (told the number of labels), Leiden and Louvain; with a sweep, of Leiden at many resolutions."""
    graph = neighbour_graph(representation, n_neighbors=config.n_neighbors, seed=seed)
    resolution = getattr(config, "resolution", 1.0)
    clusterings = {
        "leiden": leiden(graph, resolution=resolution, seed=seed),
        "louvain": louvain(graph, resolution=resolution, seed=seed),
    }
    rows = []
    if labels is not None:
        known = labels >= 0
        n_labels = len(np.unique(labels[known]))
        clusterings = {"kmeans": kmeans(representation, n_clusters=n_labels, seed=seed), **clusterings}
        width = silhouette(representation[known], labels[known])
    for name, clusters in clusterings.items():
        codes = np.asarray(clusters.codes)
        row = {"clusterer": name, "k_given": name == "kmeans", "n_clusters": int(codes.max()) + 1}
        if labels is None:
            row["silhouette_of_clusters"] = silhouette(representation, codes)
        else:
            row |= {**compare(labels, codes), "silhouette": width}
        rows.append(row)
    return {"rows": rows, "sweep": _sweep(graph, labels, config, seed) if sweep else []}


def _sweep(
    graph: sparse.csr_matrix, labels: np.ndarray | None, config: ClusteringTask, seed: int
) -> list[dict[str, Any]]:
    rows = []
    for resolution in np.round(np.arange(config.lowest, config.highest + config.step / 2, config.step), 6):
        codes = np.asarray(leiden(graph, resolution=float(resolution), seed=seed).codes)
        row: dict[str, Any] = {"resolution": float(resolution), "n_clusters": int(codes.max()) + 1}
        if labels is not None:
            known = labels >= 0
            row |= {"ari": compare(labels, codes)["ari"], "labels_apart": labels_apart(labels[known], codes[known])}
        rows.append(row)
    return rows


def _batch(representation: np.ndarray, seed: int, *, labels: np.ndarray, batches: np.ndarray) -> dict[str, Any]:
    known = labels >= 0
    where, labels, batches = representation[known], labels[known], batches[known]
    clusters = np.asarray(kmeans(where, n_clusters=len(np.unique(labels)), seed=seed).codes)
    positions, distances = neighbours(where)
    scores = {
        **ari_scores(clusters, labels, batches),
        **asw_scores(where, labels, batches),
        "iLISI": ilisi(positions, distances, batches),
        "cLISI": clisi(positions, distances, labels),
        "kBET acceptance": kbet_acceptance(positions, batches),
    }
    return {"rows": [scores]}


def _order(representation: np.ndarray, seed: int, *, stages: pd.Categorical, config: PseudotimeTask) -> dict[str, Any]:
    known = np.flatnonzero(np.asarray(stages.codes) >= 0)
    where, of_cells = representation[known], stages[known]
    root = root_of(where, of_cells, str(stages.categories[0]))
    found = pseudotime(where, root=root, groups=of_cells, n_neighbors=config.n_neighbors, connect=True, seed=seed)
    codes = np.asarray(of_cells.codes)
    agreement = {**order_agreement(found.pseudotime, codes), "n_neighbors": found.n_neighbors}
    if len(where) <= MOST_PATH_CELLS:
        by_path = order_agreement(path_time(where, root=root, n_neighbors=config.n_neighbors), codes)
        agreement |= {"spearman_path": by_path["spearman"], "kendall_path": by_path["kendall"]}
    time_of = np.full(len(stages), np.nan)
    time_of[known] = found.pseudotime
    series = [None if not np.isfinite(value) else round(float(value), 5) for value in time_of]
    return {"rows": [agreement], "pseudotime": series if seed == config.seed else []}


def _outcome(task: _Task, units: list[dict[str, Any]], folder: Path) -> Outcome:
    tables = tables_of(units)
    for name, table in tables.items():
        table.to_csv(folder / f"{name}.csv", index=False)
    _write(units, folder)
    return Outcome(
        summary={"rows": json.loads(tables["summary"].to_json(orient="records")), "n_units": len(units)},
        files=[*(f"{name}.csv" for name in tables), UNITS_FILE],
    )


def tables_of(units: list[dict[str, Any]]) -> dict[str, pd.DataFrame]:
    """What a comparison found.

    Parameters
    ----------
    units
        As they were kept, each with its ``rows``.

    Returns
    -------
    ``summary`` (means over seeds, with ``n_seeds`` and ``SCORE_sd``), ``results`` (a row per unit and clusterer); and, where there is any, ``sweep`` (a row per unit and resolution) and
    ``pseudotime`` (a row per cell, a column per method, of the first seed).
    """
    of_unit = ("method", "title", "seed", "level", "seconds", "memory_mb")
    head = [{name: unit[name] for name in of_unit} for unit in units]
    results = pd.DataFrame([{**h, **row} for h, unit in zip(head, units, strict=True) for row in unit["rows"]])
    by = [name for name in ("method", "title", "level", "clusterer", "k_given") if name in results]
    grouped = results.groupby(by, sort=False)
    scores = [name for name in results if name not in NOT_SCORES]
    summary = grouped["seed"].nunique().rename("n_seeds").to_frame()
    for name in scores:
        summary[name] = grouped[name].mean()
        if name not in ("seconds", "memory_mb"):
            summary[f"{name}_sd"] = grouped[name].std(ddof=1)
    tables = {"summary": summary.reset_index(), "results": results}
    sweep = [{**h, **row} for h, unit in zip(head, units, strict=True) for row in unit.get("sweep", [])]
    if sweep:
        tables["sweep"] = pd.DataFrame(sweep)
    series = {unit["title"]: unit["pseudotime"] for unit in units if unit.get("pseudotime")}
    if series:
        tables["pseudotime"] = pd.DataFrame(series, dtype=float)
    return tables
