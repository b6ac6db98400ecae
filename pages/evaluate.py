"""Benchmarks: does CLEAR help on these data?"""

import streamlit as st

from scapp.ui.evaluate import comparison_form, words
from scapp.ui.evaluate.datasets_tab import datasets_section
from scapp.ui.kit import state
from scapp.ui.kit.boundary import boundary
from scapp.ui.kit.frame import page
from scapp.ui.kit.routing import guard

guard()
with page("Benchmarks") as header:
    state.dataset_switcher()
    with header.title:
        dataset = state.prepared_or_stop()
    st.markdown(words.PAGE)
    tabs = st.tabs(
        [*comparison_form.TITLES.values(), "Scoreboard", "Across datasets"], on_change="rerun", key="benchmarks.tab"
    )
    for tab, task in zip(tabs, comparison_form.TITLES, strict=False):
        if tab.open:
            with tab, boundary():
                if task == "ablation":
                    comparison_form.augmentations_section(dataset)
                else:
                    comparison_form.task_section(dataset, task)
    if tabs[-2].open:
        with tabs[-2], boundary():
            comparison_form.scoreboard_section(dataset)
    if tabs[-1].open:
        with tabs[-1], boundary():
            datasets_section(comparison_form.TITLES)
