"""Differential expression: conditions and donors compared."""

import streamlit as st

from scapp.ui.de import (
    composition_tab,
    design_tab,
    genes_tab,
    guided_tab,
    pathways_tab,
    report_tab,
    scores_tab,
    type_markers_tab,
    words,
)
from scapp.ui.export import files_and_script
from scapp.ui.kit import state
from scapp.ui.kit.boundary import boundary
from scapp.ui.kit.frame import page
from scapp.ui.kit.routing import guard

guard()

SECTIONS = {
    "Guided study": guided_tab.guided_section,
    "Study design": design_tab.design_section,
    "Composition": composition_tab.composition_section,
    "Markers": type_markers_tab.markers_section,
    "Genes": genes_tab.differential_section,
    "Gene-set scores": scores_tab.scores_section,
    "Pathways": pathways_tab.pathways_section,
    "Report": report_tab.report_section,
}

with page("Differential expression", help=words.PAGE) as header:
    state.dataset_switcher()
    with header.title:
        dataset = state.prepared_or_stop()
    tabs = st.tabs(list(SECTIONS), on_change="rerun", key="study.tab")
    for shown, section in zip(tabs, SECTIONS.values(), strict=True):
        if shown.open:
            with shown, boundary():
                section(dataset)
    files_and_script.copy_as_python(dataset, ("study", "map", "markers", "de", "score", "enrich"))
