"""CLEAR, trained live on an example: as fast as it goes, shown at two pictures a second."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import streamlit as st

from scapp.core.errors import DataError
from scapp.data.examples import example
from scapp.jobs.chains.chain import Analysis, analysis, start, start_with_import
from scapp.jobs.chains.chain_plan import Choices
from scapp.jobs.chains.teach import LIVE_TRAINING, PREPARED, TRAINED
from scapp.plotting.clear.curves import curves_data, plot_view
from scapp.plotting.teach import ABOVE, HEIGHT, Panel, plot_film, plot_losses
from scapp.reports.lesson_figures import guess_table
from scapp.steps.config import ImportRequest
from scapp.teach import prepared
from scapp.teach.gallery import Mistake
from scapp.ui.kit import state
from scapp.ui.kit.boundary import boundary
from scapp.ui.kit.chain_steps import progress_line
from scapp.ui.kit.routing import link
from scapp.ui.kit.widgets import show_figure
from scapp.ui.teach import words
from scapp.workspace.datasets.dataset import Dataset
from scapp.workspace.runs.run import ACTIVE, Part, Run
from scapp.workspace.runs.snapshots import read_snapshot, snapshot_numbers

PICTURE_SECONDS = 0.5
MOST_FRAMES = 10
"""Of the replay at the end."""
SMALL_ABOVE = {**ABOVE, "font": {"size": 10}}
"""Where a legend takes no room from a figure that is half a page wide."""
ROOM = {"l": 50, "r": 10, "t": 150, "b": 50}
"""For it, below the buttons of the figure."""


def begin(example_id: str, settings: dict[str, Any]) -> str:
    """Queue a training on an example, which is imported where no lesson has done so; the id of its chain."""
    choices = Choices(settings={TRAINED: settings})
    dataset = _imported_before(example_id)
    if dataset is not None:
        run = start(state.root(), LIVE_TRAINING, dataset, choices, after=PREPARED)
    else:
        request = ImportRequest(example=example_id, name=example(example_id).title)
        run = start_with_import(state.root(), request, choices, LIVE_TRAINING)
    assert run.config.part is not None
    return run.config.part.analysis


def _imported_before(example_id: str) -> Dataset | None:
    """What an earlier live training on the example has prepared; None where there is none or it was deleted."""
    for run, part in _own_runs("import"):
        if run.config.config.get("example") != example_id:
            continue
        found = analysis(state.root(), part.analysis)
        if found is None or PREPARED not in found.done or not found.done[PREPARED].is_saved:
            continue
        try:
            return state.workspace().open(str(found.done[PREPARED].dataset))
        except DataError:
            continue  # the user has deleted it
    return None


def training_run(root: Path, id: str) -> tuple[Analysis | None, Run | None]:
    """A chain of a workspace, and the run of it that trains; None for what is not there."""
    found = analysis(root, id) if id else None
    if found is None or TRAINED not in found.done:
        return found, None
    return found, found.done[TRAINED].run


def live_losses(root: Path, id: str) -> list[float]:
    """Losses by epoch of a training that is done; empty for any other."""
    _, run = training_run(root, id)
    if run is None or run.observe().state != "done":
        return []
    return [float(loss) for loss in curves_data(run.metrics)["loss"]]


def live_section(
    example_id: str,
    settings: dict[str, Any],
    id: str,
    *,
    begun: Callable[[str], None],
    guess: list[float] | None,
    key: str,
) -> None:
    """A button that trains, the training while it goes on, and what came of it.

    Parameters
    ----------
    example_id, settings
        What is trained on, and what is changed from the preset.
    id
        Of the chain that was begun; empty before.
    begun
        Called with the id of a new chain.
    guess
        The loss that was predicted.
    key
        Of the widgets.
    """
    found, run = training_run(state.root(), id)
    if found is None or (not found.active and run is None):
        if found is not None:
            progress_line(found)
        if st.button("Train", type="primary", key=f"{key}.go"):
            begun(begin(example_id, settings))
            st.rerun()
        return
    slow = st.toggle(words.SLOW, value=True, key=f"{key}.slow", help=words.SLOW_HELP)
    if found.active:
        progress_line(found)
    if run is None:
        return
    shown = f"teach.shown.{run.id}"
    behind = shown in st.session_state and st.session_state[shown] < len(snapshot_numbers(run.folder)) - 1
    if found.active or (slow and behind):
        _moving(run.id, example_id, slow, guess)
        return
    if run.observe().state != "done":
        progress_line(found)
    _still(run, example_id, guess)
    if st.button("Train again", key=f"{key}.again"):
        begun(begin(example_id, settings))
        st.rerun()


@st.fragment(run_every=PICTURE_SECONDS)
def _moving(run_id: str, example_id: str, slow: bool, guess: list[float] | None) -> None:
    """One picture; the next comes half a second later."""
    with boundary():
        run = state.runs().open(run_id)
        numbers = snapshot_numbers(run.folder)
        key = f"teach.shown.{run_id}"
        place = st.session_state.get(key, -1) + 1 if slow else len(numbers) - 1
        place = min(place, len(numbers) - 1)
        st.session_state[key] = place
        if place == len(numbers) - 1 and run.observe().state not in ACTIVE:
            st.rerun()
        curve = curves_data(run.metrics)
        left, right = st.columns([4, 3])
        if place < 0:
            left.caption("Waiting for the first picture…")
            return
        frame, epoch = read_snapshot(run.folder, numbers[place]), numbers[place]
        types = prepared.labels(example_id, "cell_type")
        with left:
            colour = pd.Series(types[frame["shown"]], name="cell_type")
            figure = plot_view(frame["points"], colour).update_layout(legend=SMALL_ABOVE, height=HEIGHT, margin=ROOM)
            show_figure(figure, key=f"moving.{run_id}", name="embedding", alt="Two components of the embedding")
            st.caption(f"epoch {epoch}" if epoch else "before training")
        with right:
            so_far = curve[curve["epoch"] <= max(epoch, 1)] if len(curve) else curve
            show_figure(
                plot_losses({"this run": so_far}, _guess(guess, run)).update_layout(legend=SMALL_ABOVE, margin=ROOM),
                key=f"moving.loss.{run_id}",
                name="loss",
                alt="Loss by epoch so far",
            )


def _guess(guess: list[float] | None, run: Run) -> pd.DataFrame | None:
    rows = run.metrics
    return guess_table(guess, int(rows[-1]["epochs"])) if guess and rows else None


def _still(run: Run, example_id: str, guess: list[float] | None) -> None:
    """What came of it: the curve, and a replay of some of its pictures."""
    curve, numbers = curves_data(run.metrics), snapshot_numbers(run.folder)
    if not numbers or not len(curve):
        return
    kept = [numbers[place] for place in np.unique(np.linspace(0, len(numbers) - 1, MOST_FRAMES).astype(int))]
    frames = [read_snapshot(run.folder, number) for number in kept]
    types = prepared.labels(example_id, "cell_type")[frames[0]["shown"]]
    points = np.stack([frame["points"] for frame in frames])
    points /= max(float(np.abs(points).max()), 1e-12)
    left, right = st.columns([4, 3])
    with left:
        figure = plot_film([Panel("", points, types)], kept).update_layout(legend=SMALL_ABOVE, margin_t=ROOM["t"])
        show_figure(figure, key=f"still.{run.id}", name="replay", alt="The embedding, epoch by epoch")
    with right:
        show_figure(
            plot_losses({"this run": curve}, _guess(guess, run)).update_layout(legend=SMALL_ABOVE, margin=ROOM),
            key=f"still.loss.{run.id}",
            name="loss",
            alt="Loss by epoch, and as it was predicted",
        )
        link("clear", "See this run on Train CLEAR", dataset=run.config.dataset, run=run.id)


def try_it(mistake: Mistake) -> None:
    """Make a mistake oneself."""
    if mistake.subset:
        return
    settings = mistake.config("wrong").model_dump(mode="json")
    found, run = training_run(state.root(), _newest_with(settings))
    if found is None:
        if st.button("Make this mistake yourself", key=f"gallery.try.{mistake.id}"):
            begin(mistake.example, settings)
            st.rerun()
        return
    progress_line(found)
    if run is not None and not found.active:
        link("clear", "See your run on Train CLEAR", dataset=run.config.dataset, run=run.id)


def _newest_with(settings: dict[str, Any]) -> str:
    """Id of the newest live training with such settings; empty where there is none."""
    found = (part.analysis for _, part in _own_runs() if part.choices["settings"].get(TRAINED) == settings)
    return next(found, "")


def _own_runs(step: str | None = None) -> Iterator[tuple[Run, Part]]:
    """Runs of live trainings, newest first, of one step where it is given."""
    for run in state.runs().list(step=step):
        if run.config.part is not None and run.config.part.plan == LIVE_TRAINING.name:
            yield run, run.config.part
