"""Cells that another dataset's encoder has placed."""

from pathlib import Path

import numpy as np
import pandas as pd
import streamlit as st

from scapp.core import keys
from scapp.jobs.launch import submit
from scapp.plotting.map.points import plot_onto
from scapp.steps.config import ApplyConfig
from scapp.ui.clear import words
from scapp.ui.clear.one_run import is_chosen
from scapp.ui.clear.start_and_runs import run_name
from scapp.ui.kit import live, state
from scapp.ui.kit.downloads import download_csv
from scapp.ui.kit.widgets import show_figure, show_gene_match
from scapp.workspace.datasets.dataset import Dataset
from scapp.workspace.runs.run import Run


def apply_section(dataset: Dataset) -> None:
    """Place this dataset's cells by an encoder that another dataset has trained."""
    names = {d.id: d.name for d in state.workspace().datasets() if d.id != dataset.id}
    found = [
        run for run in state.runs().list(step="clear") if run.config.dataset in names and run.observe().state == "done"
    ]
    if not found:
        return
    with st.expander("Place these cells by a trained run of another dataset"):
        st.markdown(words.APPLY)
        labels = {run.id: f"{names[str(run.config.dataset)]} · {run_name(run)}" for run in found}
        id = st.selectbox("Trained run", list(labels), format_func=labels.__getitem__, key=f"apply.{dataset.id}")
        if st.button("Place the cells", key="apply.go"):
            run = next(run for run in found if run.id == id)
            onto = _map_of(state.workspace().open(str(run.config.dataset)), run)
            submit(state.root(), "apply", ApplyConfig(model=str(run.folder), **onto), dataset)
            st.rerun()
        latest = state.latest_run("apply", dataset)
        if live.run_panel(latest, key="apply") == "done" and latest is not None:
            show_gene_match(latest.status.result, "encoder", "places")
            _placed(dataset, latest)


def _map_of(reference: Dataset, run: Run) -> dict[str, str]:
    """The map that was made of a run's representation, where there is one."""
    own = run.status.result["representation"]
    for name in (own, "clear") if is_chosen(reference, run) else (own,):
        if keys.umap(name) in reference:
            places = keys.representation(name)
            return {"onto": str(reference.folder), "onto_places": places, "onto_map": keys.umap(name)}
    return {}


def _placed(dataset: Dataset, run: Run) -> None:
    """The cells on the map of the reference."""
    result, config = run.status.result, run.config.config
    if "map" not in result:
        st.caption(words.NO_REFERENCE_MAP)
        return
    if keys.PLACED_MAP not in dataset or not Path(config["onto"]).exists():
        return  # taken back, or the reference was deleted
    share = (
        f"{result['share_far']:.1%} of the cells are farther from the reference's nearest cell than 99% of its own are."
    )
    (st.warning if result["share_far"] > words.MANY_FAR else st.info)(f"{share} {words.FAR}")
    reference = state.workspace().open(Path(config["onto"]).name)
    if config["onto_map"] not in reference:
        return
    groups = state.categorical_columns(dataset)
    column = st.selectbox(
        "Colour the placed cells by",
        [None, *groups],
        format_func=lambda name: name or "nothing",
        key=f"placed.{dataset.id}",
        width=320,
    )
    behind = np.asarray(state.read(reference, config["onto_map"]))
    points = np.asarray(state.read(dataset, keys.PLACED_MAP))
    values = None if column is None else state.grouping(dataset, column)
    hues = None if column is None else [*state.colours(dataset, column).values()]
    show_figure(
        plot_onto(behind, points, values, reference.name, dataset.name, hues),
        key=f"placed.{run.id}",
        name="placed_on_reference",
        alt="These cells on the map of the reference",
    )
    table = pd.DataFrame(points, columns=["x", "y"]).assign(distance=state.read(dataset, keys.PLACED_DISTANCE))
    table.insert(0, "barcode", state.read(dataset, keys.OBS_NAMES))
    download_csv(table, key=f"placed.{run.id}", name="placed_on_reference")
