"""A column that looks like batches, and how far the cells of each keep to themselves."""

import numpy as np
import streamlit as st

from scapp.core import keys
from scapp.metrics.mixing import own_group_share
from scapp.ui.clear import words
from scapp.ui.kit import state
from scapp.ui.kit.boundary import escape
from scapp.workspace.datasets.dataset import Dataset

MOST_CELLS = 3_000


def offer(dataset: Dataset, columns: list[str], chosen: str | None, *, key: str) -> None:
    """Offer a column that looks like batches, with how visible they are, where none is chosen.

    Parameters
    ----------
    dataset
        Normalised.
    columns
        Those that may be chosen.
    chosen
        The batch column of the form.
    key
        Of the form's widget for it.
    """
    column = keys.suggest(columns, keys.SUGGESTED_BATCHES)
    pca = keys.representation("pca")
    if chosen is not None or column is None or pca not in dataset:
        return
    entries = dataset.slots[pca], dataset.slots[keys.obs(column)]
    share, chance = _visible(str(dataset.folder), column, tuple(entry.fingerprint for entry in entries), dataset)
    if np.isnan(share):
        return
    with st.container(border=True, horizontal=True, vertical_alignment="center"):
        st.markdown(words.batches_seen(escape(column), share, chance))
        st.button(f"Use '{escape(column)}' as batch column", key="clear.offer", on_click=_choose, args=(key, column))


def _choose(key: str, column: str) -> None:
    st.session_state[key] = column


@st.cache_data(max_entries=64, show_spinner=False)
def _visible(folder: str, column: str, marks: tuple[str, ...], _dataset: Dataset) -> tuple[float, float]:
    components = np.asarray(state.read(_dataset, keys.representation("pca")))
    groups = state.grouping(_dataset, column).cat.codes.to_numpy()
    return own_group_share(components, groups, most_cells=MOST_CELLS)
