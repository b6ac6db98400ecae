"""The Latent circles page."""

import numpy as np
import pandas as pd
import streamlit as st

from scapp.core import keys
from scapp.core.errors import RunError
from scapp.core.provenance import Provenance
from scapp.pipelines.config import TEST_FILE, TYPES_FILE
from scapp.plotting.circles import plot_circle, plot_rims
from scapp.ui import explain, state
from scapp.ui.routing import link
from scapp.ui.widgets import download_csv, show_figure
from scapp.workspace.dataset import Dataset

MOST_SHOWN = 24
TEST, OTHER, EVERY = "test cells", "training and validation cells", "all labelled cells"


def circles_section(dataset: Dataset) -> None:
    """Every type's circle, small, ordered by separation; one of them large."""
    if keys.MLS not in dataset:
        st.info("This dataset has no circles yet. Train a classifier with the component 'mls' (MLS-CC) on it first.")
        link("classify", "Go to Classification", dataset=dataset.id)
        return
    kinds = pd.DataFrame(state.read(dataset, keys.MLS_TYPES))
    types, dims = kinds["type"].astype(str).tolist(), int(kinds["dims"].iloc[0])
    if dims != 2:
        st.info(
            f"The classifier gives each type {dims} dimensions; only two make a circle. Train one with 'Dimensions per type' at 2."
        )
        return
    record = dataset.manifest.provenance[dataset.slots[keys.MLS].provenance]
    st.markdown(explain.CIRCLES)
    codes = _codes(dataset, record.config["label_key"], types)
    tested, separation = _of_run(dataset, record, types)
    parts = {EVERY: codes >= 0}
    if tested is not None:
        parts = {TEST: tested & (codes >= 0), OTHER: ~tested & (codes >= 0), **parts}
    with st.container(horizontal=True, vertical_alignment="bottom"):
        part = st.selectbox(
            "Cells", list(parts), key=f"circles.part.{dataset.id}", width=320, help=explain.CIRCLE_PARTS
        )
        order_by = st.selectbox(
            "Order",
            ["best separated first", "worst separated first", "by name"],
            key=f"circles.order.{dataset.id}",
            width=320,
        )
    shown = parts[part]
    points = np.asarray(state.read(dataset, keys.MLS)).reshape(len(codes), len(types), 2)[shown]
    order = _order(types, separation, order_by)
    if separation is None:
        st.caption(
            "The run that made these circles was discarded: how well they separate their types, and which cells were test cells, is no longer known."
        )
    large_column, words = st.columns([3, 2])
    with words:
        chosen = st.selectbox("Type", order, format_func=types.__getitem__, key=f"circles.type.{dataset.id}.{order_by}")
        st.markdown(explain.circle_in_words(types[chosen], None if separation is None else float(separation[chosen])))
        table = _table(points, codes[shown], types, separation)
        download_csv(table, key="circles", name="latent_circles", label="Download the points as CSV")
    with large_column:
        show_figure(
            plot_circle(points[:, chosen], codes[shown], types, chosen), key=f"circle.{chosen}", name="latent_circle",
            alt=f"Cells on the circle of {types[chosen]}",
        )  # fmt: skip
    st.subheader("All circles")
    few = order[:MOST_SHOWN]
    titles = [types[code] if separation is None else f"{types[code]} · {separation[code]:.2f}" for code in few]
    show_figure(
        plot_rims(points, codes[shown], few, titles),
        key="rims",
        name="latent_circles",
        alt="A small circle for each type",
    )
    st.caption(explain.RIMS)
    if len(order) > MOST_SHOWN:
        st.caption(f"The first {MOST_SHOWN} of {len(order)} types; choose another order to see others.")


def _codes(dataset: Dataset, label_key: str, types: list[str]) -> np.ndarray:
    """Type of each cell among those of the classifier; -1 where it has none of them."""
    if keys.obs(label_key) not in dataset:
        return np.full(dataset.n_cells, -1)
    labels = pd.Series(state.read(dataset, keys.obs(label_key))).astype(object)
    return np.asarray(
        pd.Categorical(labels.map(lambda name: str(name) if pd.notna(name) else None), categories=types).codes
    )


def _of_run(dataset: Dataset, record: Provenance, types: list[str]) -> tuple[np.ndarray | None, np.ndarray | None]:
    """Which cells were test cells, and how well each circle separates its type, while the run is kept."""
    try:
        folder = state.runs().open(record.run).folder
    except RunError:
        return None, None
    names = pd.read_csv(folder / TEST_FILE, dtype={"cell": str})["cell"]
    tested = pd.Index(state.read(dataset, keys.OBS_NAMES)).astype(str).isin(names)
    table = pd.read_csv(folder / TYPES_FILE, dtype={"type": str}).set_index("type")
    return np.asarray(tested), table["circle_auprc"].reindex(types).to_numpy()


def _order(types: list[str], separation: np.ndarray | None, order_by: str) -> list[int]:
    places = list(range(len(types)))
    if separation is None or order_by == "by name":
        return sorted(places, key=types.__getitem__)
    sign = -1 if order_by.startswith("best") else 1
    # what is not known comes last
    return sorted(
        places, key=lambda code: (np.isnan(separation[code]), sign * np.nan_to_num(separation[code]), types[code])
    )


def _table(points: np.ndarray, codes: np.ndarray, types: list[str], separation: np.ndarray | None) -> pd.DataFrame:
    """Angle of every cell on every circle, in degrees."""
    angles = np.degrees(np.arctan2(points[:, :, 1], points[:, :, 0]))
    table = pd.DataFrame(angles.round(2), columns=[f"angle on the circle of {name}" for name in types])
    table.insert(0, "type", np.asarray(types, dtype=object)[codes])
    return table
