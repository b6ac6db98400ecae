"""Clusters & map: neighbours, UMAP, clusters; colour, select, compare with labels."""

import streamlit as st

from scapp.core import keys
from scapp.ui import mapping, state
from scapp.ui.boundary import boundary
from scapp.ui.routing import guard
from scapp.ui.widgets import image_format_choice

guard()
st.title("Clusters & map")
image_format_choice()
with boundary():
    dataset = state.prepared_or_stop()
    name = mapping.representation_choice(dataset)
    running = mapping.map_run_section(dataset, name)
    if keys.umap(name) not in dataset:
        if not running:
            st.info("No map has been made of this representation yet: click 'Make the map'.")
        st.stop()
    mapping.cluster_section(dataset, name)
    mapping.map_section(dataset, name)
    mapping.score_section(dataset, name)
