"""The list of datasets with its actions."""

from pathlib import Path

import streamlit as st

from scapp.core import files, keys
from scapp.core.errors import RunError
from scapp.jobs.launch import discard
from scapp.ui.home import words
from scapp.ui.kit import state
from scapp.ui.kit.boundary import escape, show_error
from scapp.ui.kit.routing import page_file
from scapp.workspace.datasets.dataset import Dataset
from scapp.workspace.runs.run import ACTIVE


def dataset_list() -> None:
    """Every dataset, one row each: open, rename, duplicate, delete."""
    for fault in state.workspace().unreadable():
        show_error(fault.message, fault.hint)
    found = state.workspace().datasets()
    if not found:
        st.info("There are no datasets yet. Choose a file or analyse an example above.")
        return
    for dataset in found:
        with st.container(border=True):
            _row(dataset)


def _row(dataset: Dataset) -> None:
    name, open_column, more_column = st.columns([6, 1, 1], vertical_alignment="center")
    parent = dataset.manifest.parent
    origin = f" · from {escape(parent.name)}" if parent else ""
    holds = ", ".join(keys.representations(dataset.slots)) or "nothing computed yet"
    name.markdown(
        f"**{escape(dataset.name)}**  \n{dataset.n_cells:,} cells × {dataset.n_genes:,} genes{origin} · {escape(holds)}"
        f" · {_on_disk(str(dataset.folder), dataset.manifest.version)}"
    )
    if open_column.button("Open", key=f"open.{dataset.id}", width="stretch"):
        state.open_dataset(dataset.id)
        st.switch_page(page_file(_page_of(dataset)), query_params={"dataset": dataset.id})
    with more_column.popover("More", width="stretch"):
        _actions(dataset)


@st.cache_data(max_entries=1024, ttl=60, show_spinner=False)
def _on_disk(folder: str, version: int) -> str:
    """What a dataset takes on disk. A version is asked for again after a minute: others come to share its files."""
    own, shared = files.sizes_of(Path(folder))
    return words.on_disk(own, shared)


def _page_of(dataset: Dataset) -> str:
    """Where work on a dataset goes on: on its map, else in training, else with its quality."""
    if keys.has_umap(dataset.slots):
        return "map"
    return "clear" if keys.PREPARATION in dataset else "upload"


def _actions(dataset: Dataset) -> None:
    name = st.text_input("Name", dataset.name, key=f"name.{dataset.id}", max_chars=120)
    if st.button("Rename", key=f"rename.{dataset.id}", disabled=name == dataset.name):
        state.workspace().rename(dataset.id, name)
        st.rerun()
    if st.button("Duplicate", key=f"duplicate.{dataset.id}"):
        state.workspace().duplicate(dataset.id, f"{dataset.name[:110]} copy")
        st.rerun()
    sure = st.checkbox("Yes, delete it for good", key=f"sure.{dataset.id}")
    if st.button("Delete", key=f"delete.{dataset.id}", disabled=not sure, type="primary"):
        _delete(dataset)
        st.rerun()


def _delete(dataset: Dataset) -> None:
    store = state.runs()
    mine = store.list(dataset=dataset.id)
    if any(run.observe().state in ACTIVE for run in mine):
        raise RunError("A run is working on this dataset.", hint="Stop it on its page, then delete the dataset.")
    for run in mine:
        discard(state.root(), run)
    state.workspace().delete(dataset.id)
    if st.session_state.get("dataset") == dataset.id:
        state.open_dataset(None)
