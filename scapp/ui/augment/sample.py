"""Cells that the Augmentations page distorts, and donors behind them."""

import numpy as np
import streamlit as st

from scapp.clear.augment.config import AugmentationConfig
from scapp.clear.augment.preview import Sample
from scapp.core import keys
from scapp.ui.kit import state
from scapp.workspace.datasets.dataset import Dataset

N_DONORS, RUN = 256, 16


def sample_of(dataset: Dataset, cells: list[int], config: AugmentationConfig, *, scale: bool) -> Sample:
    """Some cells, and random others as donors behind them."""
    profiles = _profiles(dataset.slots[keys.X].fingerprint, tuple(cells), dataset)
    groups = totals = None
    if config.groups_probability > 0:
        groups = _groups(dataset.slots[keys.X].fingerprint, tuple(cells), profiles)
    if config.thin_probability > 0 and keys.obs(keys.TOTAL_COUNTS) in dataset and keys.COUNTS in dataset:
        totals = np.asarray(state.read(dataset, keys.obs(keys.TOTAL_COUNTS)), dtype=np.float32)[
            _rows(dataset, tuple(cells))
        ]
    return Sample(profiles, scale, groups, totals, _target_sum(dataset))


def _rows(dataset: Dataset, cells: tuple[int, ...]) -> np.ndarray:
    """The cells, then donors in short runs from all over the file (runs are read at once)."""
    if dataset.n_cells <= N_DONORS:
        others = np.arange(dataset.n_cells)
    else:
        starts = np.random.default_rng(0).choice(dataset.n_cells - RUN, N_DONORS // RUN, replace=False)
        others = np.unique(starts[:, None] + np.arange(RUN))
    return np.concatenate([np.asarray(cells, dtype=np.int64), others[~np.isin(others, cells)]])


@st.cache_resource(max_entries=16, show_spinner="Reading cells…")
def _profiles(fingerprint: str, cells: tuple[int, ...], _dataset: Dataset) -> np.ndarray:
    chosen = np.asarray(state.read(_dataset, keys.var(keys.HIGHLY_VARIABLE)), dtype=bool)
    return np.asarray(_dataset.profiles(_rows(_dataset, cells))[:, chosen].toarray(), dtype=np.float32)


@st.cache_data(max_entries=16, show_spinner="Finding groups of genes…")
def _groups(fingerprint: str, cells: tuple[int, ...], _profiles: np.ndarray) -> np.ndarray:
    from scapp.clear.augment.gene_groups import (  # scikit-learn, which most visits do not need
        N_GENE_GROUPS,
        gene_groups,
    )

    return gene_groups(_profiles, N_GENE_GROUPS, 0)


def _target_sum(dataset: Dataset) -> float:
    records = dataset.manifest.provenance.values()
    found = [record.config.get("target_sum") for record in records if record.step == "prepare"]
    return float(found[-1]) if found and found[-1] else 1e4
