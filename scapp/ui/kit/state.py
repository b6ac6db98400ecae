"""What a session knows: the workspace, the open dataset, and its address.

The session holds ids; data are read from the workspace through caches keyed by element or file time.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import streamlit as st

from scapp.analysis.de.design import batch_notes
from scapp.analysis.de.gene_sets import GeneMatcher
from scapp.core import keys
from scapp.core.csv_text import read_csv
from scapp.core.environment import environment
from scapp.core.errors import DataError
from scapp.data.symbols import ID_COLUMNS, SYMBOL_COLUMNS, GeneNames, gene_symbols
from scapp.steps.group_colours import colours_of
from scapp.ui.kit.boundary import escape, show_error
from scapp.ui.kit.owners import owner, workspace_of
from scapp.ui.kit.routing import link
from scapp.workspace.datasets.dataset import Dataset
from scapp.workspace.datasets.elements import read_element
from scapp.workspace.datasets.store import Workspace
from scapp.workspace.runs.run import Run, RunStore

_DATASET = "dataset"
MOST_NUMBERED_GROUPS, MOST_LEVELS = 60, 20
"""Levels of whole numbers up to which a column groups cells: where its name says so, and elsewhere."""
GROUP_WORDS = ("cluster", "leiden", "louvain", "batch", "sample", "donor", "plate", "library", "group", "run")


def root() -> Path:
    """Folder of the workspace that belongs to who sees the page.

    Raises
    ------
    AccessError
        They have none, or no longer.
    """
    return workspace_of(owner(), environment())


def workspace() -> Workspace:
    """The workspace."""
    return Workspace(root())


def runs() -> RunStore:
    """Runs of the workspace."""
    return RunStore(root())


def open_dataset(id: str | None) -> None:
    """Make a dataset the current one of this session, or none."""
    st.session_state[_DATASET] = id
    if id is None:
        st.query_params.pop(_DATASET, None)
    else:
        st.query_params[_DATASET] = id


def current_dataset() -> Dataset | None:
    """The dataset named in the address, else the session's; the address then names it."""
    id = st.query_params.get(_DATASET) or st.session_state.get(_DATASET)
    if not id:
        return None
    try:
        dataset = workspace().open(id)
    except DataError as error:
        st.session_state[_DATASET] = None
        st.query_params.pop(_DATASET, None)
        show_error(error.message, error.hint)
        return None
    if st.query_params.get(_DATASET) != id or st.session_state.get(_DATASET) != id:
        open_dataset(id)
    return dataset


def done_pages() -> list[str]:
    """Pages whose work the open dataset holds; none without a dataset."""
    id = st.query_params.get(_DATASET) or st.session_state.get(_DATASET)
    if not id:
        return []
    try:
        slots = workspace().open(id).slots
    except DataError:
        return []  # the page says what is wrong with it
    holds = {
        "upload": keys.PREPARATION in slots,
        "clear": keys.representation("clear") in slots,
        "map": keys.has_umap(slots),
        "circles": keys.MLS in slots,
        "classify": keys.PREDICTED in slots or keys.MLS in slots,
        "de": bool(keys.differentials(slots)),
    }
    return [page for page, done in holds.items() if done]


def dataset_switcher() -> None:
    """Open another dataset from any page."""
    found = workspace().datasets()
    if len(found) < 2:
        return
    ids = [dataset.id for dataset in found]
    names = {d.id: f"{d.name} · {d.manifest.created[5:16].replace('T', ' ')}" for d in found}
    current = st.query_params.get(_DATASET) or st.session_state.get(_DATASET)
    # another key for another dataset, so that the list follows what pages open by themselves
    chosen = st.sidebar.selectbox(
        "Dataset",
        ids,
        index=ids.index(current) if current in ids else None,
        format_func=names.__getitem__,
        key=f"switch.{current}.{len(ids)}",
        placeholder="none is open",
    )
    if chosen is not None and chosen != current:
        open_dataset(chosen)
        st.query_params.pop("run", None)
        st.rerun()


def say_next(text: str) -> None:
    """Say something after the page was drawn anew: what is said before a rerun is lost with it."""
    st.session_state["say_next"] = text


def say() -> None:
    """Say what was to be said after the page was drawn anew."""
    if text := st.session_state.pop("say_next", None):
        st.toast(escape(text), duration="long")


def dataset_or_stop() -> Dataset:
    """The current dataset, with its name as a caption; without one, the way to get one and the end of the page."""
    say()
    dataset = current_dataset()
    if dataset is None:
        st.info("No dataset is open. Import a file or pick an example on the Upload & QC page.")
        link("upload", "Go to Upload & QC")
        st.stop()
    st.caption(f"Dataset **{escape(dataset.name)}** · {dataset.n_cells:,} cells × {dataset.n_genes:,} genes")
    return dataset


def prepared_or_stop() -> Dataset:
    """The current dataset when it is normalised; otherwise what is missing and the end of the page."""
    dataset = dataset_or_stop()
    if keys.PREPARATION not in dataset:
        st.info("This dataset is not normalised yet. Filter and normalise it on the Upload & QC page first.")
        link("upload", "Go to Upload & QC", dataset=dataset.id)
        st.stop()
    return dataset


@st.cache_resource(max_entries=256, show_spinner=False)
def element(path: str) -> Any:
    """Value of an element by its folder."""
    # elements never change, so the path is the whole key; what comes back is read-only by agreement
    return read_element(Path(path))


def read(dataset: Dataset, slot: str) -> Any:
    """A small element (a column, an embedding), cached for the server's sessions. Treat it as read-only."""
    entry = dataset.slots.get(slot)
    if entry is None:
        return dataset.read(slot)
    return element(str(dataset.folder / "elements" / entry.element))


