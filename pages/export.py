"""Export: everything as one AnnData file."""

import streamlit as st

from scapp.ui import exporting, state
from scapp.ui.boundary import boundary
from scapp.ui.routing import guard

guard()
st.title("Export")
with boundary():
    dataset = state.dataset_or_stop()
    exporting.contents(dataset)
    exporting.file_section(dataset)
    exporting.history(dataset)
