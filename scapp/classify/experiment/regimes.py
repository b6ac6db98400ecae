"""The thesis's three settings (Simple, Data Scarce, Unbalanced), made from any labelled data; they shrink where it is
small.
"""

from dataclasses import dataclass

import numpy as np

from scapp.classify.splits import Split, group_split, stratified_split
from scapp.core.errors import DataError

LEAST_CELLS = 3
"""Of a type, for one cell each to train, to validate and to test."""
VALID_PER_TRAIN = 1 / 8
"""80/10/10, also where training cells are few."""
MOST_TESTED = 500
"""Test cells of a type."""


@dataclass(frozen=True)
class Regime:
    """One setting.

    Parameters
    ----------
    id, title
        In tables, and for people.
    n_types
        The most common types that take part, at most.
    n_cells
        Training cells of each, at most; None for all.
    """

    id: str
    title: str
    n_types: int
    n_cells: int | None


@dataclass(frozen=True)
class Sampled:
    """Cells of a setting, shared out.

    Parameters
    ----------
    types
        Codes of the types that take part, the most common first, shape (n_types,).
    split
        Cells of those types. Cells that few training cells leave over are test cells too, up to 500 of a type.
    """

    types: np.ndarray
    split: Split


def sample(codes: np.ndarray, regime: Regime, *, seed: int, groups: np.ndarray | None = None) -> Sampled:
    """Choose types and share out their cells 80/10/10 by type, then keep so many to train on.

    Parameters
    ----------
    codes
        Type of each cell from 0, negative without one, shape (n_cells,).
    regime
        Numbers of types and cells.
    seed
        Of the shuffle; which types take part does not depend on it.
    groups
        Donors or batches: whole ones are then held out for the test, and no others are tested.

    Raises
    ------
    DataError
        Fewer than two types have three cells.
    """
    sizes = np.bincount(codes[codes >= 0])
    ranked = np.argsort(-sizes, kind="stable")
    types = np.array([code for code in ranked if sizes[code] >= LEAST_CELLS][: regime.n_types], dtype=np.int64)
    if len(types) < 2:
        raise DataError(
            f"{len(types)} type has {LEAST_CELLS} cells or more; an experiment needs two.",
            hint="Choose another label column.",
        )
    chosen = np.where(np.isin(codes, types), codes, -1)
    if groups is None:
        split = stratified_split(chosen, valid_share=0.1, test_share=0.1, seed=seed)
    else:
        split = group_split(chosen, groups, valid_share=1 / 9, test_share=0.1, seed=seed)
    if regime.n_cells is not None:
        split = _fewer(chosen, split, regime.n_cells, seed, left_over_tested=groups is None)
    return Sampled(types, split)


def _fewer(codes: np.ndarray, split: Split, n_cells: int, seed: int, *, left_over_tested: bool) -> Split:
    rng = np.random.default_rng(seed)
    n_valid = max(round(n_cells * VALID_PER_TRAIN), 1)
    train, left_train = _at_most(codes, split.train, n_cells, rng)
    valid, left_valid = _at_most(codes, split.valid, n_valid, rng)
    test = split.test
    if left_over_tested:
        more, _ = _at_most(codes, np.concatenate([left_train, left_valid]), MOST_TESTED, rng)
        test, _ = _at_most(codes, np.concatenate([split.test, more]), MOST_TESTED, rng)
    return Split(train, valid, test)


def _at_most(codes: np.ndarray, cells: np.ndarray, n: int, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """So many cells of each type, ascending, and the others."""
    shuffled = rng.permutation(cells)
    kept = [shuffled[codes[shuffled] == code][:n] for code in np.unique(codes[cells])]
    chosen = np.sort(np.concatenate(kept)) if kept else cells
    return chosen, np.setdiff1d(cells, chosen)