def run_table(run: Run, file: str, words: Iterable[str]) -> pd.DataFrame:
    """A table (CSV) that a run wrote. ``words`` are columns of names: one may be called NA, and one that looks like a
    number stays as it is written.
    """
    path = run.folder / file
    return _csv(str(path), path.stat().st_mtime_ns, tuple(words))


@st.cache_data(max_entries=64, show_spinner=False)
def _csv(path: str, written: int, words: tuple[str, ...]) -> pd.DataFrame:
    return read_csv(Path(path), list(words))


def columns(dataset: Dataset, names: list[str]) -> pd.DataFrame:
    """Cell annotations by name."""
    return pd.DataFrame({name: read(dataset, keys.obs(name)) for name in names}, index=range(dataset.n_cells))


def categorical_columns(dataset: Dataset, *, most: int = 200) -> list[str]:
    """Cell annotations that group cells: categories, truth values, and whole numbers with few levels."""
    found = []
    for name in dataset.columns():
        values = read(dataset, keys.obs(name))
        if isinstance(values, pd.Categorical):
            if len(values.categories) <= most:
                found.append(name)
        elif _few_levels(name, np.asarray(values)):
            found.append(name)
    return found


def _few_levels(name: str, values: np.ndarray) -> bool:
    """Truth values, and whole numbers that number groups (batch 1, 2, 3) rather than measure something (ages)."""
    if values.dtype == bool:
        return True
    numbers_groups = any(word in name.lower() for word in GROUP_WORDS)
    most = MOST_NUMBERED_GROUPS if numbers_groups else MOST_LEVELS
    return values.dtype.kind in "iu" and len(np.unique(values)) <= min(most, len(values) // 2)


def numeric_columns(dataset: Dataset) -> list[str]:
    """Cell annotations that are measured on a scale."""
    values = {name: read(dataset, keys.obs(name)) for name in dataset.columns()}
    return [
        name
        for name, value in values.items()
        if not isinstance(value, pd.Categorical) and np.asarray(value).dtype.kind in "iuf"
    ]


@dataclass(frozen=True)
class Genes:
    """Genes as users know them.

    Parameters
    ----------
    names
        As in ``var_names``.
    symbols
        For people.
    labels
        Symbol, with the id behind it where there is one: both can be searched for.
    """

    names: list[str]
    symbols: list[str]
    labels: list[str]

    def position(self, label: str) -> int:
        """Where a label stands."""
        return self.labels.index(label)

    def symbol_of(self) -> dict[str, str]:
        """Name -> symbol."""
        return dict(zip(self.names, self.symbols, strict=True))


def genes(dataset: Dataset) -> Genes:
    """The genes of a dataset."""
    columns = [column for column in (*SYMBOL_COLUMNS, *ID_COLUMNS) if keys.var(column) in dataset]
    used = [keys.VAR_NAMES, *(keys.var(column) for column in columns)]
    return _genes(
        tuple(str(dataset.folder / "elements" / dataset.slots[slot].element) for slot in used), tuple(columns)
    )


@st.cache_resource(max_entries=8, show_spinner=False)
def _genes(paths: tuple[str, ...], columns: tuple[str, ...]) -> Genes:
    names = pd.Index(element(paths[0])).astype(str)
    var = pd.DataFrame({column: element(path) for column, path in zip(columns, paths[1:], strict=True)})
    symbols = gene_symbols(names, var)
    ids = next((var[column].astype(str) for column in ID_COLUMNS if column in var), pd.Series(names))
    if (ids.to_numpy() == symbols.to_numpy()).all():
        ids = pd.Series(names)
    labels = [s if s == i else f"{s} ({i})" for s, i in zip(symbols, ids, strict=True)]
    # equal labels could not be told apart in a list
    seen = pd.Series(labels).duplicated(keep=False)
    labels = [f"{label} · {name}" if twice else label for label, name, twice in zip(labels, names, seen, strict=True)]
    return Genes(names.tolist(), symbols.tolist(), labels)


def gene_matcher(dataset: Dataset) -> GeneMatcher:
    """Finds genes of a dataset by name, symbol or Ensembl id."""
    known = genes(dataset)
    column = next((name for name in ID_COLUMNS if keys.var(name) in dataset), None)
    ids = known.names if column is None else [str(id) for id in read(dataset, keys.var(column))]
    return GeneMatcher(GeneNames(known.names, known.symbols, ids))


def grouping(dataset: Dataset, column: str) -> pd.Series:
    """A column that groups cells, as categories named by text; groups are called what selections call them."""
    values = pd.Series(read(dataset, keys.obs(column)))
    if not isinstance(values.dtype, pd.CategoricalDtype):
        values = values.astype(str).astype("category")
    return values.cat.rename_categories([str(name) for name in values.cat.categories])


def batch_notes_of(dataset: Dataset, batch_key: str) -> list[str]:
    """Where mixing the batches of a column may remove what an experiment is about."""
    there = categorical_columns(dataset)
    conditions = {name: grouping(dataset, name) for name in keys.CONDITIONS if name in there}
    return batch_notes(batch_key, grouping(dataset, batch_key), conditions)


def colours(dataset: Dataset, column: str) -> dict[str, str]:
    """Group -> colour, in category order: a cell type has one in all columns."""
    return colours_of(column, dataset.slots, lambda slot: read(dataset, slot))


def latest_run(step: str, dataset: Dataset | None) -> Run | None:
    """The newest run of a step on a dataset."""
    return runs().latest(dataset=dataset.id if dataset else None, step=step)
