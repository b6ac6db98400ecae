"""The Latent circles page."""

from dataclasses import dataclass

import numpy as np
import pandas as pd
import streamlit as st

from scapp.analysis.map.selection import inside
from scapp.core import keys
from scapp.core.errors import RunError
from scapp.core.provenance import Provenance
from scapp.metrics.intervals import LEAST_TESTED
from scapp.plotting.circles import SELECTED, places_on, plot_circle, plot_course, plot_rims
from scapp.plotting.theme import MUTED, REMOVED
from scapp.ui.circles import words
from scapp.ui.classify.evaluate_tab import tested_cells_of, types_looked_at, types_of
from scapp.ui.kit import state
from scapp.ui.kit.downloads import download_csv
from scapp.ui.kit.routing import link
from scapp.ui.kit.widgets import selected_polygons, show_figure, show_table
from scapp.ui.map import coloured_maps
from scapp.workspace.datasets.dataset import Dataset
from scapp.workspace.runs.run import Run
from scapp.workspace.runs.snapshots import read_snapshot, snapshot_numbers

MOST_SHOWN = 24
MIDDLING = 0.75
"""AUPRC of the example of a middling circle, as near as this data comes."""
TEST, OTHER, EVERY = "test cells", "training and validation cells", "all labelled cells"


def circles_section(dataset: Dataset) -> None:
    """Every type's circle, small, ordered by separation; one of them large."""
    if keys.MLS not in dataset:
        st.info(
            "This dataset has no circles yet. Train a classifier with the component 'competing' or 'mls' on it first."
        )
        link("classify", "Go to Classification", dataset=dataset.id)
        return
    kinds = pd.DataFrame(state.read(dataset, keys.MLS_TYPES))
    types, dims = kinds["type"].astype(str).tolist(), int(kinds["dims"].iloc[0])
    if dims != 2:
        st.info(
            f"The classifier gives each type {dims} dimensions; only two make a circle. Train one with 'Dimensions per"
            " type' at 2."
        )
        return
    record = dataset.manifest.provenance[dataset.slots[keys.MLS].provenance]
    competing = record.config.get("component") == "competing"
    st.markdown(words.COMPETING if competing else words.CIRCLES)
    codes = _codes(dataset, record.config["label_key"], types)
    run = _run_of(record)
    tested, separation, n_test = (None, None, None) if run is None else _of_run(dataset, run, types)
    parts = {EVERY: codes >= 0}
    if tested is not None:
        parts = {TEST: tested & (codes >= 0), OTHER: ~tested & (codes >= 0), **parts}
    with st.container(horizontal=True, vertical_alignment="bottom"):
        part = st.selectbox("Cells", list(parts), key=f"circles.part.{dataset.id}", width=320, help=words.CIRCLE_PARTS)
        order_by = st.selectbox(
            "Order",
            ["best separated first", "worst separated first", "by name"],
            key=f"circles.order.{dataset.id}",
            width=320,
        )
    shown = parts[part]
    points = np.asarray(state.read(dataset, keys.MLS)).reshape(len(codes), len(types), 2)[shown]
    order = _order(types, separation, n_test, order_by)
    if run is not None:
        st.markdown(words.what_is_shown(run.status.result.get("component_step"), run.config.config["start"]))
    if separation is None:
        st.caption(
            "The run that made these circles was discarded: how well they separate their types, and which cells were"
            " test cells, is no longer known."
        )
    view = _View(dataset, points, codes[shown], np.flatnonzero(shown), types, separation, n_test, competing)
    code, marked = _large_circle(view, order, f"{part}.{order_by}")
    if marked.any():
        _drawn_around(view, marked)
    st.subheader("All circles")
    few = order[:MOST_SHOWN]
    titles = [view.title(code) for code in few]
    show_figure(
        plot_rims(points, view.codes, few, titles, marked),
        key="rims",
        name="latent_circles",
        alt="A small circle for each type",
    )
    st.caption(words.RIMS)
    if len(order) > MOST_SHOWN:
        st.caption(f"The first {MOST_SHOWN} of {len(order)} types; choose another order to see others.")
    _examples(view)
    if run is not None:
        _course(view, run, code)


