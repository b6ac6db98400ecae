"""Train CLEAR: choose, start, watch."""

import streamlit as st

from scapp.ui import exporting, state, training, watching
from scapp.ui.boundary import boundary
from scapp.ui.routing import guard
from scapp.ui.widgets import image_format_choice

guard()
st.title("Train CLEAR")
image_format_choice()
with boundary():
    state.dataset_switcher()
    dataset = state.prepared_or_stop()
    run = training.chosen_run(dataset)
    training.start_section(dataset, run)
    if run is not None:
        watching.run_section(dataset, run)
    training.runs_section(dataset)
    exporting.copy_as_python(dataset, ("clear", "choose"))
