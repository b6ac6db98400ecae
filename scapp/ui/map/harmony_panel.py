"""Harmony, made where the map is: another representation to choose above it."""

import streamlit as st

from scapp.analysis.map.config import HarmonyConfig
from scapp.core import keys
from scapp.jobs.launch import submit
from scapp.ui.kit import state
from scapp.ui.kit.boundary import escape
from scapp.ui.kit.forms import config_form
from scapp.ui.kit.live import run_panel
from scapp.ui.map import words
from scapp.workspace.datasets.dataset import Dataset
from scapp.workspace.runs.run import ACTIVE

STEP = "harmony"
HARDLY = 0.02
"""Share of the length of the components that a correction moves them by; less has changed nothing."""


def harmony_section(dataset: Dataset) -> None:
    """Choose the batches, start, and read how far they mix."""
    columns = state.categorical_columns(dataset)
    if keys.representation("pca") not in dataset or not columns:
        return
    run = state.latest_run(STEP, dataset)
    active = run is not None and run.observe().state in ACTIVE
    with st.expander("Remove batches (Harmony)"):
        st.markdown(words.HARMONY)
        start = HarmonyConfig(batch_key=keys.suggest(columns, keys.SUGGESTED_BATCHES))
        values = config_form(HarmonyConfig, key=f"harmony.{dataset.id}", start=start, columns=columns)
        config = HarmonyConfig.build(values)
        if config.batch_key is not None:
            for note in state.batch_notes_of(dataset, config.batch_key):
                st.warning(escape(note))
        if st.button("Run Harmony", key="harmony.go", disabled=active or config.batch_key is None):
            submit(state.root(), STEP, config, dataset)
            st.rerun()


def harmony_run_section(dataset: Dataset) -> None:
    """Progress of Harmony, and what came of it."""
    run = state.latest_run(STEP, dataset)
    if run_panel(run, key="harmony") != "done" or run is None or keys.representation("harmony") not in dataset:
        return
    found = run.status.result
    hardly = " It has hardly moved any cell." if found["moved"] < HARDLY else ""
    batch_key = escape(str(run.config.config["batch_key"]))
    st.caption(
        f"Harmony removed differences between the batches of '{batch_key}': iLISI {found['ilisi_before']:.2f} before,"
        f" {found['ilisi_after']:.2f} after (0 is one batch around each cell, 1 is all alike).{hardly}"
    )
