"""Clusters & map: maps, clusters, marker genes, cell types."""

import streamlit as st

from scapp.ui import clustering, comparing, exporting, mapping, markers, naming, selecting, state
from scapp.ui.boundary import boundary
from scapp.ui.routing import guard, next_button
from scapp.ui.widgets import image_format_choice

guard()
st.title("Clusters & map")
image_format_choice()
with boundary():
    state.dataset_switcher()
    dataset = state.prepared_or_stop()
    name = mapping.representation_choice(dataset)
    running = mapping.map_run_section(dataset, name)
    map_tab, clusters_tab, markers_tab, types_tab, compare_tab = st.tabs(
        ["Map", "Clusters", "Marker genes", "Cell types", "Compare maps"], on_change="rerun", key="map.tab"
    )
    if map_tab.open:
        with map_tab, boundary():
            record = mapping.map_choice(dataset, name)
            if record is not None:
                mapping.map_section(dataset, record)
                selecting.results_section(dataset)
            elif not running:
                st.info("No map has been made of this representation yet: click 'Make the map'.")
    if clusters_tab.open:
        with clusters_tab, boundary():
            clustering.cluster_section(dataset, name)
            clustering.score_section(dataset, name)
            clustering.river_section(dataset, name)
            clustering.sweep_section(dataset, name)
    if markers_tab.open:
        with markers_tab, boundary():
            markers.markers_section(dataset, name)
    if types_tab.open:
        with types_tab, boundary():
            naming.naming_section(dataset, name)
            naming.colours_section(dataset)
    if compare_tab.open:
        with compare_tab, boundary():
            comparing.comparison_section(dataset)
    exporting.copy_as_python(dataset, ("map", "cluster", "sweep", "markers", "annotate", "name_clusters", "colours"))
    next_button("export", "Next: export", dataset=dataset.id)
