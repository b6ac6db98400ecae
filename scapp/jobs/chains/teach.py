"""A lesson's live training: an example is imported, prepared with every cell kept, and CLEAR trained on it."""

from collections.abc import Mapping
from typing import Any

from scapp.core.errors import count
from scapp.data.config import KEEP_EVERYTHING
from scapp.jobs.chains.analyse import FIRST
from scapp.jobs.chains.chain_plan import Choices, Plan, Stage
from scapp.workspace.datasets.dataset import Dataset

PREPARED, TRAINED = "prepare", "clear"
"""Names of the second and the third stage."""


def _imported(config: Mapping[str, Any], summary: Mapping[str, Any]) -> str:
    return f"{count(summary['n_cells'], 'cell')} were imported."


def _every_cell(dataset: Dataset, choices: Choices) -> dict[str, Any]:
    return dict(KEEP_EVERYTHING)


def _as_told(dataset: Dataset, choices: Choices) -> dict[str, Any]:
    return {}


def _prepared(config: Mapping[str, Any], summary: Mapping[str, Any]) -> str:
    return "Every cell was kept, and values were normalised."


def _trained(config: Mapping[str, Any], summary: Mapping[str, Any]) -> str:
    return f"{summary['epochs']} epochs in {summary['train_seconds']:.0f} s."


STAGES = [
    Stage(FIRST, "import", "Import", _as_told, _imported),
    Stage(PREPARED, "prepare", "Normalise", _every_cell, _prepared, rests_on=(FIRST,)),
    Stage(TRAINED, "clear", "Train CLEAR", _as_told, _trained, rests_on=(PREPARED,)),
]

LIVE_TRAINING = Plan("lesson", "Live training", Choices, lambda choices: STAGES)
