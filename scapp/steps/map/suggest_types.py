"""Suggested cell types as an annotation: what a first map is coloured by until somebody has named the clusters."""

import numpy as np
import pandas as pd

from scapp.analysis.map.config import SuggestConfig
from scapp.analysis.markers.suggested_names import SURE, UNNAMED, fitting_panel, suggest_names
from scapp.core import keys
from scapp.core.errors import DataError
from scapp.core.step_context import StepContext
from scapp.data.panels import PANELS, panel
from scapp.data.symbols import gene_symbols
from scapp.steps.step import Inputs, Outcome, Reading


def suggest(inputs: Inputs, config: SuggestConfig, context: StepContext) -> Outcome:
    """Write the suggested name of every cluster; one without a clear or likely name is called by its number.

    Where no cluster has a name, the annotation is written all the same, so that names of earlier clusters do not stay;
    the summary's ``column`` is empty then.

    Raises
    ------
    DataError
        The clusters have no marker genes, or have changed since these were found.
    """
    data = inputs.data
    context.report(0, 1, "comparing marker genes with panels")
    data.require(keys.markers(config.source), f"The clusters '{config.source}' have no marker genes yet.")
    clusters = pd.Categorical(data.column(config.source))
    groups = [str(name) for name in clusters.categories]
    table, symbols = data.read(keys.markers(config.source)), _symbols(data)
    if (
        data.made_from(keys.markers(config.source)).get(keys.obs(config.source))
        != data.fingerprints[keys.obs(config.source)]
    ):
        raise DataError(
            f"'{config.source}' has changed since its marker genes were found.",
            hint="Find the marker genes again, then the names.",
        )
    sizes = dict(zip(groups, np.bincount(clusters.codes[clusters.codes >= 0], minlength=len(groups)), strict=True))
    fit = fitting_panel(table, symbols, {group: int(size) for group, size in sizes.items()}, PANELS)
    chosen = fit.panel if config.panel == "auto" else panel(config.panel)
    found = [] if chosen is None else suggest_names(table, symbols, chosen)
    named = {each.group: each.name for each in found if each.sureness in SURE}
    summary = {
        "source": config.source,
        "panel": chosen.id if chosen else "",
        "n_clusters": len(groups),
        "n_named": len(named),
        "fit": fit.in_words,
        "askable": fit.askable,
    }
    titles = [named.get(group, f"{UNNAMED}{group}") for group in groups]
    categories = list(dict.fromkeys(titles))
    codes = np.array([categories.index(title) for title in titles] + [-1])[clusters.codes]
    written = keys.suggested(config.source)
    return Outcome(
        {written: pd.Categorical.from_codes(codes, categories)},
        summary=summary | {"column": written.removeprefix("obs/") if named else ""},
    )


def _symbols(data: Reading) -> dict[str, str]:
    """Gene name -> symbol."""
    names = data.names(keys.VAR_NAMES)
    return dict(zip(names.astype(str), gene_symbols(names, data.frame("var")), strict=True))
