"""Train CLEAR: choose, start, watch."""

import streamlit as st

from scapp.ui.clear import one_run, placed_cells, start_and_runs
from scapp.ui.export import files_and_script
from scapp.ui.kit import state
from scapp.ui.kit.boundary import boundary
from scapp.ui.kit.routing import guard, next_button
from scapp.ui.kit.widgets import image_format_choice

guard()
image_format_choice()
with boundary():
    state.dataset_switcher()
    title, choice, following = st.columns([5, 5, 2], vertical_alignment="bottom")
    with title:
        st.title("Train CLEAR")
        dataset = state.prepared_or_stop()
    with choice:
        run = start_and_runs.chosen_run(dataset)
    with following:
        if run is not None and run.observe().state == "done":
            next_button("map", "Next: make the map", dataset=dataset.id)
    start_and_runs.start_section(dataset, run)
    if run is not None:
        one_run.run_section(dataset, run)
    start_and_runs.runs_section(dataset)
    placed_cells.apply_section(dataset)
    files_and_script.copy_as_python(dataset, ("clear", "choose", "apply"))
