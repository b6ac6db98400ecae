"""Differential expression: conditions and donors compared."""

import streamlit as st

from scapp.core import keys
from scapp.ui import (
    differential,
    explain_study,
    exporting,
    gene_scores,
    pathways,
    state,
    study,
    study_composition,
    study_markers,
)
from scapp.ui.boundary import boundary
from scapp.ui.routing import guard
from scapp.ui.widgets import image_format_choice

guard()
st.title("Differential expression")
image_format_choice()
with boundary():
    state.dataset_switcher()
    dataset = state.prepared_or_stop()
    st.markdown(explain_study.PAGE)
    names = ["Study design", "Composition", "Markers", "Genes", "Gene-set scores", "Pathways", "Report"]
    design_tab, composition_tab, markers_tab, genes_tab, scores_tab, pathways_tab, report_tab = st.tabs(
        names, on_change="rerun", key="study.tab"
    )
    if design_tab.open:
        with design_tab, boundary():
            study.design_section(dataset)
    if composition_tab.open:
        with composition_tab, boundary():
            study_composition.composition_section(dataset)
    if markers_tab.open:
        with markers_tab, boundary():
            study_markers.markers_section(dataset)
    if genes_tab.open:
        with genes_tab, boundary():
            differential.differential_section(dataset)
    if scores_tab.open:
        with scores_tab, boundary():
            gene_scores.scores_section(dataset)
    if pathways_tab.open:
        with pathways_tab, boundary():
            pathways.pathways_section(dataset)
    if report_tab.open:
        with report_tab, boundary():
            st.markdown(explain_study.REPORT)
            if keys.STUDY in dataset:
                exporting.written_file(dataset, "study", label="Write the report")
            else:
                st.info("Choose the columns first: tab 'Study design', button 'Use this design'.")
    exporting.copy_as_python(dataset, ("study", "de", "score", "enrich"))