@dataclass(frozen=True)
class _View:
    """What is shown: points, types and numbers of the shown cells."""

    dataset: Dataset
    points: np.ndarray
    codes: np.ndarray
    cells: np.ndarray
    types: list[str]
    separation: np.ndarray | None
    n_test: np.ndarray | None
    competing: bool

    @property
    def claimed_by(self) -> np.ndarray | None:
        """Of circles that compete, the type on whose circle each shown cell lies furthest right."""
        return self.points[:, :, 0].argmax(axis=1) if self.competing else None

    def in_words(self, code: int) -> str:
        if self.separation is None or self.n_test is None:
            return words.circle_in_words(self.types[code], np.nan, 0)
        return words.circle_in_words(self.types[code], float(self.separation[code]), int(self.n_test[code]))

    def title(self, code: int) -> str:
        """The type and how well it is separated, or how many test cells are too few to say so."""
        if self.separation is None or self.n_test is None:
            return self.types[code]
        known = self.n_test[code] >= LEAST_TESTED
        return f"{self.types[code]} · " + (f"{self.separation[code]:.2f}" if known else f"n = {self.n_test[code]}")


def _large_circle(view: _View, order: list[int], key: str) -> tuple[int, np.ndarray]:
    """One circle, large; its type, and the cells that were drawn around on it."""
    large_column, beside = st.columns([3, 2])
    with beside:
        looked_at = types_looked_at(view.dataset)
        first = next((place for place, code in enumerate(order) if view.types[code] in looked_at[:1]), 0)
        chosen = st.selectbox(
            "Type",
            order,
            index=first,
            format_func=view.types.__getitem__,
            key=f"circles.type.{view.dataset.id}.{key}.{first}",
        )
        st.markdown(view.in_words(chosen))
        st.caption(words.DRAW_AROUND)
        table = _table(view.points, view.codes, view.types)
        download_csv(table, key="circles", name="latent_circles")
    with large_column:
        event = show_figure(
            plot_circle(view.points[:, chosen], view.codes, view.types, chosen, claimed_by=view.claimed_by),
            key=f"circle.{key}.{chosen}",
            name="latent_circle",
            alt=f"Cells on the circle of {view.types[chosen]}",
            select=True,
        )
    marked = np.zeros(len(view.codes), dtype=bool)
    polygons = selected_polygons(event)
    if polygons:
        shown, places = places_on(view.points[:, chosen])
        marked[shown] = inside(places, polygons)
    return chosen, marked


def _drawn_around(view: _View, marked: np.ndarray) -> None:
    """Which types they are of, and where they lie on the map."""
    st.subheader(f"The {marked.sum():,} cells that you drew around")
    counts = pd.Series(np.asarray(view.types, dtype=object)[view.codes[marked]]).value_counts()
    table_column, map_column = st.columns([2, 3])
    with table_column:
        show_table(
            counts.to_frame("cells"),
            key="drawn",
            name="cells_drawn_around",
            alt="Types of the cells",
            index_name="type",
        )
    with map_column:
        found = coloured_maps.available(view.dataset)
        if not found:
            st.caption("To see where they lie, make a map on Clusters & map first.")
            return
        kind = np.zeros(view.dataset.n_cells, dtype=int)
        kind[view.cells[marked]] = 1
        colour = coloured_maps.Colouring(
            "cells", pd.Series(pd.Categorical.from_codes(kind, ["other cells", SELECTED])), [MUTED, REMOVED]
        )
        coloured_maps.draw(view.dataset, found[0], colour, key="drawn.map", height=420)


