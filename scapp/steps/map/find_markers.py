"""Marker genes of groups, and of one selection against another."""

import numpy as np
import pandas as pd

from scapp.analysis.map.config import MarkersConfig
from scapp.analysis.markers.rank_genes import rank_genes
from scapp.core import keys
from scapp.core.errors import ConfigError
from scapp.core.step_context import StepContext
from scapp.steps.map.log_values import require_log_values
from scapp.steps.map.selected_cells import selected_cells
from scapp.steps.step import Inputs, Outcome

A, B, REST = "A", "B", "all other cells"


def find_markers(inputs: Inputs, config: MarkersConfig, context: StepContext) -> Outcome:
    """A table of every gene in every group; see ``analysis.markers.rank_genes``.

    Raises
    ------
    ConfigError
        Neither an annotation nor a selection was named.
    """
    data = inputs.data
    require_log_values(data)
    context.report(0, 2, "loading the data")
    values, genes = data.matrix(keys.X), data.names(keys.VAR_NAMES)
    if config.selection is not None:
        groups, reference, slot = _two_selections(inputs, config)
    elif config.groupby is not None:
        groups, reference, slot = pd.Categorical(data.column(config.groupby)), "rest", keys.markers(config.groupby)
        groups = groups.rename_categories([str(name) for name in groups.categories])
    else:
        raise ConfigError("No groups were chosen.", hint="Choose an annotation, or select cells on the map.")
    context.raise_if_stopped()
    what = f"testing {len(genes):,} genes in {len(groups.categories)} groups"

    def report(done: int, total: int) -> None:
        context.raise_if_stopped()
        context.report(total + done, 2 * total, what)

    context.report(1, 2, what)
    table = rank_genes(values, genes, groups, method=config.method, reference=reference, report=report)
    return Outcome(
        {slot: table},
        summary={"n_groups": int(table["group"].nunique()), "n_genes": len(genes), "reference": reference},
    )


def _two_selections(inputs: Inputs, config: MarkersConfig) -> tuple[pd.Categorical, str, str]:
    assert config.selection is not None
    first = selected_cells(inputs.data, config.selection, "Selection A")
    second = ~first if config.against is None else selected_cells(inputs.data, config.against, "Selection B")
    overlap = int((first & second).sum())
    if overlap:
        raise ConfigError(
            f"{overlap:,} cells are in both selections.", hint="Select again so that A and B have no cell in common."
        )
    other = REST if config.against is None else B
    codes = np.select([first, second], [0, 1], -1)
    return pd.Categorical.from_codes(codes, [A, other]), other, keys.markers(keys.SELECTION)
