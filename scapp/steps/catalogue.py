"""Every step, as a record: pages, worker and command line read this list.

The functions are named by a path and imported where they run, because they load scanpy and torch,
which the web process never does.
"""

import importlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from scapp.analysis.de.config import (
    DifferentialConfig,
    EnrichConfig,
    GeneSetLibraryConfig,
    ScoreConfig,
    StudyConfig,
)
from scapp.analysis.map.config import (
    AnnotateConfig,
    ChooseConfig,
    ClusterConfig,
    ColoursConfig,
    HarmonyConfig,
    MapConfig,
    MarkersConfig,
    NamingConfig,
    SubsetConfig,
    SuggestConfig,
    SweepConfig,
)
from scapp.classify.config import ClassifierConfig
from scapp.classify.experiment.config import ExperimentConfig
from scapp.clear.config import DENSE_LIMIT_BYTES, ClearConfig, clear_config
from scapp.clear.training.effective_sizes import estimate_memory
from scapp.core import keys
from scapp.core.config import Config
from scapp.core.environment import environment
from scapp.core.errors import ConfigError, MissingDependencyError
from scapp.core.step_context import StepContext
from scapp.data.blocks.blocked_matrix import AT_HAND
from scapp.data.config import DoubletConfig, PrepareConfig
from scapp.steps.config import ApplyConfig, ExportConfig, ImportRequest, PredictConfig
from scapp.steps.evaluate.config import (
    AblationTask,
    BatchTask,
    ClusteringTask,
    DropoutTask,
    EvaluationConfig,
    PseudotimeTask,
    SweepTask,
)
from scapp.steps.step import Inputs, Outcome
from scapp.workspace.datasets.dataset import Dataset

StepFunction = Callable[[Inputs, Any, StepContext], Outcome]


@dataclass(frozen=True)
class Step:
    """One kind of run.

    Parameters
    ----------
    name
        Word for folders and the command line.
    title
        Words for people, as an action.
    config
        Its configuration.
    function
        ``module:function`` of a ``StepFunction``.
    lane
        ``training`` for steps that fill the device, ``light`` for the others.
    memory
        Bytes needed, from configuration and dataset; None where it is small.
    apart
        Whether it reads files of strangers, and is carried out in a process of its own.
    at_once
        Whether it takes no time and loads nothing heavy, so that a page carries it out itself.
    by_hand
        Whether it writes what a person decided by looking at cells: it is never run again by itself, because
        on other values it would mean other cells.
    """

    name: str
    title: str
    config: type[Config]
    function: str
    lane: str = "light"
    memory: Callable[[Any, Dataset], float] | None = None
    apart: bool = False
    at_once: bool = False
    by_hand: bool = False

    def load(self) -> StepFunction:
        """Import the function.

        Raises
        ------
        MissingDependencyError
            The step trains, and torch is not installed.
        """
        module, name = self.function.split(":")
        try:
            loaded: StepFunction = getattr(importlib.import_module(module), name)
        except ModuleNotFoundError as error:
            if error.name != "torch":
                raise
            raise MissingDependencyError(
                f"'{self.title}' needs torch, which is not installed.",
                hint="Install it beside scapp (pip install torch); everything that does not train works without it.",
            ) from error
        return loaded


STORED_SHARE = 0.15
"""Share of a count matrix that is not zero, for estimates; 8 bytes an entry."""


def _sparse_bytes(dataset: Dataset, n_genes: int | None = None) -> float:
    return 8.0 * STORED_SHARE * dataset.n_cells * (dataset.n_genes if n_genes is None else n_genes)


def _block_bytes(dataset: Dataset) -> float:
    """Of a step that works on blocks of cells: some blocks a thread, and what is written of each cell."""
    return _working_bytes() + 1_000.0 * dataset.n_cells


def _working_bytes() -> float:
    return 2e8 + 2e8 * environment().n_worker_threads


def _prepare_memory(config: PrepareConfig, dataset: Dataset) -> float:
    n_chosen = min(config.n_top_genes, dataset.n_genes)
    # products of genes, for each thread and in all; of very many genes the values themselves instead
    products = 8.0 * min(n_chosen, 6_000) ** 2 * (environment().n_worker_threads + 2)
    values = 4 * _sparse_bytes(dataset, n_chosen) if n_chosen > 6_000 else 0.0
    return _block_bytes(dataset) + products + values


def _doublet_memory(config: DoubletConfig, dataset: Dataset) -> float:
    return 6 * _sparse_bytes(dataset) + 1e9


def _clear_memory(config: ClearConfig, dataset: Dataset) -> float:
    n_genes = int(np.sum(dataset.read(keys.var(keys.HIGHLY_VARIABLE))))
    values = _sparse_bytes(dataset, n_genes)
    # many values are kept in 3 to 4 bytes
    values = min(values, max(8.0 * AT_HAND, values / 2))
    return _working_bytes() + values + estimate_memory(config, dataset.n_cells, n_genes)


def _classify_memory(config: ClassifierConfig, dataset: Dataset) -> float:
    batch = 4.0 * config.batch_size * (dataset.n_genes + 4 * config.batch_size)
    return 4 * _sparse_bytes(dataset) + DENSE_LIMIT_BYTES + 8 * batch + 1e9


def _experiment_memory(config: ExperimentConfig, dataset: Dataset) -> float:
    return _classify_memory(config.classifier(), dataset) + 2 * _sparse_bytes(dataset)


