"""What a comparison of pseudotimes found of single cells: orders, paths on the map, genes along them."""

from collections.abc import Mapping

import numpy as np
import pandas as pd
import streamlit as st

from scapp.core import keys
from scapp.metrics.ordering import monotone_curve
from scapp.plotting.evaluate.map_pairs import plot_paga
from scapp.plotting.evaluate.order_figures import (
    path_on_map,
    plot_order_against_stage,
    plot_orders,
    plot_trend,
    trend_data,
)
from scapp.plotting.theme import MUTED
from scapp.ui.evaluate import words
from scapp.ui.evaluate.run_tables import table_of
from scapp.ui.kit import state
from scapp.ui.kit.downloads import download_csv
from scapp.ui.kit.widgets import show_figure, show_table
from scapp.ui.map import coloured_maps
from scapp.workspace.datasets.dataset import Dataset
from scapp.workspace.runs.run import Run

N_TRENDS = 4


def order_section(dataset: Dataset, run: Run, cells: Mapping[str, pd.DataFrame]) -> None:
    """Orders by stage, paths on the map, and genes along pseudotime, of the first seed."""
    column = str(run.config.config["label_key"])
    if not cells or keys.obs(column) not in dataset:
        return
    stages = state.grouping(dataset, column)
    of_stage = state.colours(dataset, column)
    order = run.config.config.get("stages") or []
    if order:
        stages = stages.cat.set_categories([str(name) for name in order])
    hues = [of_stage.get(name, MUTED) for name in stages.cat.categories]
    st.subheader("The order of the first seed")
    times = pd.DataFrame({title: part["pseudotime"] for title, part in cells.items()})
    ordered = pd.Categorical(stages)
    curves = {str(title): monotone_curve(times[title].to_numpy(), np.asarray(ordered.codes)) for title in times}
    show_figure(
        plot_order_against_stage(curves, ordered),
        key=f"order.curve.{run.id}",
        name="order_against_stage",
        alt="Cells in their inferred order by stage, with the rising curve that fits them best",
    )
    st.caption(words.ORDER_CURVE)
    download_csv(
        pd.concat([curve.assign(method=title) for title, curve in curves.items()], ignore_index=True),
        key=f"order.curve.{run.id}",
        name="order_against_stage",
    )
    show_figure(
        plot_orders(times, ordered),
        key=f"orders.{run.id}",
        name="pseudotime",
        alt="Pseudotime of the cells of each stage",
    )
    connections = table_of(run, "paga")
    links = connections.reindex(columns=["title", "from", "to", "connectivity"])  # also where there are none
    for title, part in cells.items():
        if "x" not in part:
            continue
        st.markdown(f"**{title}**")
        roots = np.flatnonzero(part["is_root"].to_numpy() == 1)
        show_figure(
            plot_paga(
                part[["x", "y"]].to_numpy(),
                stages.rename(column),
                part["pseudotime"].to_numpy(),
                links[links["title"] == title],
                root=int(roots[0]) if len(roots) else None,
                path=path_on_map(part[["x", "y"]].to_numpy(), part["pseudotime"].to_numpy()),
                colours=hues,
            ),
            key=f"paga.{title}.{run.id}",
            name=f"paga_{title}",
            alt=f"Map of {title} with the graph of stages, and by pseudotime",
        )
    if any("x" in part for part in cells.values()):
        st.caption(words.PATH)
    left, right = st.columns(2)
    with left:
        table = pd.concat([part.assign(**{column: stages}) for part in cells.values()])
        download_csv(table, key=f"orders.{run.id}", name="pseudotime")
    if len(connections):
        with right:
            download_csv(connections, key=f"paga.{run.id}", name="paga")
    _trends(dataset, run, times)


def _trends(dataset: Dataset, run: Run, times: pd.DataFrame) -> None:
    st.subheader("Genes along pseudotime")
    following = table_of(run, "genes")
    known = state.genes(dataset)
    shown_of = words.OURS if words.OURS in times else str(times.columns[0])
    default: list[str] = []
    if len(following):
        strongest = following[following["title"] == shown_of]["gene"]
        default = [known.labels[known.names.index(name)] for name in strongest[:N_TRENDS] if name in known.names]
    chosen = coloured_maps.gene_choice(dataset, key=f"trend.genes.{run.id}", default=default, most=12)
    holders = st.columns(2)
    for index, label in enumerate(chosen):
        position = known.position(label)
        values = np.asarray(dataset.gene(position), dtype=float)
        trends = {str(title): trend_data(times[title].to_numpy(), values) for title in times}
        with holders[index % 2]:
            show_figure(
                plot_trend(trends, (shown_of, times[shown_of].to_numpy(), values), known.symbols[position]),
                key=f"trend.{label}.{run.id}",
                name=f"trend_{known.symbols[position]}",
                alt=f"{known.symbols[position]} along pseudotime",
            )
            table = pd.concat([trend.assign(method=title) for title, trend in trends.items()])
            download_csv(table, key=f"trend.{label}.{run.id}", name=f"trend_{known.symbols[position]}")
    if len(following):
        with st.expander("Genes that follow pseudotime most closely"):
            symbols = known.symbol_of()
            table = following.assign(symbol=following["gene"].map(symbols))
            show_table(
                table[["title", "gene", "symbol", "gene_spearman"]].rename(
                    columns={"title": "method", "gene_spearman": "Spearman with pseudotime"}
                ),
                key=f"following.{run.id}",
                name="genes_along_pseudotime",
                alt="Genes that follow pseudotime most closely",
            )
            st.caption(
                "Variable genes, first seed. Pseudotime was made from these genes, so its p-values would mean nothing"
                " and none are given."
            )
