"""Latent circles: how MLS-CC sees each type."""

import streamlit as st

from scapp.ui.circles import circle_page
from scapp.ui.kit import state
from scapp.ui.kit.boundary import boundary
from scapp.ui.kit.routing import guard
from scapp.ui.kit.widgets import image_format_choice

guard()
st.title("Latent circles")
image_format_choice()
with boundary():
    state.dataset_switcher()
    dataset = state.dataset_or_stop()
    circle_page.circles_section(dataset)
