"""Sections of the Export page."""

from collections.abc import Sequence
from typing import Any

import pandas as pd
import streamlit as st

from scapp.core import keys
from scapp.data.locations import safe_file_name
from scapp.jobs.launch import discard, submit
from scapp.reports.methods_text import methods_text
from scapp.reports.script import (
    START,
    as_notebook,
    as_python,
    code_of_files,
    code_of_steps,
    script_of,
    with_comparison,
)
from scapp.steps.config import CellxgeneConfig, ExportConfig
from scapp.ui.export import words
from scapp.ui.kit import state
from scapp.ui.kit.boundary import escape
from scapp.ui.kit.downloads import offer
from scapp.ui.kit.forms import config_form
from scapp.ui.kit.live import latest_of, run_panel
from scapp.ui.kit.routing import link
from scapp.ui.kit.widgets import show_table
from scapp.workspace.datasets.dataset import Dataset
from scapp.workspace.runs.run import ACTIVE

EXPECTED = (
    (keys.X, "log-normalised values", "upload"),
    (keys.representation("clear"), "the CLEAR representation", "clear"),
    (keys.umap(), "a map", "map"),
    (keys.clusters("leiden"), "Leiden clusters", "map"),
)
FLAVOURS = {
    "everything": ("AnnData, everything", "h5ad", "application/x-hdf5"),
    "cellxgene": ("AnnData for CELLxGENE", "h5ad", "application/x-hdf5"),
    "tables": ("All tables as CSV", "zip", "application/zip"),
    "report": ("Report to read (HTML)", "html", "text/html"),
    "study": ("Report on conditions (HTML)", "html", "text/html"),
}
LAST = ("obs_names", "var_names")


def file_section(dataset: Dataset) -> None:
    """Write a file in the worker, then offer it."""
    st.header("Files")
    flavour = st.segmented_control(
        "What",
        [name for name in FLAVOURS if name != "study" or keys.STUDY in dataset],
        default="everything",
        required=True,
        format_func=lambda name: FLAVOURS[name][0],
        key=f"export.flavour.{dataset.id}",
        persist_state="session",
    )
    st.caption(words.FLAVOURS[flavour])
    written_file(dataset, flavour, cellxgene=_cellxgene_form(dataset) if flavour == "cellxgene" else None)


def _cellxgene_form(dataset: Dataset) -> CellxgeneConfig:
    """What the schema asks for and only the user knows; suggested where a column says it."""
    columns = state.categorical_columns(dataset)
    start = CellxgeneConfig(
        cell_type_key="cell_type_ontology_term_id" if "cell_type_ontology_term_id" in columns else None,
        donor_key=keys.suggest(columns, keys.SUGGESTED_DONORS),
    )
    st.caption(words.CELLXGENE)
    return CellxgeneConfig.build(
        config_form(CellxgeneConfig, key=f"export.cellxgene.{dataset.id}", start=start, columns=columns)
    )


def written_file(
    dataset: Dataset, flavour: str, *, label: str = "Write the file", cellxgene: CellxgeneConfig | None = None
) -> None:
    """Write one kind of file in the worker, then offer it."""
    _, ending, mime = FLAVOURS[flavour]
    run = latest_of("export", dataset, flavour=flavour)
    status = run.observe() if run else None
    active = status is not None and status.state in ACTIVE
    suffix = "" if flavour == "everything" else f"_{flavour}"
    name = f"{_stem(dataset)}{suffix}.{ending}"
    if not active and st.button(label, type="primary", key="export.go"):
        for old in state.runs().list(dataset=dataset.id, step="export"):
            if old.config.config.get("flavour") == flavour:
                discard(state.root(), old)
        asked = ExportConfig(flavour=flavour, file_name=name, cellxgene=cellxgene or CellxgeneConfig())
        submit(state.root(), "export", asked, dataset)
        st.rerun()
    run_panel(run, key=f"export.{flavour}")
    if run is None or status is None or status.state != "done":
        return
    path = run.folder / status.result["file"]
    if status.result.get("version") != dataset.manifest.version:
        st.warning("The dataset has changed since this file was written. Write it again to have the changes in it.")
    for note in status.result.get("notes", []):
        st.info(escape(note))
    size = status.result["bytes"] / 1e6
    st.download_button(
        f"Download {escape(name)} ({size:.1f} MB)",
        path.read_bytes,
        file_name=name,
        mime=mime,
        # a key a file: a button that takes the place of another must not ask for the other's file
        key=f"export.download.{run.id}",
        on_click="ignore",
    )


def _stem(dataset: Dataset) -> str:
    return safe_file_name(dataset.name.replace(" ", "_").replace("·", ""))


def script_section(dataset: Dataset) -> None:
    """Script, notebook and methods, made anew from what is in place."""
    st.header("The session as code and as words")
    st.markdown(words.SCRIPT)
    script = script_of(dataset)
    code = as_python(script)
    text = methods_text(dataset)
    with st.container(horizontal=True):
        for label, content, ending, mime in (
            ("Download the script (.py)", code, "py", "text/x-python"),
            ("Download the notebook (.ipynb)", as_notebook(script), "ipynb", "application/x-ipynb+json"),
            ("Download the methods (.txt)", text, "txt", "text/plain"),
        ):
            st.download_button(
                label,
                content,
                file_name=f"{_stem(dataset)}.{ending}",
                mime=mime,
                key=f"export.{ending}",
                on_click="ignore",
            )
    with st.expander("Methods paragraph", expanded=True):
        st.markdown(escape(text).replace("\n", "  \n"))
    with st.expander("Python script"):
        st.code(code, language="python")


def contents(dataset: Dataset) -> None:
    """What the dataset holds, and what is missing with the page that makes it."""
    st.header("What the dataset holds")
    slots = [slot for slot in dataset.slots if slot != keys.X_BY_GENE]
    # results first, newest on top; names and what came with the file last
    slots.sort(key=lambda slot: (slot in LAST, -dataset.slots[slot].version, slot.startswith("var/"), slot))
    table = pd.DataFrame([_slot_row(dataset, slot) for slot in slots])
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


def comparison_as_python(dataset: Dataset, step_id: str, config: dict[str, Any]) -> None:
    """A comparison as Python, and the script that makes the dataset and repeats it."""
    with st.expander("Copy as Python"):
        st.code(START + code_of_files(step_id, config), language="python")
    st.download_button(
        "Download the script that repeats it (.py)",
        lambda: as_python(with_comparison(script_of(dataset), step_id, config)),
        file_name=f"{step_id}.py",
        mime="text/x-python",
        key=f"export.{step_id}",
        on_click="ignore",
    )


def copy_as_python(dataset: Dataset, steps: Sequence[str]) -> None:
    """What a page did to a dataset, as Python."""
    code = code_of_steps(dataset, steps)

    def draw() -> None:
        st.caption("What this page did, as Python:")
        st.code(code, language="python", height=240)

    if code:
        offer(draw)
