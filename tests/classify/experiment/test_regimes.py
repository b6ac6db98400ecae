"""The three settings, on small and odd data."""

import numpy as np
import pytest

from scapp.classify.experiment.regimes import Regime, sample
from scapp.core.errors import DataError

SIZES = (400, 200, 100, 40, 12, 2)
CODES = np.concatenate([np.full(n, code) for code, n in enumerate(SIZES)] + [np.full(9, -1)])
EVERYTHING = Regime("unbalanced", "Unbalanced", 80, None)
SCARCE = Regime("scarce", "Data Scarce", 50, 60)


def parts(split):
    return split.train, split.valid, split.test


@pytest.mark.parametrize("regime", [EVERYTHING, SCARCE, Regime("simple", "Simple", 3, 500)])
def test_parts_are_disjoint_and_of_the_chosen_types(regime):
    found = sample(CODES, regime, seed=0)
    together = np.concatenate(parts(found.split))
    assert len(together) == len(set(together.tolist()))
    assert set(CODES[together]) == set(found.types)
    assert list(found.types) == sorted(found.types, key=lambda code: -SIZES[code])
    assert 5 not in found.types  # two cells cannot be shared out in three


def test_everything_is_80_10_10_by_type():
    split = sample(CODES, EVERYTHING, seed=0).split
    assert [int((CODES[part] == 0).sum()) for part in parts(split)] == [320, 40, 40]
    assert [int((CODES[part] == 4).sum()) for part in parts(split)] == [10, 1, 1]


def test_few_training_cells_leave_more_to_test():
    split = sample(CODES, SCARCE, seed=0).split
    counts = [np.bincount(CODES[part], minlength=5)[:5].tolist() for part in parts(split)]
    assert counts[0] == [60, 60, 60, 32, 10]  # at most 60, or 80% of what is there
    assert counts[1] == [8, 8, 8, 4, 1]
    assert counts[2] == [332, 132, 32, 4, 1]
    many = np.repeat([0, 1], 2_000)
    assert np.bincount(many[sample(many, SCARCE, seed=0).split.test]).tolist() == [500, 500]


def test_types_do_not_depend_on_the_seed_and_cells_do():
    first, again, other = (sample(CODES, SCARCE, seed=seed) for seed in (1, 1, 2))
    assert np.array_equal(first.split.train, again.split.train)
    assert not np.array_equal(first.split.train, other.split.train)
    assert np.array_equal(first.types, other.types)


def test_held_out_groups_are_tested_alone():
    groups = np.arange(len(CODES)) % 4
    split = sample(CODES, SCARCE, seed=0, groups=groups).split
    assert not set(groups[split.test]) & set(groups[np.concatenate([split.train, split.valid])])
    assert (np.bincount(CODES[split.train]) <= 60).all()


def test_one_type_is_refused():
    with pytest.raises(DataError, match="needs two"):
        sample(np.zeros(50, dtype=int), SCARCE, seed=0)
