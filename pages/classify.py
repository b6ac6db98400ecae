"""Classification: train on known types, evaluate, annotate."""

import streamlit as st

from scapp.ui.classify import compare_tab, evaluate_tab, train_and_annotate, words
from scapp.ui.export import files_and_script
from scapp.ui.kit import state
from scapp.ui.kit.boundary import boundary
from scapp.ui.kit.frame import page
from scapp.ui.kit.routing import guard

guard()
with page("Classification") as header:
    state.dataset_switcher()
    with header.title:
        dataset = state.dataset_or_stop()
    st.markdown(words.CLASSIFY)
    train_and_annotate.counted_or_stop(dataset)
    train_shown, evaluate_shown, annotate_shown, compare_shown = st.tabs(
        ["Train", "Evaluate", "Annotate this dataset", "Compare"], on_change="rerun", key="classify.tab"
    )
    if train_shown.open:
        with train_shown, boundary():
            train_and_annotate.train_section(dataset)
    if evaluate_shown.open:
        with evaluate_shown, boundary():
            evaluate_tab.evaluate_section(dataset)
    if annotate_shown.open:
        with annotate_shown, boundary():
            train_and_annotate.annotate_section(dataset)
    if compare_shown.open:
        with compare_shown, boundary():
            compare_tab.experiment_section(dataset)
    files_and_script.copy_as_python(dataset, ("classify", "predict"))
