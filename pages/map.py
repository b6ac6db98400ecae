"""Clusters & map: maps, clusters, marker genes, cell types."""

import streamlit as st

from scapp.core import keys
from scapp.ui.analyse import chain_panel
from scapp.ui.export import files_and_script
from scapp.ui.kit import chain_steps, state
from scapp.ui.kit.boundary import boundary
from scapp.ui.kit.frame import page
from scapp.ui.kit.routing import guard, next_button
from scapp.ui.map import clusters_tab, harmony_panel, map_tab, markers_tab, selection_panel, two_maps, types_tab

guard()
with page("Clusters & map") as header:
    analysis = chain_panel.follow()
    state.dataset_switcher()
    if analysis is not None and not map_tab.has_map(state.current_dataset()):
        chain_steps.progress_line(analysis)
        chain_steps.steps_section(analysis, begun=chain_panel.begin)
        st.stop()
    with header.title:
        dataset = state.prepared_or_stop()
    with header.controls:
        name = map_tab.representation_choice(dataset)
        made, run = map_tab.is_made(dataset, name), map_tab.latest_run(dataset, name)
        if made:
            with st.popover("Map settings"):
                map_tab.settings_section(dataset, name, run)
                harmony_panel.harmony_section(dataset)
        if keys.representation("clear") in dataset:
            next_button("export", "Next: export", dataset=dataset.id)
        else:
            next_button("clear", "Next: train CLEAR", dataset=dataset.id)
    analysis = analysis or chain_panel.analysis_shown(dataset)
    if analysis is not None:
        chain_steps.progress_line(analysis)
    if name in ("pca", "harmony"):
        harmony_panel.harmony_run_section(dataset)
    map_tab.map_run_section(dataset, name, run, followed="" if analysis is None else analysis.last.run.id)
    tabs = ["Map", "Clusters", "Marker genes", "Cell types", "Compare maps"]
    tabs += ["Steps"] if analysis is not None else []
    map_shown, clusters_shown, markers_shown, types_shown, compare_shown, *steps_shown = st.tabs(
        tabs, on_change="rerun", key="map.tab"
    )
    if map_shown.open:
        with map_shown, boundary():
            if not made:
                map_tab.settings_section(dataset, name, run)
                harmony_panel.harmony_section(dataset)
            if maps := map_tab.maps_of(dataset, name):
                map_tab.map_section(dataset, name, maps)
                selection_panel.results_section(dataset)
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
    for shown in steps_shown:
        if shown.open and analysis is not None:
            with shown, boundary():
                chain_steps.steps_section(analysis, dataset, begun=chain_panel.begin)
    files_and_script.copy_as_python(
        dataset, ("harmony", "map", "cluster", "sweep", "markers", "suggest", "annotate", "name_clusters", "colours")
    )
