"""Which genes name the types: top markers, panels or chosen genes, by type and on the map."""

import numpy as np
import pandas as pd
import streamlit as st

from scapp.analysis.de.design import Study
from scapp.analysis.de.gene_tables import strongest
from scapp.analysis.map.config import MarkersConfig
from scapp.core import keys
from scapp.data.panels import PANELS
from scapp.jobs.launch import submit
from scapp.plotting.map.marker_figures import expression_by_group, plot_dots, plot_violins
from scapp.reports.study_panels import CYTOKINES
from scapp.ui.de import design_tab
from scapp.ui.kit import state
from scapp.ui.kit.boundary import escape
from scapp.ui.kit.downloads import download_csv
from scapp.ui.kit.live import latest_of, run_panel
from scapp.ui.kit.routing import link
from scapp.ui.kit.widgets import show_figure
from scapp.ui.map import coloured_maps
from scapp.workspace.datasets.dataset import Dataset
from scapp.workspace.runs.run import ACTIVE

MOST_DRAWN = 60
PER_TYPE = 3
SOURCES = ("Top markers", "A panel", "Own choice")
PER_ROW = 3


def markers_section(dataset: Dataset) -> None:
    """Violins and dots by type, and several genes on the map."""
    found = design_tab.study_or_stop(dataset)
    if found is None:
        return
    design, config = found
    if config.cell_type_key is None:
        st.info("Choose a column of cell types in the tab 'Study design' to see their genes.")
    else:
        _by_type(dataset, design, config)
    _on_map(dataset, design)


def _by_type(dataset: Dataset, design: Study, config: design_tab.StudyConfig) -> None:
    column = str(config.cell_type_key)
    source = st.segmented_control(
        "Genes", SOURCES, default=SOURCES[0], required=True, key=f"study.genes.{dataset.id}", persist_state="session"
    )
    types = design_tab.type_choice(design, key=f"study.markers.types.{dataset.id}", label="Only these types")
    default = _genes_from(str(source), dataset, column, types)
    if default is None:
        return
    genes = state.genes(dataset)
    chosen = coloured_maps.gene_choice(
        dataset,
        key=f"study.markers.{source}.{len(default)}.{default[:1]}.{types}",
        default=default[:MOST_DRAWN],
        most=MOST_DRAWN,
    )
    if not chosen:
        st.info("Choose genes, by symbol or id.")
        return
    positions = [genes.position(label) for label in chosen]
    values = np.column_stack([dataset.gene(position) for position in positions])
    names = [genes.symbols[position] for position in positions]
    grouping = design.cell_type.remove_unused_categories()
    cells = design.cells_of(types)
    groups = grouping[cells].remove_unused_categories()
    colours = design_tab.type_colours(dataset, design, config)
    kind = st.segmented_control(
        "Figure",
        ["Stacked violins", "Dot plot"],
        default="Stacked violins",
        required=True,
        key=f"study.markers.figure.{dataset.id}",
        persist_state="session",
    )
    data = expression_by_group(values[cells], groups, names)
    if kind == "Dot plot":
        figure = plot_dots(data)
    else:
        figure = plot_violins(values[cells], groups, names, colours=[colours[str(name)] for name in groups.categories])
    show_figure(figure, key=f"study.markers.{kind}", name=f"markers_{column}", alt=f"{kind} of genes by cell type")
    download_csv(data, key="study.markers", name=f"expression_by_{column}")


def _genes_from(source: str, dataset: Dataset, column: str, types: list[str]) -> list[str] | None:
    """Labels of genes to start from; None while there is nothing to show yet."""
    genes = state.genes(dataset)
    if source == "Own choice":
        return []
    if source == "A panel":
        panel = st.selectbox(
            "Panel",
            PANELS,
            format_func=lambda p: p.title,
            key=f"study.panel.{dataset.id}",
            width=320,
            help="Marker genes that help to name types.",
        )
        label_of = {symbol.upper(): label for symbol, label in zip(genes.symbols, genes.labels, strict=True)}
        wanted = [gene for of_type in panel.types.values() for gene in of_type[:PER_TYPE]]
        there = list(dict.fromkeys(label_of[gene] for gene in wanted if gene in label_of))
        st.caption(f"{len(there)} of the panel's first {PER_TYPE} genes per type are in this dataset.")
        return there
    slot = keys.markers(column)
    run = latest_of("markers", dataset, groupby=column)
    active = run is not None and run.observe().state in ACTIVE
    if slot not in dataset:
        st.caption(f"Marker genes of '{escape(column)}' have not been looked for yet.")
        if not active and st.button("Find marker genes", type="primary", key="study.markers.go"):
            submit(state.root(), "markers", MarkersConfig(groupby=column), dataset)
            st.rerun()
        run_panel(run, key="study.markers")
        return None
    table = state.read(dataset, slot)
    best = strongest(table, PER_TYPE, min_log2_fold=1.0)
    if types:
        best = best[best["group"].astype(str).isin(types)]
    label_of = dict(zip(genes.names, genes.labels, strict=True))
    return list(dict.fromkeys(label_of[name] for name in best["gene"].astype(str)))


def _on_map(dataset: Dataset, design: Study) -> None:
    st.subheader("Genes on the map")
    records = coloured_maps.available(dataset)
    if not records:
        st.info("No map has been made yet.")
        link("map", "Go to Clusters & map", dataset=dataset.id)
        return
    genes = state.genes(dataset)
    label_of = {symbol.upper(): label for symbol, label in zip(genes.symbols, genes.labels, strict=True)}
    default = [label_of[gene] for gene in CYTOKINES if gene in label_of]
    left, right = st.columns(2)
    with left:
        chosen = coloured_maps.gene_choice(
            dataset, key=f"study.map.genes.{dataset.id}", default=default or genes.labels[:1]
        )
    with right:
        first = [name for name in design.types if "mono" in name.lower()]
        types = design_tab.type_choice(
            design, key=f"study.map.types.{dataset.id}", default=first, label="Only these types "
        )
    shown = design.cells_of(types)
    if not chosen or not shown.any():
        st.info("Choose genes, and types that have cells.")
        return
    for start in range(0, len(chosen), PER_ROW):
        for column, label in zip(st.columns(PER_ROW), chosen[start : start + PER_ROW], strict=False):
            with column:
                colouring = coloured_maps.gene_colouring(dataset, label)
                coloured_maps.draw(
                    dataset,
                    records[0],
                    colouring,
                    key=f"study.map.{label}.{records[0].key}.{types}",
                    shown=shown,
                    height=330,
                )
    values = pd.DataFrame(
        {genes.symbols[genes.position(label)]: dataset.gene(genes.position(label))[shown] for label in chosen}
    )
    shares = pd.DataFrame(
        {
            "gene": values.columns,
            "cells": len(values),
            "share expressing": (values > 0).mean().round(4).to_numpy(),
            "mean": values.mean().round(4).to_numpy(),
        }
    )
    st.dataframe(shares, hide_index=True, key="study.map.shares", alt="Share of cells that express each gene")
    download_csv(shares, key="study.map.shares", name="genes_on_the_map")
