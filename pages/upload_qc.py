"""Upload & QC: bring data, look at their quality, filter and normalise."""

import streamlit as st

from scapp.core import keys
from scapp.ui import exporting, importing, quality, state
from scapp.ui.boundary import boundary, escape
from scapp.ui.live import run_panel
from scapp.ui.routing import guard, next_button
from scapp.ui.widgets import image_format_choice

guard()
st.title("Upload & QC")
image_format_choice()
with boundary():
    waiting = importing.import_in_progress()
    state.dataset_switcher()
    dataset = state.current_dataset()
    if waiting is not None:
        run_panel(waiting, key="import")
    if dataset is None:
        importing.import_form()
        st.stop()
    with st.expander("Import another dataset"):
        importing.import_form()

    st.subheader(escape(dataset.name))
    quality.summary(dataset)
    if keys.PREPARATION in dataset:
        next_button("train_clear", "Next: train CLEAR", dataset=dataset.id)
        quality.before_and_after(dataset)
        exporting.copy_as_python(dataset, ("import", "doublets", "prepare", "subset"))
        st.stop()
    quality.filtered_versions(dataset)
    if keys.COUNTS in dataset or keys.EXPRESSION in dataset:
        config = quality.threshold_section(dataset)
        quality.doublet_section(dataset)
    else:
        config = quality.no_filters()
    quality.prepare_section(dataset, config)
