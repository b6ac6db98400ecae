"""What can be done with selected cells: count, label, compare, make a dataset of them."""

from typing import Any

import numpy as np
import pandas as pd
import streamlit as st

from scapp.analysis.map.config import AnnotateConfig, MarkersConfig, SubsetConfig
from scapp.analysis.map.selection import Selection, selected
from scapp.core import keys
from scapp.core.errors import listed
from scapp.jobs.launch import run_now, submit
from scapp.ui.kit import state
from scapp.ui.kit.boundary import boundary, escape
from scapp.ui.kit.downloads import download_csv
from scapp.ui.kit.live import panel_that_opens, run_panel, start_and_open
from scapp.ui.kit.widgets import show_table
from scapp.ui.map.markers_tab import marker_table
from scapp.workspace.datasets.dataset import Dataset
from scapp.workspace.runs.run import ACTIVE

ANNOTATION = "annotation"


def members_of(dataset: Dataset, selection: Selection) -> np.ndarray:
    """Which cells a selection means."""
    points = np.asarray(state.read(dataset, f"obsm/{selection.map}")) if selection.polygons else None
    values = state.grouping(dataset, selection.column) if selection.groups else None
    return selected(selection, dataset.n_cells, points, values)


def selection_section(dataset: Dataset, selection: Selection | None) -> None:
    """Counts, and what to do with the cells; without a selection, nothing but the one kept before."""
    kept = _kept(dataset)
    if selection is None:
        if kept is not None:
            n_kept = int(members_of(dataset, kept).sum())
            st.info(f"Selection A is kept ({n_kept:,} cells). Select others on the map to compare with them.")
            _forget_button(dataset)
        return
    members = members_of(dataset, selection)
    n_selected = int(members.sum())
    second = "Selection B: " if kept is not None and kept != selection else ""
    st.subheader(f"{second}{n_selected:,} cells selected")
    if not n_selected:
        return
    with st.container(horizontal=True):
        _label_popover(dataset, selection)
        _marker_popover(dataset, selection, kept)
        _subset_popover(dataset, selection, n_selected)
        if st.button(
            "Keep as selection A", key=f"keep.{dataset.id}", help="Then select other cells, to compare the two."
        ):
            st.session_state[_kept_key(dataset)] = selection.model_dump()
            state.say_next(f"Selection A is kept ({n_selected:,} cells). Select others to compare with them.")
            st.rerun()
        if kept is not None:
            _forget_button(dataset)
    _counts(dataset, members)


def _kept_key(dataset: Dataset) -> str:
    return f"selection.A.{dataset.id}"


def _kept(dataset: Dataset) -> Selection | None:
    values = st.session_state.get(_kept_key(dataset))
    if values is None:
        return None
    kept = Selection.build(values)
    return kept if _there(dataset, kept) else None


def _there(dataset: Dataset, selection: Selection) -> bool:
    """Whether the map and the groups of a selection are still there."""
    on_map = not selection.polygons or f"obsm/{selection.map}" in dataset
    return on_map and (not selection.groups or keys.obs(selection.column) in dataset)


def _forget_button(dataset: Dataset) -> None:
    if st.button("Forget selection A", key=f"forget.{dataset.id}"):
        st.session_state.pop(_kept_key(dataset), None)
        st.rerun()


def _label_popover(dataset: Dataset, selection: Selection) -> None:
    with st.popover("Label these cells"), boundary():
        column = st.text_input(
            "Annotation", ANNOTATION, key=f"label.column.{dataset.id}", persist_state="session", max_chars=60
        )
        label = st.text_input("Label", key=f"label.text.{dataset.id}", placeholder="such as CD14 monocyte")
        if st.button("Write the label", key="label.go", type="primary", disabled=not (column and label)):
            config = AnnotateConfig(column=column, label=label, selection=selection)
            summary = run_now(state.root(), "annotate", config, dataset)
            state.say_next(f"{summary['n_cells']:,} cells are '{label}' in '{column}' now.")
            st.rerun()


