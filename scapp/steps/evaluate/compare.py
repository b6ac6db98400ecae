"""Comparisons of representations on one dataset; an interrupted one resumes where it was."""

import json
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from scipy import sparse

from scapp.analysis.de.design import batch_notes, categories_of
from scapp.core import keys
from scapp.core.csv_text import write_csv
from scapp.core.errors import ConfigError, DataError
from scapp.core.processes import MemoryWatch
from scapp.core.provenance import fingerprint, versions
from scapp.core.step_context import StepContext
from scapp.data.config import PrepareConfig
from scapp.data.corruption import drop_counts, thin_counts
from scapp.steps.evaluate.config import (
    GRID,
    NOT_SCORES,
    STORED,
    AblationTask,
    BatchTask,
    ClusteringTask,
    DropoutTask,
    EvaluationConfig,
    PseudotimeTask,
    SweepTask,
    title_of,
)
from scapp.steps.evaluate.measures import score_batches, score_clustering, score_order
from scapp.steps.evaluate.methods_compared import (
    Making,
    Material,
    ablations,
    check_methods,
    clear_settings,
    represent,
    seeds_of,
    sweep_of,
)
from scapp.steps.step import Inputs, Outcome, Reading

UNITS_FILE = "units.jsonl"
STARTED_FROM = {"harmony": "pca", "harmony_tuned": "pca", "clear_batch": "clear"}
"""What corrects batches, and what it does so in."""
LEAST_MOVED = 0.005
"""Of iLISI: with less, a correction has moved nothing that neighbours notice."""
Scorer = Callable[[np.ndarray, int], dict[str, Any]]


@dataclass(frozen=True)
class Unit:
    """One representation to make and score, and where in a sweep it stands: what an interrupted comparison need not do
    again.
    """

    method: str
    title: str
    seed: int
    level: float
    make: Callable[[], np.ndarray]
    at: Mapping[str, float] = field(default_factory=dict)

    @property
    def key(self) -> str:
        """Tells it from all others of its comparison."""
        return json.dumps([self.method, self.seed, self.level])


def compare_clustering(inputs: Inputs, config: ClusteringTask, context: StepContext) -> Outcome:
    """Clusters of each representation against labels (CLEAR paper, Figure 2A-C)."""
    task = _Task(inputs, config, context)
    if config.label_key is not None:
        task.require_labels()
    score = partial(score_clustering, labels=task.labels, config=config, sweep=True)
    return _outcome(task, _run(task, list(_units(task)), score))


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
    score = partial(score_clustering, labels=task.labels, config=config, sweep=False)
    return _outcome(task, _run(task, units, score))


def compare_batches(inputs: Inputs, config: BatchTask, context: StepContext) -> Outcome:
    """How batches mix and types stay apart (CLEAR paper, Figure 3); without labels, how batches mix.

    Raises
    ------
    DataError
        Labels of one level only, or fewer than two batches.
    """
    task = _Task(inputs, config, context, batch_key=config.batch_key)
    if config.label_key is not None:
        task.require_labels()
    if task.material.batches is None or len(np.unique(task.material.batches)) < 2:
        raise DataError("There are fewer than two batches.", hint="Choose a batch column with two values or more.")
    score = partial(score_batches, labels=task.labels, batches=task.material.batches, config=config)
    batches = inputs.data.column(config.batch_key)
    conditions = {name: inputs.data.column(name) for name in keys.CONDITIONS if keys.obs(name) in inputs.data}
    notes = batch_notes(str(config.batch_key), batches, conditions)
    units = _run(task, list(_units(task)), score)
    return _outcome(task, units, [*notes, *what_moved_nothing(units)])


def what_moved_nothing(units: list[dict[str, Any]]) -> list[str]:
    """A sentence for each method that was to correct batches and left them as mixed as it found them.

    A method that did nothing is no peer: whatever beats it has shown nothing.

    Parameters
    ----------
    units
        ``method``, ``title``, ``seed`` and ``rows`` with ``iLISI``, for each representation.
    """
    mixed = {(unit["method"], unit["seed"]): unit["rows"][0]["iLISI"] for unit in units}
    titles = {unit["method"]: unit["title"] for unit in units}
    found = []
    for method, start in STARTED_FROM.items():
        pairs = [
            (mixed[method, seed], before)
            for (name, seed), before in mixed.items()
            if name == start and (method, seed) in mixed
        ]
        if pairs and all(abs(after - before) < LEAST_MOVED for after, before in pairs):
            after, before = np.mean(pairs, axis=0)
            found.append(
                f"'{titles[method]}' moved next to nothing here: batches are as mixed as in '{titles[start]}', which it"
                f" starts from (iLISI {after:.3f} and {before:.3f}). That another method mixes better than it says"
                " little."
            )
    return found


