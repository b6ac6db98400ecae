"""Marker genes: run, table with thresholds, figures."""

import numpy as np
import pandas as pd
import streamlit as st

from scapp.analysis.map.config import MarkersConfig
from scapp.core import keys
from scapp.jobs.launch import submit
from scapp.plotting.map.marker_figures import expression_by_group, plot_dots, plot_heatmap, plot_violins
from scapp.ui.kit import state
from scapp.ui.kit.boundary import escape
from scapp.ui.kit.downloads import download_csv
from scapp.ui.kit.forms import config_form
from scapp.ui.kit.live import latest_of, run_panel
from scapp.ui.kit.widgets import show_figure, show_table
from scapp.ui.map import coloured_maps, words
from scapp.workspace.datasets.dataset import Dataset
from scapp.workspace.runs.run import ACTIVE

FIGURES = ("Dot plot", "Stacked violins", "Heatmap")
MOST_DRAWN = 60
TITLES = {
    "log2_fold_change": "log2 fold change",
    "p_value": "p",
    "p_value_adjusted": "adjusted p",
    "share_in_group": "share in group (%)",
    "share_elsewhere": "share elsewhere (%)",
    "mean_in_group": "mean in group",
    "mean_elsewhere": "mean elsewhere",
}


def markers_section(dataset: Dataset, name: str) -> None:
    """Choose groups, find their genes, look at them."""
    st.markdown(words.MARKERS)
    groups, _ = coloured_maps.colour_options(dataset, name)
    if not groups:
        st.info("There are no groups yet: make the map, which clusters the cells.")
        return
    column = st.selectbox("Groups", groups, key=f"markers.by.{dataset.id}", persist_state="session", width=320)
    run = latest_of("markers", dataset, groupby=column)
    active = run is not None and run.observe().state in ACTIVE
    slot = keys.markers(column)
    there = slot in dataset
    start = MarkersConfig(groupby=column)
    values = config_form(MarkersConfig, key=f"markers.{dataset.id}", start=start, only=("method",))
    label = "Find marker genes again" if there else "Find marker genes"
    if not active and st.button(label, type="secondary" if there else "primary", key="markers.go"):
        submit(state.root(), "markers", MarkersConfig.build({**values, "groupby": column}), dataset)
        st.rerun()
    run_panel(run, key=f"markers.{column}")
    if not there:
        return
    if outdated(dataset, column):
        st.warning(f"'{escape(column)}' has changed since these genes were found. Find marker genes again.")
    table = state.read(dataset, slot)
    chosen = marker_table(dataset, table, key=column)
    _figures(dataset, column, chosen)


def outdated(dataset: Dataset, column: str) -> bool:
    """Whether the groups have changed since their marker genes were found."""
    return not dataset.is_current(keys.markers(column), keys.obs(column))


