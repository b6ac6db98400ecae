"""What people write onto cells: labels of selections, names of clusters, colours. Quick enough to do at once."""

import re
from typing import Any

import numpy as np
import pandas as pd

from scapp.analysis.map.config import AnnotateConfig, ColoursConfig, NamingConfig
from scapp.core import keys
from scapp.core.errors import ConfigError, DataError, listed
from scapp.core.step_context import StepContext
from scapp.plotting.palette import colours_by_name
from scapp.steps.catalogue import BY_HAND
from scapp.steps.group_colours import colours_of
from scapp.steps.map.selected_cells import checked_column, selected_cells
from scapp.steps.step import Inputs, Outcome

_COLOUR = re.compile(r"#[0-9a-fA-F]{6}")


def annotate(inputs: Inputs, config: AnnotateConfig, context: StepContext) -> Outcome:
    """Write a label onto selected cells; cells that had no label in the column keep none, others keep theirs.

    Raises
    ------
    ConfigError
        No label, or the column is not one that was written by hand.
    """
    column, label = checked_column(config.column), " ".join(config.label.split())
    if not label:
        raise ConfigError("The label is empty.", hint="Type what the selected cells are.")
    members = selected_cells(inputs.data, config.selection)
    before = _own_column(inputs, column)
    values = pd.Series(before if before is not None else [None] * len(members), dtype=object)
    values[members] = label
    names = [] if before is None else [str(name) for name in before.categories]
    annotated = pd.Categorical(values, [*names, label] if label not in names else names)
    annotated = annotated.remove_unused_categories()
    outcome = {keys.obs(column): annotated, **_colours_by_name(inputs, column, annotated)}
    return Outcome(outcome, summary={"column": column, "label": label, "n_cells": int(members.sum())})


def name_clusters(inputs: Inputs, config: NamingConfig, context: StepContext) -> Outcome:
    """Write names of clusters as an annotation; those of one name become one group, clusters without a name keep
    theirs.

    Raises
    ------
    DataError
        A cluster that is named does not exist.
    """
    column = checked_column(config.column)
    if column == config.source:
        raise ConfigError(
            f"'{column}' would replace the clusters that it names.", hint="Give the annotation another name."
        )
    _own_column(inputs, column)
    clusters = pd.Categorical(inputs.data.column(config.source))
    known = [str(name) for name in clusters.categories]
    unknown = [name for name in config.names if name not in known]
    if unknown:
        raise DataError(
            f"'{config.source}' has no cluster {listed(unknown)}; it has {listed(known)}.",
            hint="Name the clusters again: they have been made anew.",
        )
    names = [" ".join(config.names.get(name, name).split()) or name for name in known]
    named = renamed(clusters, names)
    groups = list(named.categories)
    return Outcome(
        {keys.obs(column): named, **_colours_by_name(inputs, column, named)},
        summary={"column": column, "n_groups": len(groups)},
    )


def renamed(clusters: pd.Categorical, names: list[str]) -> pd.Categorical:
    """Clusters by their names, in category order; those of one name become one group."""
    groups = list(dict.fromkeys(names))
    codes = np.array([groups.index(name) for name in names] + [-1])[clusters.codes]
    return pd.Categorical.from_codes(codes, groups)


def colour(inputs: Inputs, config: ColoursConfig, context: StepContext) -> Outcome:
    """Keep colours of an annotation's groups in ``uns``; groups that are not named keep theirs.

    Raises
    ------
    ConfigError
        A colour is not #rrggbb.
    """
    wrong = [value for value in config.colours.values() if not _COLOUR.fullmatch(value)]
    if wrong:
        raise ConfigError(f"{listed(wrong)} is no colour.", hint="Write colours as #rrggbb.")
    values = pd.Categorical(inputs.data.column(config.column))
    names = [str(name) for name in values.categories]
    before: dict[str, str] = {}
    if not set(names) <= set(config.colours):
        before = colours_of(config.column, inputs.data.slots, inputs.data.read)
    colours = [config.colours.get(name) or before[name] for name in names]
    return Outcome({keys.colours(config.column): colours}, summary={"column": config.column})


def _colours_by_name(inputs: Inputs, column: str, now: pd.Categorical) -> dict[str, Any]:
    """Colours that were kept with a column, for its groups of now: a group keeps its colour, new ones get free ones."""
    slot = keys.colours(column)
    if slot not in inputs.data or keys.obs(column) not in inputs.data:
        return {}
    before = [str(name) for name in pd.Categorical(inputs.data.column(column)).categories]
    table = dict(zip(before, inputs.data.read(slot), strict=False))
    return {slot: colours_by_name([str(name) for name in now.categories], table)}


def _own_column(inputs: Inputs, column: str) -> pd.Categorical | None:
    """A column as written by hand before, if any; one that came with the file or was computed is not touched."""
    slot = keys.obs(column)
    if slot not in inputs.data:
        return None
    maker = inputs.data.maker(slot)
    if maker not in BY_HAND:
        raise ConfigError(
            f"'{column}' is already there and was made by '{maker}'.",
            hint="Give the annotation another name; what came with the data is kept.",
        )
    return pd.Categorical(inputs.data.column(column))
