"""Classification: train on known types, evaluate, annotate."""

import streamlit as st

from scapp.ui import classifying, evaluating, experiment, explain, exporting, state
from scapp.ui.boundary import boundary
from scapp.ui.routing import guard
from scapp.ui.widgets import image_format_choice

guard()
st.title("Classification")
image_format_choice()
with boundary():
    state.dataset_switcher()
    dataset = state.dataset_or_stop()
    st.markdown(explain.CLASSIFY)
    classifying.counted_or_stop(dataset)
    train_tab, evaluate_tab, annotate_tab, compare_tab = st.tabs(
        ["Train", "Evaluate", "Annotate this dataset", "Compare"], on_change="rerun", key="classify.tab"
    )
    if train_tab.open:
        with train_tab, boundary():
            classifying.train_section(dataset)
    if evaluate_tab.open:
        with evaluate_tab, boundary():
            evaluating.evaluate_section(dataset)
    if annotate_tab.open:
        with annotate_tab, boundary():
            classifying.annotate_section(dataset)
    if compare_tab.open:
        with compare_tab, boundary():
            experiment.experiment_section(dataset)
    exporting.copy_as_python(dataset, ("classify", "predict"))
