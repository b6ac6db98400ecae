"""Splits: shares, rare types, cells without a label, whole groups."""

import numpy as np
import pytest

from scapp.classify.splits import group_split, stratified_split
from scapp.core.errors import DataError

SHARES = {"valid_share": 0.1, "test_share": 0.2}


def test_shares_by_type_and_no_cell_twice():
    codes = np.repeat([0, 1, 2, 3, -1], [100, 50, 4, 1, 30])
    split = stratified_split(codes, **SHARES, seed=0)
    together = np.concatenate([split.train, split.valid, split.test])
    assert len(np.unique(together)) == len(together) == 155
    np.testing.assert_array_equal(np.bincount(codes[split.test], minlength=4), [20, 10, 1, 0])
    np.testing.assert_array_equal(np.bincount(codes[split.valid], minlength=4), [10, 5, 0, 0])
    again = stratified_split(codes, **SHARES, seed=0)
    np.testing.assert_array_equal(again.test, split.test)
    assert (stratified_split(codes, **SHARES, seed=1).test != split.test).any()


def test_nobody_is_labelled():
    with pytest.raises(DataError, match="No cell has a label"):
        stratified_split(np.full(5, -1), **SHARES, seed=0)


def test_whole_groups_are_held_out():
    codes = np.tile([0, 1, -1], 40)
    groups = np.repeat(["a", "b", "c", "d"], 30)
    split = group_split(codes, groups, **SHARES, seed=0)
    held = set(groups[split.test])
    assert len(held) == 1
    assert not held & set(groups[np.concatenate([split.train, split.valid])])
    assert len(split.test) == 20
    assert (codes[split.test] >= 0).all()
    with pytest.raises(DataError, match="Only one group"):
        group_split(codes, np.full(120, "a"), **SHARES, seed=0)
