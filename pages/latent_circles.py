"""Latent circles: how MLS-CC sees each type."""

import streamlit as st

from scapp.ui import circles, state
from scapp.ui.boundary import boundary
from scapp.ui.routing import guard
from scapp.ui.widgets import image_format_choice

guard()
st.title("Latent circles")
image_format_choice()
with boundary():
    state.dataset_switcher()
    dataset = state.dataset_or_stop()
    circles.circles_section(dataset)