def _map_memory(config: MapConfig, dataset: Dataset) -> float:
    return dataset.n_cells * (config.n_neighbors * 60.0 + 2_000) + 5e8


def _marker_memory(config: MarkersConfig, dataset: Dataset) -> float:
    return _block_bytes(dataset) + 5e8


def _differential_memory(config: DifferentialConfig, dataset: Dataset) -> float:
    return _block_bytes(dataset) + 2 * min(8.0 * AT_HAND, _sparse_bytes(dataset)) + 1e9


def _score_memory(config: ScoreConfig, dataset: Dataset) -> float:
    return _block_bytes(dataset) + 5e8


def _evaluation_memory(config: EvaluationConfig, dataset: Dataset) -> float:
    clear = clear_config(config.preset)
    return 4 * _sparse_bytes(dataset) + estimate_memory(clear, dataset.n_cells, min(2000, dataset.n_genes)) + 1e9


def _subset_memory(config: SubsetConfig, dataset: Dataset) -> float:
    return _prepare_memory(PrepareConfig(), dataset)


STEPS = (
    Step("import", "Import", ImportRequest, "scapp.steps.upload:import_dataset", apart=True),
    Step(
        "doublets",
        "Score doublets",
        DoubletConfig,
        "scapp.steps.qc:score_doublets",
        memory=_doublet_memory,
    ),
    Step("prepare", "Filter and normalise", PrepareConfig, "scapp.steps.qc:prepare", memory=_prepare_memory),
    Step(
        "clear",
        "Train CLEAR",
        ClearConfig,
        "scapp.steps.clear:train",
        lane="training",
        memory=_clear_memory,
    ),
    Step(
        "classify",
        "Train a classifier",
        ClassifierConfig,
        "scapp.steps.classify.fit_predict:fit",
        lane="training",
        memory=_classify_memory,
    ),
    Step(
        "experiment",
        "Compare classifiers",
        ExperimentConfig,
        "scapp.steps.classify.run_experiment:run",
        lane="training",
        memory=_experiment_memory,
    ),
    Step("apply", "Place by a trained CLEAR", ApplyConfig, "scapp.steps.clear:apply", lane="training"),
    Step("predict", "Annotate by a classifier", PredictConfig, "scapp.steps.classify.fit_predict:predict"),
    Step("map", "Make the map", MapConfig, "scapp.steps.map.make_map:make_map", memory=_map_memory),
    Step("harmony", "Remove batches by Harmony", HarmonyConfig, "scapp.steps.map.integrate:integrate"),
    Step("cluster", "Cluster", ClusterConfig, "scapp.steps.map.make_map:cluster"),
    Step("sweep", "Try resolutions", SweepConfig, "scapp.steps.map.make_map:sweep"),
    Step("choose", "Use as X_clear", ChooseConfig, "scapp.steps.map.chosen:choose", at_once=True),
    Step(
        "markers",
        "Find marker genes",
        MarkersConfig,
        "scapp.steps.map.find_markers:find_markers",
        memory=_marker_memory,
    ),
    Step("suggest", "Suggest cell types", SuggestConfig, "scapp.steps.map.suggest_types:suggest"),
    Step("subset", "Make a dataset", SubsetConfig, "scapp.steps.map.subset:subset", memory=_subset_memory),
    Step("annotate", "Label cells", AnnotateConfig, "scapp.steps.map.annotate:annotate", at_once=True, by_hand=True),
    Step(
        "name_clusters",
        "Name clusters",
        NamingConfig,
        "scapp.steps.map.annotate:name_clusters",
        at_once=True,
        by_hand=True,
    ),
    Step("colours", "Set colours", ColoursConfig, "scapp.steps.map.annotate:colour", at_once=True),
    Step("study", "Set the study design", StudyConfig, "scapp.steps.de.set_design:set_study", at_once=True),
    Step(
        "de",
        "Find differential genes",
        DifferentialConfig,
        "scapp.steps.de.find_differential:find_differential",
        memory=_differential_memory,
    ),
    Step("score", "Score gene sets", ScoreConfig, "scapp.steps.de.score_gene_sets:score", memory=_score_memory),
    Step("enrich", "Find pathways", EnrichConfig, "scapp.steps.de.find_pathways:find_pathways"),
    Step("gene_sets", "Fetch gene sets", GeneSetLibraryConfig, "scapp.steps.de.score_gene_sets:fetch_library"),
    *(
        Step(
            f"evaluate_{name}",
            title,
            config,
            f"scapp.steps.evaluate.compare:{function}",
            lane="training",
            memory=_evaluation_memory,
        )
        for name, title, config, function in (
            ("clustering", "Compare by clusters", ClusteringTask, "compare_clustering"),
            ("dropout", "Compare under dropout", DropoutTask, "compare_dropout"),
            ("batch", "Compare by batches", BatchTask, "compare_batches"),
            ("pseudotime", "Compare by order", PseudotimeTask, "compare_pseudotime"),
            ("ablation", "Compare augmentations", AblationTask, "compare_augmentations"),
            ("sweep", "Compare settings of an augmentation", SweepTask, "compare_shares"),
        )
    ),
    Step("export", "Write the file", ExportConfig, "scapp.reports.export:export"),
)


BY_HAND = frozenset(record.name for record in STEPS if record.by_hand)


def step(name: str) -> Step:
    """Find a step by its name."""
    for candidate in STEPS:
        if candidate.name == name:
            return candidate
    raise ConfigError(f"There is no step '{name}'.", hint="Known steps: " + ", ".join(s.name for s in STEPS) + ".")
