"""Suggested cell types as an annotation: what a first map is coloured by until somebody has named the clusters."""

import pandas as pd

from scapp.analysis.map.config import SuggestConfig
from scapp.analysis.markers.suggested_names import SURE, UNNAMED, fitting_panel
from scapp.core import keys
from scapp.core.errors import DataError
from scapp.core.step_context import StepContext
from scapp.data.panels import PANELS
from scapp.steps.map.annotate import renamed
from scapp.steps.step import Inputs, Outcome


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
    markers = keys.markers(config.source)
    data.require(markers, f"The clusters '{config.source}' have no marker genes yet.")
    clusters = pd.Categorical(data.column(config.source))
    if not data.is_current(markers, keys.obs(config.source)):
        raise DataError(
            f"'{config.source}' has changed since its marker genes were found.",
            hint="Find the marker genes again, then the names.",
        )
    groups = [str(name) for name in clusters.categories]
    sizes = {str(name): int(size) for name, size in clusters.value_counts().items()}
    genes = data.gene_names()
    symbols = dict(zip(genes.names, genes.symbols, strict=True))
    fit = fitting_panel(data.read(markers), symbols, sizes, PANELS)
    chosen, found = fit.by(config.panel)
    named = {each.group: each.name for each in found if each.sureness in SURE}
    summary = {
        "source": config.source,
        "panel": chosen,
        "n_clusters": len(groups),
        "n_named": len(named),
        "fit": fit.in_words,
        "askable": fit.askable,
    }
    written = keys.suggested(config.source)
    return Outcome(
        {written: renamed(clusters, [named.get(group, f"{UNNAMED}{group}") for group in groups])},
        summary=summary | {"column": written.removeprefix("obs/") if named else ""},
    )