def _examples(view: _View) -> None:
    """The best, a middling and the worst circle of this data."""
    if view.separation is None or view.n_test is None:
        return
    known = np.flatnonzero(np.isfinite(view.separation) & (view.n_test >= LEAST_TESTED))
    if not len(known):
        return
    ranked = known[np.argsort(-view.separation[known], kind="stable")]
    middle = ranked[np.argmin(np.abs(view.separation[ranked] - MIDDLING))]
    chosen = list(dict.fromkeys(int(code) for code in (ranked[0], middle, ranked[-1])))
    st.subheader("How to read them: examples of this data")
    for column, code in zip(st.columns(len(chosen)), chosen, strict=True):
        with column:
            figure = plot_circle(
                view.points[:, code], view.codes, view.types, code, height=340, claimed_by=view.claimed_by
            )
            show_figure(
                figure, key=f"example.{code}", name=f"circle_example_{code}", alt=f"Circle of {view.types[code]}"
            )
            st.caption(view.in_words(code))


def _course(view: _View, run: Run, code: int) -> None:
    """How the circle came about, step by step."""
    steps = snapshot_numbers(run.folder)
    st.subheader("How a circle comes about")
    if not steps:
        st.caption("The classifier was trained before its steps were kept. Train it again to watch them.")
        return
    shown = run.status.result.get("component_step")
    if shown:
        # what came after the step that was kept is not the circle above
        steps = [step for step in steps if step <= shown]
    st.caption(words.course(shown, run.config.config["start"]))
    if not st.toggle("Show the steps of training", key=f"course.{run.id}"):
        return
    kept = [read_snapshot(run.folder, step) for step in steps]
    cells = kept[0]["cells"]
    place = np.full(view.dataset.n_cells, -1)
    place[view.cells] = np.arange(len(view.cells))
    there = place[cells] >= 0
    if not there.any():
        st.caption("The steps were kept of test cells: choose them under 'Cells' above.")
        return
    circles = np.stack([arrays["circles"][there, code] for arrays in kept])
    figure = plot_course(steps, circles, view.codes[place[cells[there]]], view.types, code, gauge=view.competing)
    show_figure(
        figure,
        key=f"course.{run.id}.{code}",
        name="circle_course",
        alt=f"The circle of {view.types[code]} while it is trained",
    )


def _codes(dataset: Dataset, label_key: str, types: list[str]) -> np.ndarray:
    """Type of each cell among those of the classifier; -1 where it has none of them."""
    if keys.obs(label_key) not in dataset:
        return np.full(dataset.n_cells, -1)
    labels = pd.Series(state.read(dataset, keys.obs(label_key))).astype(object)
    return np.asarray(
        pd.Categorical(labels.map(lambda name: str(name) if pd.notna(name) else None), categories=types).codes
    )


def _run_of(record: Provenance) -> Run | None:
    """The training that made the circles, unless it was discarded."""
    try:
        return state.runs().open(record.run)
    except RunError:
        return None


def _of_run(dataset: Dataset, run: Run, types: list[str]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Which cells were test cells, how well each circle separates its type, and how many test cells say so."""
    names = tested_cells_of(run)["cell"]
    tested = pd.Index(state.read(dataset, keys.OBS_NAMES)).astype(str).isin(names)
    table = types_of(run).set_index("type").reindex(types)
    return np.asarray(tested), table["circle_auprc"].to_numpy(), table["n_test"].fillna(0).to_numpy(dtype=int)


def _order(types: list[str], separation: np.ndarray | None, n_test: np.ndarray | None, order_by: str) -> list[int]:
    places = list(range(len(types)))
    if separation is None or n_test is None or order_by == "by name":
        return sorted(places, key=types.__getitem__)
    sign = -1 if order_by.startswith("best") else 1

    def place(code: int) -> tuple[bool, bool, float, str]:
        # what cannot be judged comes after what can, and what is not known last
        few = bool(n_test[code] < LEAST_TESTED)
        return bool(np.isnan(separation[code])), few, sign * float(np.nan_to_num(separation[code])), types[code]

    return sorted(places, key=place)


def _table(points: np.ndarray, codes: np.ndarray, types: list[str]) -> pd.DataFrame:
    """Angle of every cell on every circle, in degrees."""
    angles = np.degrees(np.arctan2(points[:, :, 1], points[:, :, 0]))
    table = pd.DataFrame(angles.round(2), columns=[f"angle on the circle of {name}" for name in types])
    table.insert(0, "type", np.asarray(types, dtype=object)[codes])
    return table
