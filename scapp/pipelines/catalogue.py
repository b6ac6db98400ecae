"""Every step, as a record: pages, worker and command line read this list.

The functions are named by a path and imported where they run, because they load scanpy and torch,
which the web process never does.
"""

import importlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from scapp.analysis.config import ClusterConfig, MapConfig
from scapp.contrast.config import ClearConfig, estimate_memory
from scapp.core.config import Config
from scapp.core.errors import ConfigError
from scapp.core.steps import StepContext
from scapp.data.config import DoubletConfig, PrepareConfig
from scapp.pipelines.config import ExportConfig, ImportRequest
from scapp.pipelines.step import Inputs, Outcome

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
        Bytes needed, from configuration, cells and genes; None where it is small.
    resumable
        Whether a stopped run goes on from a checkpoint rather than from its start.
    """

    name: str
    title: str
    config: type[Config]
    function: str
    lane: str = "light"
    memory: Callable[[Any, int, int], float] | None = None
    resumable: bool = False

    def load(self) -> StepFunction:
        """Import the function."""
        module, name = self.function.split(":")
        loaded: StepFunction = getattr(importlib.import_module(module), name)
        return loaded


def _prepare_memory(config: PrepareConfig, n_cells: int, n_genes: int) -> float:
    dense_genes = min(config.n_top_genes, n_genes)
    return 12.0 * n_cells * n_genes * 0.3 + 8.0 * n_cells * dense_genes + 5e8


def _map_memory(config: MapConfig, n_cells: int, n_genes: int) -> float:
    return n_cells * (config.n_neighbors * 60.0 + 2_000) + 5e8


STEPS = (
    Step("import", "Import", ImportRequest, "scapp.pipelines.importing:import_dataset"),
    Step(
        "doublets",
        "Score doublets",
        DoubletConfig,
        "scapp.pipelines.preparing:score_doublets",
        memory=lambda c, n, g: n * g * 2.0 + 1e9,
    ),
    Step("prepare", "Filter and normalise", PrepareConfig, "scapp.pipelines.preparing:prepare", memory=_prepare_memory),
    Step(
        "clear",
        "Train CLEAR",
        ClearConfig,
        "scapp.pipelines.training:train",
        lane="training",
        memory=estimate_memory,
        resumable=True,
    ),
    Step("map", "Make the map", MapConfig, "scapp.pipelines.mapping:make_map", memory=_map_memory),
    Step("cluster", "Cluster", ClusterConfig, "scapp.pipelines.mapping:cluster"),
    Step("export", "Write the file", ExportConfig, "scapp.pipelines.exporting:export"),
)


def step(name: str) -> Step:
    """Find a step by its name."""
    for candidate in STEPS:
        if candidate.name == name:
            return candidate
    raise ConfigError(f"There is no step '{name}'.", hint="Known steps: " + ", ".join(s.name for s in STEPS) + ".")
