"""One run of the Train CLEAR page: live while it is active, looked back on when it has ended."""

from typing import Any

import numpy as np
import pandas as pd
import streamlit as st

from scapp.clear.against_pca import in_words
from scapp.core import keys
from scapp.core.errors import RunError
from scapp.jobs.launch import discard
from scapp.plotting.clear.curves import curves_data, plot_curve, plot_loss, plot_view
from scapp.plotting.clear.replay import (
    plot_agreement,
    plot_alignment,
    plot_replay,
    plot_similarities,
    plot_similarity_course,
)
from scapp.ui.clear import cell_loss, words
from scapp.ui.kit import live, state
from scapp.ui.kit.boundary import boundary
from scapp.ui.kit.downloads import download_csv
from scapp.ui.kit.widgets import show_figure
from scapp.ui.teach.write_tab import record_training
from scapp.workspace.datasets.dataset import Dataset
from scapp.workspace.runs.run import ACTIVE, Run
from scapp.workspace.runs.snapshots import read_snapshot, snapshot_numbers

FIGURE_SECONDS = 3.0


def run_section(dataset: Dataset, run: Run) -> None:
    """Everything about one run: live while it is active."""
    state_now = run.observe().state
    if state_now in ACTIVE:
        with st.container(horizontal=True, vertical_alignment="bottom"):
            colour = _colour_choice(dataset)
            paused = st.toggle(
                "Pause the live view",
                key=f"pause.{run.id}",
                help="Training goes on; the figures stand still, so that you can zoom and look.",
            )
        _live_progress(run.id)
        _live_figures(dataset.id, run.id, colour, paused)
        return
    live.show_finished(run, key="clear")
    if state_now == "done" and run.status.result.get("fault"):
        st.warning(_fault_words(dataset, run))
    left, right = st.columns([2, 5], vertical_alignment="bottom")
    with left:
        colour = _colour_choice(dataset)
    with right:
        _numbers(run, run.metrics)
    _looked_back(dataset, run, colour)
    if state_now == "done":
        live.show_log(run)
        help = "Delete this run's curves, checkpoints and model; its representation stays in the dataset."
        with st.container(horizontal=True):
            with st.popover("Discard this run", help=help):
                st.write(help)
                if st.button("Yes, discard it", key=f"discard.{run.id}", type="primary"):
                    discard(state.root(), run)
                    st.rerun()
            record_training(dataset, run)


def _fault_words(dataset: Dataset, run: Run) -> str:
    """That nothing was learnt, and what became of it."""
    kept = "" if is_chosen(dataset, run) else f" {words.NOT_CHOSEN}"
    return f"{words.FAULTS[run.status.result['fault']]}{kept}"


def _closing_words(dataset: Dataset, run: Run) -> str:
    result = run.status.result
    where = f"X_{result['representation']}" + (" and, as the chosen run, as X_clear" if is_chosen(dataset, run) else "")
    return (
        f"Training is done: {result['epochs']} epochs in {duration(result['train_seconds'])}"
        f" ({result['cells_per_s']:,.0f} cells/s). The representation is stored as {where}."
    )


def _compared_with_pca(run: Run) -> None:
    """Whether the run was worth it, as far as neighbours and labels can tell."""
    result = run.status.result
    if "against_pca" in result:
        expected, text = in_words(result["against_pca"])
        _said(text, warn=expected == "worse")
    if not result.get("label_key"):
        st.caption(words.NO_LABELS)
    elif "ari" in result:
        tone, text = words.worth(result["label_key"], result["n_labels"], result["ari"], result.get("reference_ari"))
        _said(text, warn=tone == "worse")


def _said(text: str, *, warn: bool) -> None:
    """A sentence; in a box only where it warns."""
    if warn:
        st.warning(text)
    else:
        st.markdown(text)


def is_chosen(dataset: Dataset, run: Run) -> bool:
    """Whether a run is the one that pages mean by X_clear."""
    own, last = (
        dataset.slots.get(keys.representation(name)) for name in (run.status.result["representation"], "clear")
    )
    return own is not None and last is not None and own.fingerprint == last.fingerprint


def duration(seconds: float) -> str:
    """Seconds in words."""
    if seconds < 90:
        return f"{max(seconds, 1):.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"


def _colour_choice(dataset: Dataset) -> str | None:
    columns = state.categorical_columns(dataset) + state.numeric_columns(dataset)
    default = keys.suggest(columns, keys.SUGGESTED_LABELS) or (columns[0] if columns else None)
    options = [None, *columns]
    chosen: str | None = st.selectbox(
        "Colour the embedding by",
        options,
        index=options.index(default),
        format_func=lambda name: "nothing" if name is None else name,
        key=f"clear.colour.{dataset.id}",
        persist_state="session",
        width=360,
    )
    return chosen


@st.fragment(run_every=live.POLL_SECONDS)
def _live_progress(run_id: str) -> None:
    """Progress and numbers, each second; when the run ends, the whole page is drawn anew."""
    with boundary():
        try:
            run = state.runs().open(run_id)
        except RunError:
            st.rerun()
        status = run.observe()
        if status.state not in ACTIVE:
            st.rerun()
        if status.state == "queued":
            live.see_to_worker(run)
        bar, stop = st.columns([9, 1], vertical_alignment="center")
        with bar:
            live.show_progress(run)
        with stop:
            live.stop_button(run, key="clear")
        _numbers(run, run.metrics)