def compare_pseudotime(inputs: Inputs, config: PseudotimeTask, context: StepContext) -> Outcome:
    """How well each representation orders cells by stage (CLEAR paper, Figure 4).

    Raises
    ------
    DataError
        Fewer than two stages.
    """
    task = _Task(inputs, config, context, order=config.stages)
    task.require_labels()
    genes = task.material.genes
    score = partial(
        score_order,
        stages=task.categories,
        config=config,
        root=_root_cell(task, config),
        expression=task.material.log_values[:, genes],
        genes=inputs.data.names(keys.VAR_NAMES)[genes].tolist(),
    )
    return _outcome(task, _run(task, list(_units(task)), score))


def compare_augmentations(inputs: Inputs, config: AblationTask, context: StepContext) -> Outcome:
    """CLEAR without each augmentation, and with each alone (the paper's supplementary study)."""
    task = _Task(inputs, config.model_copy(update={"methods": ("clear",)}), context)
    task.require_labels()
    units = [
        Unit(title, title, seed, 0.0, partial(represent, "clear", task.making(seed, settings)))
        for title, settings in ablations(task.clear, alone=config.alone).items()
        for seed in task.seeds
    ]
    score = partial(score_clustering, labels=task.labels, config=config, sweep=False)
    return _outcome(task, _run(task, units, score))


def compare_shares(inputs: Inputs, config: SweepTask, context: StepContext) -> Outcome:
    """CLEAR with one augmentation at several shares and probabilities (the paper's supplementary tables 4 to 6).

    Raises
    ------
    DataError
        No labels, or molecules are to be thinned where there are no counts.
    """
    task = _Task(inputs, config.model_copy(update={"methods": ("clear",)}), context)
    task.require_labels()
    if config.augmentation == "thin" and task.material.counts is None:
        raise DataError(
            "Thinning works on molecules, and this dataset has no raw counts.",
            hint="Import the raw counts, or choose another augmentation.",
        )
    units = [
        Unit(title, title, seed, 0.0, partial(represent, "clear", task.making(seed, settings)), at)
        for (share, probability), settings in sweep_of(task.clear, config).items()
        for title, at in [
            (f"share {share:g}, probability {probability:g}", {"share": share, "probability": probability})
        ]
        for seed in task.seeds
    ]
    score = partial(score_clustering, labels=task.labels, config=config, sweep=False)
    return _outcome(task, _run(task, units, score))


def _root_cell(task: "_Task", config: PseudotimeTask) -> int | None:
    if config.root_cell is None:
        return None
    names = task.inputs.data.names(keys.OBS_NAMES)
    found = np.flatnonzero(np.asarray(names == config.root_cell))
    if not len(found):
        raise ConfigError(
            f"There is no cell '{config.root_cell}'; the first is called '{names[0]}'.",
            hint="Leave the root cell empty, or copy its name from the map.",
        )
    assert task.categories is not None
    if task.categories.codes[found[0]] < 0:
        raise ConfigError(
            f"The root cell '{config.root_cell}' has none of the chosen stages.",
            hint="Choose a cell of one of the stages.",
        )
    return int(found[0])


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
        self.read = dict(data.fingerprints)
        # more seeds or methods do not make another comparison of what is done already
        settings = config.model_dump(mode="json", exclude={"n_seeds", "methods", "shares", "probabilities"})
        self.made_of = fingerprint(
            {
                "settings": settings,
                "clear": self.clear.model_dump(mode="json"),
                "read": self.read,
                "versions": versions(),
            }
        )

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
    found = categories_of(values)
    if order:
        there = [str(name) for name in found.categories]
        unknown = [name for name in order if name not in there]
        if unknown:
            raise ConfigError(
                f"'{label_key}' has no '{unknown[0]}'; it has {', '.join(there)}.",
                hint="Order the levels that are there.",
            )
        found = found.set_categories(list(order))
    return found if len(found.categories) else None  # a column may hold no value at all


