"""Composition: shares of cell types, by condition and by donor."""

import numpy as np
import pandas as pd
import streamlit as st

from scapp.analysis.de.composition import mean_shares
from scapp.analysis.de.findings import Test, donor_differences, usual_test
from scapp.core import keys
from scapp.plotting.de.design_figures import condition_colours, plot_share_points, plot_shares
from scapp.ui.de import design_tab, words
from scapp.ui.kit import state
from scapp.ui.kit.boundary import as_list
from scapp.ui.kit.downloads import download_csv
from scapp.ui.kit.routing import link
from scapp.ui.kit.widgets import show_figure, show_table
from scapp.ui.map import coloured_maps
from scapp.ui.map.coloured_maps import Colouring
from scapp.workspace.datasets.dataset import Dataset

KINDS: dict[Test, str] = {"rank": "rank test", "t": "t-test on logit shares"}
HEIGHT = 460


def composition_section(dataset: Dataset) -> None:
    """Bars, points per donor, tests, and maps by condition and type."""
    found = design_tab.study_or_stop(dataset)
    if found is None:
        return
    design, config = found
    st.markdown(words.COMPOSITION)
    if len(design.types) < 2:
        st.info("Choose a column of cell types in the tab 'Study design' to see the cell-type composition.")
    else:
        _shares(dataset, design, config)
    _maps(dataset, design, config)


def _shares(dataset: Dataset, design: design_tab.Study, config: design_tab.StudyConfig) -> None:
    shares, tests = state.read(dataset, keys.COMPOSITION), state.read(dataset, keys.COMPOSITION_TESTS)
    means = mean_shares(shares, design.conditions)
    colours = design_tab.type_colours(dataset, design, config)
    show_figure(
        plot_shares(means, colours=colours),
        key="composition.bars",
        name="composition",
        alt="Share of each cell type by condition",
    )
    download_csv(means.rename_axis("condition").reset_index(), key="composition.bars", name="composition_by_condition")
    if design.sample is None:
        st.info("Shares per donor and tests need a donor column: choose it in the tab 'Study design'.")
        return
    st.subheader("By donor")
    logarithmic = st.toggle(
        "Logarithmic axis, to see rare types", key=f"composition.log.{dataset.id}", persist_state="session"
    )
    show_figure(
        plot_share_points(shares, design.conditions, logarithmic=logarithmic),
        key=f"composition.points.{logarithmic}",
        name="composition_by_donor",
        alt="Share of each cell type in each donor, by condition",
    )
    if logarithmic and (shares["share"] == 0).any():
        st.caption(f"{int((shares['share'] == 0).sum())} shares are zero and cannot be drawn on a logarithmic axis.")
    download_csv(shares, key="composition.points", name="composition_by_donor")
    st.subheader("Which shares differ?")
    kind: Test = st.segmented_control(
        "Test",
        list(KINDS),
        default=usual_test(tests),
        required=True,
        format_func=KINDS.__getitem__,
        key=f"composition.test.{dataset.id}",
        persist_state="session",
    )
    st.caption(words.SHARE_TESTS[kind])
    st.markdown(as_list(donor_differences(tests, kind, what="share")))
    shown = tests.rename(
        columns={
            "feature": "cell type",
            f"p_{kind}": "p",
            f"p_{kind}_adjusted": "adjusted p",
            "smallest_p_rank": "smallest p",
        }
    )
    smallest = ["smallest p"] if kind == "rank" else []
    wanted = [
        "cell type",
        "compared",
        "reference",
        "p",
        "adjusted p",
        *smallest,
        "log2_ratio",
        "cliffs_delta",
        "mean_reference",
        "mean_compared",
        "n_reference",
        "n_compared",
        "test",
    ]
    show_table(
        shown[wanted],
        key=f"composition.tests.{kind}",
        name="composition_tests",
        alt="Tests of the share of each cell type",
        numbers={
            **dict.fromkeys(("mean_reference", "mean_compared"), "%.4f"),
            **dict.fromkeys(("log2_ratio", "cliffs_delta"), "%.2f"),
        },
    )
    st.caption(words.EFFECTS)


def _maps(dataset: Dataset, design: design_tab.Study, config: design_tab.StudyConfig) -> None:
    st.subheader("On the map")
    records = coloured_maps.available(dataset)
    if not records:
        st.info("No map has been made yet.")
        link("map", "Go to Clusters & map", dataset=dataset.id)
        return
    record = (
        records[0]
        if len(records) == 1
        else st.selectbox("Map", records, format_func=lambda r: r.title, key=f"composition.map.{dataset.id}", width=320)
    )
    left, right = st.columns(2)
    shown = np.asarray(design.known)
    by_condition = Colouring(
        str(config.condition_key), pd.Series(design.condition), condition_colours(len(design.conditions))
    )
    with left:
        coloured_maps.draw(
            dataset, record, by_condition, key=f"composition.by_condition.{record.key}", shown=shown, height=HEIGHT
        )
    if config.cell_type_key:
        with right:
            colours = [design_tab.type_colours(dataset, design, config)[name] for name in design.types]
            by_type = Colouring(config.cell_type_key, pd.Series(design.cell_type), colours)
            coloured_maps.draw(
                dataset, record, by_type, key=f"composition.by_type.{record.key}", shown=shown, height=HEIGHT
            )