@st.fragment(run_every=FIGURE_SECONDS)
def _live_figures(dataset_id: str, run_id: str, colour: str | None, paused: bool) -> None:
    """The figures, less often: a browser takes a moment to draw them, and a flicker each second is no view."""
    with boundary():
        run = state.runs().open(run_id)
        rows, numbers = run.metrics, snapshot_numbers(run.folder)
        kept = f"paused_at.{run_id}"
        if paused:
            n_rows, n_frames = st.session_state.setdefault(kept, (len(rows), len(numbers)))
            rows, numbers = rows[:n_rows], numbers[:n_frames]
        else:
            st.session_state.pop(kept, None)
        _figures(state.workspace().open(dataset_id), run, colour, rows, numbers)


def _looked_back(dataset: Dataset, run: Run, colour: str | None) -> None:
    """Curves, a replay, and one cell's loss of a run that has ended."""
    rows, numbers = run.metrics, snapshot_numbers(run.folder)
    curves_tab, replay_tab, loss_tab = st.tabs(
        ["Curves", "Replay by epoch", "One cell's loss"], on_change="rerun", key=f"run.tab.{run.id}"
    )
    if curves_tab.open:
        with curves_tab:
            _figures(dataset, run, colour, rows, numbers)
            download_csv(
                curves_data(rows),
                key=f"curves.{run.id}",
                name=f"clear_{run.id}_curves",
            )
    if replay_tab.open:
        with replay_tab, boundary():
            _replay(dataset, run, colour, numbers)
    if loss_tab.open:
        with loss_tab, boundary():
            cell_loss.one_cell_section(dataset, run, numbers)


def _figures(dataset: Dataset, run: Run, colour: str | None, rows: list[dict[str, Any]], numbers: list[int]) -> None:
    curves = curves_data(rows)
    frame = read_snapshot(run.folder, numbers[-1]) if numbers else None
    ended = run.observe().state not in ACTIVE
    said = words.verdict(rows, ended=ended)
    if not ended:
        st.markdown(said)
    left, right = st.columns([3, 2])
    with left:
        points = np.empty((0, 2)) if frame is None else frame["points"]
        figure = plot_view(points, *_colours(dataset, colour, frame))
        show_figure(figure, key=f"view.{run.id}", name="clear_view", alt="Two principal components of the embedding")
    with right:
        show_figure(plot_loss(curves), key=f"loss.{run.id}", name="clear_loss", alt="Loss and chance level per epoch")
        st.caption(words.LOSS)
    if ended:
        st.markdown(said)
    if run.observe().state == "done":
        st.markdown(_closing_words(dataset, run))
        _compared_with_pca(run)
    watched = "ari_epoch" in curves
    small = [
        ("accuracy", plot_curve(curves, "accuracy", "instance accuracy"), words.ACCURACY),
        ("spread", plot_curve(curves, "spread", "spread (collapse meter)", reference=1.0), words.SPREAD),
        (
            ("agreement", plot_agreement(curves), words.AGREEMENT)
            if watched
            else ("learning_rate", plot_curve(curves, "learning_rate", "learning rate"), words.LEARNING_RATE)
        ),
        ("similarities", plot_similarities(frame), words.SIMILARITIES),
        ("similarity_course", plot_similarity_course(curves), words.SIMILARITY_COURSE),
        ("alignment", plot_alignment(curves), words.ALIGNMENT),
    ]
    for first in (0, 3):
        for cell, (name, figure, text) in zip(st.columns(3), small[first : first + 3], strict=True):
            with cell:
                show_figure(figure, key=f"{name}.{run.id}", name=f"clear_{name}", alt=text)
                st.caption(text)


def _replay(dataset: Dataset, run: Run, colour: str | None, numbers: list[int]) -> None:
    if not numbers:
        st.info(words.NO_FRAMES)
        return
    st.markdown(words.REPLAY)
    frames = [(number, read_snapshot(run.folder, number)) for number in numbers]
    values, hues = _colours(dataset, colour, frames[0][1])
    losses = {row["epoch"]: row["loss"] for row in run.metrics}
    show_figure(
        plot_replay(frames, values, losses, hues),
        key=f"replay.{run.id}",
        name="clear_replay",
        alt="The embedding and the similarities, epoch by epoch",
    )


def _numbers(run: Run, rows: list[dict[str, Any]]) -> None:
    if not rows:
        return
    last = rows[-1]
    columns = st.columns(5)
    columns[0].metric("Epoch", f"{last['epoch']}/{last['epochs']}")
    columns[1].metric("Loss", f"{last['loss']:.3f}")
    columns[2].metric("Chance level", f"{last['chance']:.3f}")
    columns[3].metric("Cells/s", f"{np.median([row['cells_per_s'] for row in rows]):,.0f}", help=words.CELLS_PER_S)
    seconds = [row["seconds"] for row in rows]
    if run.observe().state in ACTIVE:
        left = (last["epochs"] - last["epoch"]) * float(np.median(seconds[-20:]))
        columns[4].metric("Time left", duration(left))
    else:
        columns[4].metric("Trained for", duration(sum(seconds)))


def _colours(
    dataset: Dataset, column: str | None, frame: dict[str, np.ndarray] | None
) -> tuple[pd.Series | None, list[str] | None]:
    """Annotation of a frame's cells, and the colours that are kept with it."""
    if column is None or frame is None:
        return None, None
    if column in state.categorical_columns(dataset):
        values, hues = state.grouping(dataset, column), [*state.colours(dataset, column).values()]
    else:
        values, hues = pd.Series(state.read(dataset, keys.obs(column))), None
    return values.iloc[frame["shown"]].reset_index(drop=True).rename(column), hues