def _marker_popover(dataset: Dataset, selection: Selection, kept: Selection | None) -> None:
    with st.popover("Find marker genes"), boundary():
        choices = ["all other cells", *(["selection A"] if kept is not None else [])]
        against = st.radio(
            "Compare these cells with", choices, index=len(choices) - 1, key=f"against.{dataset.id}.{len(choices)}"
        )
        if kept is None:
            st.caption("Click 'Keep as selection A' and select other cells to compare two selections.")
        if st.button("Find them", key="selection.markers.go", type="primary"):
            pair: dict[str, Any] = {"selection": selection, "against": None}
            if against == "selection A":
                pair = {"selection": kept, "against": selection}
            submit(state.root(), "markers", MarkersConfig(**pair), dataset)
            st.rerun()


def _subset_popover(dataset: Dataset, selection: Selection, n_selected: int) -> None:
    with st.popover("Make a dataset of these cells"), boundary():
        st.write("Variable genes and PCA are chosen anew among them; the dataset that is open now stays as it is.")
        name = st.text_input(
            "Name", f"{dataset.name[:80]} · {n_selected:,} cells", key=f"subset.name.{dataset.id}.{n_selected}"
        )
        if st.button("Make the dataset", key="subset.go", type="primary"):
            start_and_open("subset", SubsetConfig(name=name, selection=selection), dataset)
            st.rerun()


def _counts(dataset: Dataset, members: np.ndarray) -> None:
    groups = state.categorical_columns(dataset)
    if groups:
        by = st.selectbox("Count by", groups, key=f"selection.by.{dataset.id}", persist_state="session", width=320)
        values = state.grouping(dataset, by)
        counts = (
            pd.DataFrame({"selected": values[members].value_counts(), "all cells": values.value_counts()})
            .fillna(0)
            .astype(int)
        )
        counts["share of the selection (%)"] = (100 * counts["selected"] / members.sum()).round(1)
        counts = counts[counts["selected"] > 0].sort_values("selected", ascending=False)
        show_table(
            counts.set_index(counts.index.astype(str)),
            key="selection",
            name=f"selection_by_{by}",
            alt="Selected cells by group",
            index_name=by,
        )
    barcodes = pd.DataFrame({"barcode": np.asarray(state.read(dataset, keys.OBS_NAMES))[members]})
    download_csv(barcodes, key="barcodes", name="selected_barcodes")


def results_section(dataset: Dataset) -> None:
    """What came of selections: a dataset being made, and the last comparison."""
    panel_that_opens(state.latest_run("subset", dataset), key="subset")
    _children(dataset)
    runs = [run for run in state.runs().list(dataset=dataset.id, step="markers") if run.config.config.get("selection")]
    run = runs[0] if runs else None
    active = run is not None and run.observe().state in ACTIVE
    slot = keys.markers(keys.SELECTION)
    if run is not None or slot in dataset:
        st.header("Selected cells compared")
    run_panel(run, key="selection.markers")
    if slot in dataset and not active:
        table = state.read(dataset, slot)
        record = dataset.manifest.provenance[dataset.slots[slot].provenance]
        st.markdown(_what_was_compared(dataset, record.config))
        other = "B" if record.config.get("against") else "the others"
        marker_table(dataset, table, key="selection", pair=("A", other))


def _what_was_compared(dataset: Dataset, config: dict[str, Any]) -> str:
    """Which cells; their number where the maps and groups that they were selected on are still there."""
    first, second = (
        Selection.build(values) if values else None for values in (config["selection"], config.get("against"))
    )
    assert first is not None
    there = all(_there(dataset, selection) for selection in (first, second) if selection is not None)

    def words(selection: Selection) -> str:
        number = f"{int(members_of(dataset, selection).sum()):,} cells, " if there else ""
        how = [f"drawn on {escape(selection.map)}"] if selection.polygons else []
        if selection.groups:
            how.append(escape(f"{selection.column} {listed(selection.groups, 3)}"))
        return f"{number}{' and '.join(how)}"

    against = f"**B** ({words(second)})" if second is not None else "**all other cells**"
    return f"Genes of **A** ({words(first)}) against {against}."


def _children(dataset: Dataset) -> None:
    """Datasets that were made of cells of this one."""
    mine = [d for d in state.workspace().datasets() if d.manifest.parent and d.manifest.parent.id == dataset.id]
    for child in mine:
        with st.container(horizontal=True, vertical_alignment="center"):
            st.markdown(f"Made of cells of this dataset: **{escape(child.name)}** ({child.n_cells:,} cells)")
            if st.button("Open it", key=f"child.{child.id}"):
                state.open_dataset(child.id)
                st.rerun()
