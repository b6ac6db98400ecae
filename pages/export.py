"""Export: files, the session as code and words, and its history."""

import streamlit as st

from scapp.ui.export import done_steps, files_and_script
from scapp.ui.kit import state
from scapp.ui.kit.boundary import boundary
from scapp.ui.kit.routing import guard

guard()
st.title("Export")
with boundary():
    state.dataset_switcher()
    dataset = state.dataset_or_stop()
    files_and_script.file_section(dataset)
    files_and_script.script_section(dataset)
    files_and_script.contents(dataset)
    done_steps.history_section(dataset)
