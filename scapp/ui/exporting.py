"""Sections of the Export page."""

import pandas as pd
import streamlit as st

from scapp.core import keys
from scapp.data.locations import safe_file_name
from scapp.jobs.launch import discard, submit
from scapp.pipelines.config import ExportConfig
from scapp.ui import state
from scapp.ui.live import run_panel
from scapp.ui.routing import link
from scapp.ui.widgets import show_table
from scapp.workspace.dataset import Dataset
from scapp.workspace.runs import ACTIVE

EXPECTED = (
    (keys.X, "log-normalised values", "upload_qc"),
    (keys.representation("clear"), "the CLEAR representation", "train_clear"),
    (keys.umap(), "a map", "cell_map"),
    (keys.clusters("leiden"), "Leiden clusters", "cell_map"),
)


def contents(dataset: Dataset) -> None:
    """What the file will hold, and what is missing with the page that makes it."""
    st.header("What the file holds")
    table = pd.DataFrame([_slot_row(dataset, slot) for slot in dataset.slots if slot != keys.X_BY_GENE])
    show_table(table, key="slots", name="slots", alt="Slots of the dataset")
    if keys.COUNTS not in dataset:
        st.caption("These data came without raw counts.")
    for slot, what, page in EXPECTED:
        if slot not in dataset:
            link(page, f"Not there yet: {what}", dataset=dataset.id)


def _slot_row(dataset: Dataset, slot: str) -> dict[str, str]:
    record = dataset.manifest.provenance.get(dataset.slots[slot].provenance)
    return {
        "AnnData slot": slot,
        "made by": record.step if record else "",
        "at (UTC)": record.created[:16].replace("T", " ") if record else "",
    }


def file_section(dataset: Dataset) -> None:
    """Write the file in the worker, then offer it."""
    st.header("AnnData file")
    run = state.latest_run("export", dataset)
    status = run.observe() if run else None
    active = status is not None and status.state in ACTIVE
    name = safe_file_name(dataset.name.replace(" ", "_")) + ".h5ad"
    if not active and st.button("Write the .h5ad file", type="primary", key="export.go"):
        for old in state.runs().list(dataset=dataset.id, step="export"):
            discard(state.root(), old)
        submit(state.root(), "export", ExportConfig(file_name=name), dataset)
        st.rerun()
    run_panel(run, key="export")
    if run is None or status is None or status.state != "done":
        return
    path = run.folder / "dataset.h5ad"
    if status.result.get("version") != dataset.manifest.version:
        st.warning("The dataset has changed since this file was written. Write it again to have the changes in it.")
    size = status.result["bytes"] / 1e6
    st.download_button(
        f"Download {name} ({size:.1f} MB)",
        path.read_bytes,
        file_name=name,
        mime="application/x-hdf5",
        key="export.download",
        on_click="ignore",
    )
    st.caption(
        "Open it with scanpy (`sc.read_h5ad`), CELLxGENE, or any tool that reads AnnData. How each value was made stands in `uns['scapp']`."
    )


def history(dataset: Dataset) -> None:
    """The steps that made this dataset, with their settings."""
    st.header("How it was made")
    for record in dataset.manifest.provenance.values():
        with st.expander(f"{record.step} · {record.created[:16].replace('T', ' ')} UTC"):
            st.json(
                {
                    "settings": record.config,
                    "seconds": record.seconds,
                    "device": record.device,
                    "threads": record.threads,
                    "versions": record.versions,
                }
            )
