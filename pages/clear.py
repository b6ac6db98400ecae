"""Train CLEAR: choose, start, watch."""

import streamlit as st

from scapp.ui.clear import one_run, placed_cells, start_and_runs
from scapp.ui.export import files_and_script
from scapp.ui.kit import state
from scapp.ui.kit.boundary import boundary
from scapp.ui.kit.routing import guard
from scapp.ui.kit.widgets import image_format_choice

guard()
st.title("Train CLEAR")
image_format_choice()
with boundary():
    state.dataset_switcher()
    dataset = state.prepared_or_stop()
    run = start_and_runs.chosen_run(dataset)
    start_and_runs.start_section(dataset, run)
    if run is not None:
        one_run.run_section(dataset, run)
    start_and_runs.runs_section(dataset)
    placed_cells.apply_section(dataset)
    files_and_script.copy_as_python(dataset, ("clear", "choose", "apply"))
