"""Benchmarks: does CLEAR help on these data?"""

import streamlit as st

from scapp.ui import benchmarking, state
from scapp.ui import explain_evaluation as explain
from scapp.ui.boundary import boundary
from scapp.ui.routing import guard
from scapp.ui.widgets import image_format_choice

guard()
st.title("Benchmarks")
image_format_choice()
with boundary():
    state.dataset_switcher()
    dataset = state.prepared_or_stop()
    st.markdown(explain.PAGE)
    tabs = st.tabs([*benchmarking.TITLES.values(), "Scoreboard"], on_change="rerun", key="benchmarks.tab")
    for tab, task in zip(tabs, benchmarking.TITLES, strict=False):
        if tab.open:
            with tab, boundary():
                benchmarking.task_section(dataset, task)
    if tabs[-1].open:
        with tabs[-1], boundary():
            benchmarking.scoreboard_section(dataset)
