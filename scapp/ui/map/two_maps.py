"""Two maps side by side with one selection."""

import numpy as np
import pandas as pd
import streamlit as st

from scapp.plotting.theme import HIGHLIGHT, MUTED
from scapp.ui.kit import downloads
from scapp.ui.kit.boundary import boundary
from scapp.ui.map import coloured_maps, selection_panel, words
from scapp.ui.map.coloured_maps import Colouring, MapRecord
from scapp.workspace.datasets.dataset import Dataset

SELECTED, OTHERS = "selected", "not selected"


@st.fragment
def comparison_section(dataset: Dataset) -> None:
    """Choose two maps; what is selected on the left is shown on the right."""
    with boundary(), downloads.beside():
        found = coloured_maps.available(dataset)
        if len(found) < 2:
            st.info(
                "There is one map so far. Choose another representation above (another CLEAR run, PCA) and make its"
                " map, or make a t-SNE, to compare them here."
                if found
                else "There is no map yet: choose a representation above and click 'Make the map'."
            )
            return
        st.markdown(words.COMPARE)
        titles = {record.key: record.title for record in found}
        left_side, right_side = st.columns(2)
        with left_side:
            left = _choice("Left map", found, titles, 0, dataset)
        with right_side:
            right = _choice("Right map", found, titles, 1, dataset)
        groups, scales = coloured_maps.colour_options(dataset, left.representation)
        column = st.selectbox(
            "Colour by", [*groups, *scales], key=f"compare.colour.{dataset.id}", persist_state="session", width=320
        )
        colour = coloured_maps.colouring(dataset, column)
        left_side, right_side = st.columns(2)
        with left_side:
            keep = f"compare.left.{left.key}"
            event = coloured_maps.draw(
                dataset, left, colour, key=f"{keep}.{column}", keep=keep, select=True, height=520
            )
            st.caption(coloured_maps.faithful_words(dataset, left) or "How faithful this map is was not measured.")
        selection = coloured_maps.drawn_selection(event, left)
        with right_side:
            shown = colour if selection is None else _highlighted(selection_panel.members_of(dataset, selection))
            keep = f"compare.right.{right.key}"
            coloured_maps.draw(dataset, right, shown, key=f"{keep}.{shown.title}", keep=keep, height=520)
            st.caption(coloured_maps.faithful_words(dataset, right) or "How faithful this map is was not measured.")
        selection_panel.selection_section(dataset, selection)


def _choice(label: str, found: list[MapRecord], titles: dict[str, str], index: int, dataset: Dataset) -> MapRecord:
    keys_of = [record.key for record in found]
    chosen = st.selectbox(
        label,
        keys_of,
        index=index,
        format_func=titles.__getitem__,
        key=f"compare.{index}.{dataset.id}.{len(found)}",
        persist_state="session",
    )
    return next(record for record in found if record.key == chosen)


def _highlighted(members: np.ndarray) -> Colouring:
    values = pd.Series(pd.Categorical.from_codes(np.where(members, 1, 0), [OTHERS, SELECTED]))
    return Colouring("selection on the left", values, [MUTED, HIGHLIGHT])
