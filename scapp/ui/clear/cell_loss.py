"""The loss of one cell, taken apart: its positive, its hardest negatives, and what the temperature does."""

import numpy as np
import pandas as pd
import streamlit as st

from scapp.clear.config import ClearConfig
from scapp.clear.one_cell import OneCell, loss_of_one
from scapp.core import keys
from scapp.plotting.clear.replay import plot_one_cell
from scapp.ui.clear import words
from scapp.ui.kit import state
from scapp.ui.kit.downloads import download_csv
from scapp.ui.kit.widgets import show_figure
from scapp.workspace.datasets.dataset import Dataset
from scapp.workspace.runs.run import Run
from scapp.workspace.runs.snapshots import read_snapshot

HARDEST = 15


def one_cell_section(dataset: Dataset, run: Run, numbers: list[int]) -> None:
    """Choose a cell, an epoch and a temperature; see what pulls and pushes."""
    if not numbers:
        st.info(words.NO_FRAMES)
        return
    st.markdown(words.ONE_CELL)
    config = ClearConfig.build(run.config.config)
    choose_epoch, choose_cell, choose_temperature = st.columns(3)
    with choose_epoch:
        epoch = (
            st.select_slider("Epoch", numbers, value=numbers[-1], key=f"one.epoch.{run.id}")
            if len(numbers) > 1
            else numbers[0]
        )
    frame = read_snapshot(run.folder, epoch)
    names = _names(dataset, np.concatenate([frame[kind] for kind in ("anchors", "partners", "candidates")]))
    with choose_cell:
        anchor = st.selectbox(
            "Cell",
            range(len(frame["anchors"])),
            format_func=lambda index: names[frame["anchors"][index]],
            key=f"one.cell.{run.id}",
        )
    with choose_temperature:
        temperature = st.slider(
            "Temperature",
            0.05,
            2.0,
            min(max(config.temperature, 0.05), 2.0),
            0.05,
            key=f"one.temperature.{run.id}",
            help=ClearConfig.model_fields["temperature"].description,
        )
    similar, own = frame["similar"][anchor].astype(float), float(frame["own"][anchor])
    found = loss_of_one(own, similar, temperature)
    table = _table(frame, anchor, similar, own, found, names)
    st.markdown(words.loss_in_words(found, temperature))
    show_figure(
        plot_one_cell(table.head(HARDEST + 1)),
        key=f"one.figure.{run.id}",
        name="loss_of_one_cell",
        alt="Similarity and share of the softmax of a cell's positive and its hardest negatives",
    )
    st.caption(words.ONE_CELL_SAMPLE.format(n=int(np.isfinite(similar).sum())))
    download_csv(table, key=f"one.{run.id}", name="loss_of_one_cell")


def _table(
    frame: dict[str, np.ndarray],
    anchor: int,
    similar: np.ndarray,
    own: float,
    found: OneCell,
    names: pd.Series,
) -> pd.DataFrame:
    """The positive, then the negatives from the hardest on."""
    order = np.argsort(-np.nan_to_num(similar, nan=-np.inf), kind="stable")
    order = order[np.isfinite(similar[order])]
    cells = frame["candidates"][order]
    partner = frame["partners"][anchor]
    positive = "another view of it" if partner == frame["anchors"][anchor] else f"view of {names[partner]}"
    labels = names[cells].reset_index(drop=True)
    # the same cell can be the partner of several
    labels = labels.where(
        ~labels.duplicated(), labels + " (again " + labels.groupby(labels).cumcount().astype(str) + ")"
    )
    return pd.DataFrame(
        {
            "cell": [f"positive: {positive}", *labels],
            "kind": ["positive", *["negative"] * len(order)],
            "similarity": [own, *similar[order]],
            "share of the softmax (%)": [100 * found.positive, *(100 * found.negatives[order])],
        }
    )


def _names(dataset: Dataset, cells: np.ndarray) -> pd.Series:
    """Cells by name, and by type where that is known; indexed by their numbers."""
    cells = np.unique(cells)
    names = pd.Series(np.asarray(state.read(dataset, keys.OBS_NAMES))[cells], index=cells).astype(str)
    column = keys.suggest(state.categorical_columns(dataset), keys.SUGGESTED_LABELS)
    if column is not None:
        names = names + " · " + state.grouping(dataset, column).iloc[cells].astype(str)
    return names
