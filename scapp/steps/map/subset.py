"""A dataset of some cells of another, ready to be embedded again."""

from typing import Any

import numpy as np

from scapp.analysis.map.config import SubsetConfig
from scapp.core import keys
from scapp.core.errors import ConfigError
from scapp.core.step_context import StepContext
from scapp.data.blocks.blocked_matrix import LogNormalised
from scapp.data.config import PrepareConfig
from scapp.steps.map.selected_cells import selected_cells
from scapp.steps.qc import choose_genes_and_components
from scapp.steps.step import Inputs, NewDataset, Outcome, Reading

LEAST_CELLS = 3


def subset(inputs: Inputs, config: SubsetConfig, context: StepContext) -> Outcome:
    """A child dataset: every value of the selected cells, with variable genes and PCA chosen anew among them.

    Neighbour graphs, marker tables and sweeps are of all cells, and stay behind.

    Raises
    ------
    ConfigError
        Fewer than three cells.
    """
    data = inputs.data
    members = np.flatnonzero(selected_cells(data, config.selection))
    if len(members) < LEAST_CELLS:
        raise ConfigError(
            f"{len(members)} cells are selected; a dataset needs {LEAST_CELLS} or more.", hint="Select more cells."
        )
    context.report(0, 3, "taking the cells")
    values: dict[str, Any] = {
        keys.OBS_NAMES: data.names(keys.OBS_NAMES)[members],
        keys.VAR_NAMES: data.names(keys.VAR_NAMES),
    }
    for slot in data.slots:
        field, _ = keys.split(slot)
        if keys.is_matrix(slot):
            values[slot] = data.matrix(slot).select(members)
        elif field in ("obs", "obsm"):
            taken = data.read(slot)[members]
            values[slot] = taken.remove_unused_categories() if hasattr(taken, "remove_unused_categories") else taken
        elif field == "var" or slot == keys.PREPARATION:
            values[slot] = data.read(slot)
    _keep_colours(inputs, values)
    if keys.X in values:
        _derive_anew(values, data, members)
        context.report(1, 3, "choosing highly variable genes and principal components")
        values |= choose_genes_and_components(
            values[keys.X], values.get(keys.COUNTS), _preparation(inputs), data.frame("obs").iloc[members], context
        )
    name = config.name.strip() or f"{data.name[:90]} · {len(members):,} cells"
    summary = {"n_cells": len(members)}
    return Outcome(new_dataset=NewDataset(name, values, data.source), summary=summary)


def _derive_anew(values: dict[str, Any], data: Reading, members: np.ndarray) -> None:
    """Let log-normalised values be derived from the counts of the new dataset."""
    log_values = data.matrix(keys.X)
    if isinstance(log_values, LogNormalised):
        values[keys.X] = LogNormalised(values[data.raw_slot()], log_values.scale[members])


def _keep_colours(inputs: Inputs, values: dict[str, Any]) -> None:
    """Colours of the categories that are still there."""
    for column in inputs.data.columns():
        slot = keys.colours(column)
        if slot in inputs.data:
            before = [str(name) for name in inputs.data.read(keys.obs(column)).categories]
            table = dict(zip(before, inputs.data.read(slot), strict=False))
            values[slot] = [table[str(name)] for name in values[keys.obs(column)].categories]


def _preparation(inputs: Inputs) -> PrepareConfig:
    """How the parent's genes and components were chosen."""
    return PrepareConfig.build(inputs.data.last_settings("prepare"))
