"""Upload & QC: bring data, look at their quality, filter and normalise."""

import streamlit as st

from scapp.core import keys
from scapp.ui.analyse import chain_panel
from scapp.ui.export import files_and_script
from scapp.ui.kit import state
from scapp.ui.kit.boundary import escape
from scapp.ui.kit.frame import page
from scapp.ui.kit.live import run_panel
from scapp.ui.kit.routing import guard, next_button
from scapp.ui.qc import filters
from scapp.ui.upload import import_form

guard()
with page("Upload & QC") as header:
    waiting = import_form.import_in_progress()
    state.dataset_switcher()
    dataset = state.current_dataset()
    if waiting is not None:
        run_panel(waiting, key="import")
    if dataset is None:
        import_form.import_form()
    else:
        with st.expander("Import another dataset"):
            import_form.import_form()
        st.subheader(escape(dataset.name))
        filters.summary(dataset)
        if keys.PREPARATION in dataset:
            with header.controls:
                next_button("clear", "Next: train CLEAR", dataset=dataset.id)
            if not keys.has_umap(dataset.slots):
                chain_panel.start_section(dataset)
            filters.before_and_after(dataset)
            files_and_script.copy_as_python(dataset, ("import", "doublets", "prepare", "subset"))
        else:
            filters.filtered_versions(dataset)
            chain_panel.start_section(dataset)
            if keys.COUNTS in dataset or keys.EXPRESSION in dataset:
                config = filters.threshold_section(dataset)
                filters.doublet_section(dataset)
            else:
                config = filters.no_filters()
            filters.prepare_section(dataset, config)
