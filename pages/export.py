"""Export: files, the session as code and words, and its history."""

import streamlit as st

from scapp.ui import exporting, history, state
from scapp.ui.boundary import boundary
from scapp.ui.routing import guard

guard()
st.title("Export")
with boundary():
    state.dataset_switcher()
    dataset = state.dataset_or_stop()
    exporting.file_section(dataset)
    exporting.script_section(dataset)
    exporting.contents(dataset)
    history.history_section(dataset)