def marker_table(
    dataset: Dataset, table: pd.DataFrame, *, key: str, pair: tuple[str, str] | None = None
) -> pd.DataFrame:
    """Thresholds and the table; the rows that pass, strongest first within each group.

    Of a pair of selections, genes that are higher in either are shown, and columns are called after them.
    """
    limits = st.columns(4)
    max_p = limits[0].number_input(
        "Adjusted p at most", 0.0, 1.0, 0.05, 0.01, format="%g", key=f"{key}.p", persist_state="session"
    )
    min_fold = limits[1].number_input(
        "log2 fold change at least", -20.0, 20.0, 1.0, 0.25, format="%g", key=f"{key}.fold", persist_state="session"
    )
    min_share = limits[2].number_input(
        "In at least (% of the cells)", 0, 100, 10, 5, key=f"{key}.share", persist_state="session"
    )
    fold, share = table["log2_fold_change"], table["share_in_group"]
    if pair is not None:
        either = limits[3].segmented_control(
            "Higher in", [*pair, "either"], default=pair[0], required=True, key=f"{key}.side.{pair[1]}"
        )
        down = fold < 0
        if either != pair[0]:
            fold = fold.abs() if either == "either" else -fold
            share = share.where(~down, table["share_elsewhere"])
        # strongest first on either side
        order = np.argsort(-table["score"].abs().to_numpy(), kind="stable")
        table, fold, share = table.iloc[order], fold.iloc[order], share.iloc[order]
    passing = table[(table["p_value_adjusted"] <= max_p) & (fold >= min_fold) & (100 * share >= min_share)]
    if pair is None:
        groups = [str(group) for group in table["group"].cat.categories]
        only = limits[3].multiselect(
            "Groups shown", groups, key=f"{key}.groups.{len(groups)}", placeholder="all groups"
        )
        if only:
            passing = passing[passing["group"].isin(only)]
    shown = passing.copy()
    shown.insert(2, "symbol", shown["gene"].map(state.genes(dataset).symbol_of()).astype(str))
    if (shown["symbol"] == shown["gene"].astype(str)).all():
        shown = shown.drop(columns="symbol")
    for column in ("share_in_group", "share_elsewhere"):
        shown[column] = (100 * shown[column]).round(1)
    numbers = [c for c in ("score", "log2_fold_change", "mean_in_group", "mean_elsewhere") if c in shown]
    shown[numbers] = shown[numbers].astype(float).round(3)
    st.caption(f"{len(shown):,} of {len(table):,} rows pass.")
    titles = dict(TITLES)
    if pair is not None:
        titles = {
            column: title.replace("group", pair[0]).replace("elsewhere", f"in {pair[1]}")
            for column, title in TITLES.items()
        }
        shown = shown.drop(columns="group")
    show_table(
        shown.rename(columns=titles),
        key=f"{key}.markers",
        name=f"markers_{key}",
        alt="Marker genes of each group",
    )
    whole = table.assign(symbol=table["gene"].map(state.genes(dataset).symbol_of()).astype(str))
    download_csv(whole, key=f"{key}.all", name=f"markers_{key}_all_genes")
    return passing


def _figures(dataset: Dataset, column: str, passing: pd.DataFrame) -> None:
    st.header("Marker genes drawn")
    kind_column, number_column = st.columns([3, 1])
    kind = kind_column.segmented_control(
        "Figure",
        FIGURES,
        default=FIGURES[0],
        required=True,
        key=f"markers.figure.{dataset.id}",
        persist_state="session",
    )
    per_group = number_column.number_input(
        "Genes per group", 1, 20, 3, key=f"markers.number.{dataset.id}", persist_state="session"
    )
    genes = state.genes(dataset)
    label_of = dict(zip(genes.names, genes.labels, strict=True))
    best = passing.groupby("group", observed=True, sort=False).head(int(per_group))["gene"].astype(str)
    default = list(dict.fromkeys(label_of[name] for name in best))[:MOST_DRAWN]
    chosen = coloured_maps.gene_choice(
        dataset, key=f"markers.genes.{column}.{per_group}.{len(passing)}", default=default, most=MOST_DRAWN
    )
    if not chosen:
        st.info("No gene passes the thresholds. Loosen them, or choose genes yourself.")
        return
    positions = [genes.position(label) for label in chosen]
    values = np.column_stack([dataset.gene(position) for position in positions])
    names = [genes.symbols[position] for position in positions]
    grouping = pd.Categorical(state.grouping(dataset, column))
    data = expression_by_group(values, grouping, names)
    if kind == "Stacked violins":
        figure = plot_violins(values, grouping, names, colours=[*state.colours(dataset, column).values()])
    else:
        figure = plot_dots(data) if kind == "Dot plot" else plot_heatmap(data)
    file_name = str(kind).lower().replace(" ", "_")
    show_figure(
        figure, key=f"markers.{kind}.{column}", name=f"{file_name}_{column}", alt=f"{kind} of marker genes by {column}"
    )
    download_csv(data, key=f"markers.means.{column}", name=f"expression_by_{column}")