def _material(data: Reading, batch_key: str | None, methods: tuple[str, ...]) -> Material:
    data.require(keys.X, "This dataset is not normalised yet.")
    batches = data.batches(batch_key)
    stored = {}
    for name in keys.representations(data.slots):
        if STORED + name in methods:
            stored[name] = np.asarray(data.read(keys.representation(name)), dtype=np.float32)
    return Material(
        sparse.csr_matrix(data.read(keys.X)),
        sparse.csr_matrix(data.read(keys.COUNTS)) if keys.COUNTS in data else None,
        np.asarray(data.read(keys.var(keys.HIGHLY_VARIABLE)), dtype=bool),
        batches,
        PrepareConfig.build({**data.last_settings("prepare"), "batch_key": None}),
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
    done = _done_before(task)
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
            "made_of": task.made_of,
            "method": unit.method,
            "title": unit.title,
            "seed": unit.seed,
            "level": unit.level,
            "seconds": round(seconds, 3),
            "memory_mb": round(watch.peak_mb, 1),
            **score(representation, unit.seed),
        }
        found["rows"] = [{**unit.at, **row} for row in found["rows"]]
        done[unit.key] = found
        first = found["rows"][0] if found["rows"] else {}
        context.log_metrics(
            {
                k: v
                for k, v in {**found, **first}.items()
                if not isinstance(v, list | dict) and k not in ("key", "made_of")
            }
        )
        context.checkpoint(partial(_write, list(done.values())))
    return [done[unit.key] for unit in units]


def _done_before(task: _Task) -> dict[str, dict[str, Any]]:
    """Units of the same settings, data and versions: of this comparison before it was interrupted, and of earlier ones
    of the app, which had fewer seeds or methods.
    """
    folder = task.context.latest_checkpoint()
    files = [] if folder is None else [folder / UNITS_FILE]
    if task.inputs.run_id:
        files += sorted(task.inputs.folder.parent.glob(f"*/{UNITS_FILE}"))
    # other comparisons' lines, which may hold every cell of a large dataset, are not parsed
    lines = (line for file in files for line in file.read_text().splitlines() if task.made_of in line)
    units = map(json.loads, lines)
    return {unit["key"]: unit for unit in units if unit.get("made_of") == task.made_of}


def _write(units: list[dict[str, Any]], folder: Path) -> None:
    (folder / UNITS_FILE).write_text("".join(json.dumps(unit) + "\n" for unit in units))


def _outcome(task: _Task, units: list[dict[str, Any]], notes: list[str] | None = None) -> Outcome:
    tables, folder = tables_of(units), task.inputs.folder
    if "cells" in tables:
        names = task.inputs.data.names(keys.OBS_NAMES)
        tables["cells"].insert(0, "barcode", names[tables["cells"].pop("cell")])
    for name, table in tables.items():
        write_csv(table, folder / f"{name}.csv")
    _write(units, folder)
    return Outcome(
        summary={
            "rows": json.loads(tables["summary"].to_json(orient="records")),
            "n_units": len(units),
            "notes": notes or [],
            "read": task.read,
        },
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
    ``summary`` (means over seeds, with ``n_seeds`` and ``SCORE_sd``), ``results`` (a row per unit and clusterer); and,
    where there is any, ``sweep`` (a row per unit and resolution), ``cells`` (a row per method and cell: position, place
    on the map, pseudotime, cluster, of the first seed), ``paga`` (a row per method and pair of stages) and ``genes`` (a
    row per method and gene that follows its pseudotime).
    """
    of_unit = ("method", "title", "seed", "level", "seconds", "memory_mb")
    head = [{name: unit[name] for name in of_unit} for unit in units]
    results = pd.DataFrame([{**h, **row} for h, unit in zip(head, units, strict=True) for row in unit["rows"]])
    by = [name for name in ("method", "title", "level", *GRID, "clusterer", "k_given") if name in results]
    grouped = results.groupby(by, sort=False)
    scores = [name for name in results if name not in NOT_SCORES]
    summary = grouped["seed"].nunique().rename("n_seeds").to_frame()
    for name in scores:
        summary[name] = grouped[name].mean()
        if name not in ("seconds", "memory_mb"):
            summary[f"{name}_sd"] = grouped[name].std(ddof=1)
    tables = {"summary": summary.reset_index(), "results": results}
    for name in ("sweep", "paga", "genes"):
        found = [{**h, **row} for h, unit in zip(head, units, strict=True) for row in unit.get(name, [])]
        if found:
            tables[name] = pd.DataFrame(found)
    of_cells = [
        pd.DataFrame(unit["of_cells"], dtype=float).rename_axis("cell").reset_index().assign(title=unit["title"])
        for unit in units
        if unit.get("of_cells")
    ]
    if of_cells:
        tables["cells"] = pd.concat(of_cells, ignore_index=True)
    return tables
