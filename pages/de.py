"""Differential expression: conditions and donors compared."""

import streamlit as st

from scapp.core import keys
from scapp.ui.de import composition_tab, design_tab, genes_tab, pathways_tab, scores_tab, type_markers_tab, words
from scapp.ui.export import files_and_script
from scapp.ui.kit import state
from scapp.ui.kit.boundary import boundary
from scapp.ui.kit.routing import guard
from scapp.ui.kit.widgets import image_format_choice

guard()
st.title("Differential expression")
image_format_choice()
with boundary():
    state.dataset_switcher()
    dataset = state.prepared_or_stop()
    st.markdown(words.PAGE)
    names = ["Study design", "Composition", "Markers", "Genes", "Gene-set scores", "Pathways", "Report"]
    design_shown, composition_shown, markers_shown, genes_shown, scores_shown, pathways_shown, report_shown = st.tabs(
        names, on_change="rerun", key="study.tab"
    )
    if design_shown.open:
        with design_shown, boundary():
            design_tab.design_section(dataset)
    if composition_shown.open:
        with composition_shown, boundary():
            composition_tab.composition_section(dataset)
    if markers_shown.open:
        with markers_shown, boundary():
            type_markers_tab.markers_section(dataset)
    if genes_shown.open:
        with genes_shown, boundary():
            genes_tab.differential_section(dataset)
    if scores_shown.open:
        with scores_shown, boundary():
            scores_tab.scores_section(dataset)
    if pathways_shown.open:
        with pathways_shown, boundary():
            pathways_tab.pathways_section(dataset)
    if report_shown.open:
        with report_shown, boundary():
            st.markdown(words.REPORT)
            if keys.STUDY in dataset:
                files_and_script.written_file(dataset, "study", label="Write the report")
            else:
                st.info("Choose the columns first: tab 'Study design', button 'Use this design'.")
    files_and_script.copy_as_python(dataset, ("study", "de", "score", "enrich"))
