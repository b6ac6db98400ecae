"""Clusters & map: maps, clusters, marker genes, cell types."""

import streamlit as st

from scapp.ui.export import files_and_script
from scapp.ui.kit import state
from scapp.ui.kit.boundary import boundary
from scapp.ui.kit.routing import guard, next_button
from scapp.ui.kit.widgets import image_format_choice
from scapp.ui.map import clusters_tab, map_tab, markers_tab, selection_panel, two_maps, types_tab

guard()
st.title("Clusters & map")
image_format_choice()
with boundary():
    state.dataset_switcher()
    dataset = state.prepared_or_stop()
    name = map_tab.representation_choice(dataset)
    running = map_tab.map_run_section(dataset, name)
    map_shown, clusters_shown, markers_shown, types_shown, compare_shown = st.tabs(
        ["Map", "Clusters", "Marker genes", "Cell types", "Compare maps"], on_change="rerun", key="map.tab"
    )
    if map_shown.open:
        with map_shown, boundary():
            record = map_tab.map_choice(dataset, name)
            if record is not None:
                map_tab.map_section(dataset, record)
                selection_panel.results_section(dataset)
            elif not running:
                st.info("No map has been made of this representation yet: click 'Make the map'.")
    if clusters_shown.open:
        with clusters_shown, boundary():
            clusters_tab.cluster_section(dataset, name)
            clusters_tab.score_section(dataset, name)
            clusters_tab.river_section(dataset, name)
            clusters_tab.sweep_section(dataset, name)
    if markers_shown.open:
        with markers_shown, boundary():
            markers_tab.markers_section(dataset, name)
    if types_shown.open:
        with types_shown, boundary():
            types_tab.naming_section(dataset, name)
            types_tab.colours_section(dataset)
    if compare_shown.open:
        with compare_shown, boundary():
            two_maps.comparison_section(dataset)
    files_and_script.copy_as_python(
        dataset, ("map", "cluster", "sweep", "markers", "annotate", "name_clusters", "colours")
    )
    next_button("export", "Next: export", dataset=dataset.id)
