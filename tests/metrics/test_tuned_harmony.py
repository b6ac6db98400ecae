"""Tuned Harmony mixes where Harmony's defaults leave everything as it is, and keeps what lies within a batch."""

import numpy as np
import pytest

from scapp.data.qc.harmony import harmony
from scapp.metrics.mixing import ilisi, neighbours, own_group_share
from scapp.metrics.tuned_harmony import neighbours_kept_within, tuned_harmony


def two_protocols(n_each: int = 150) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Three types, each in two batches that lie further apart than types do."""
    rng = np.random.default_rng(0)
    types, batches = np.arange(2 * n_each) % 3, np.repeat([0, 1], n_each)
    places = 4 * np.eye(3, 20)[types] + 5 * np.eye(2, 20, k=5)[batches] + rng.normal(size=(2 * n_each, 20))
    return places, types, batches


def test_it_mixes_at_least_as_well_as_the_defaults() -> None:
    places, _, batches = two_protocols()
    plain = ilisi(*neighbours(harmony(places, batches, seed=0)), batches)
    tuned = tuned_harmony(places, batches, seed=0)
    assert ilisi(*neighbours(tuned), batches) >= plain
    assert neighbours_kept_within(places, tuned, batches) > 0.5


def test_neighbours_kept_by_hand() -> None:
    line = np.arange(6.0)[:, None]
    batches = np.zeros(6, dtype=int)
    assert neighbours_kept_within(line, line, batches) == 1
    assert neighbours_kept_within(line, -3 * line, batches) == 1
    # the other batch may come between
    assert neighbours_kept_within(np.repeat(line, 2, axis=0), np.repeat(2 * line, 2, axis=0), np.tile([0, 1], 6)) == 1
    assert np.isnan(neighbours_kept_within(line, line, np.arange(6)))


def test_share_of_own_group_by_hand() -> None:
    two = np.array([0.0, 0.1, 0.2, 9.0, 9.1, 9.2])[:, None]
    share, chance = own_group_share(two, np.array([0, 0, 0, 1, 1, 1]), n_neighbours=2)
    assert share == 1
    assert chance == pytest.approx(2 / 5)
    share, _ = own_group_share(two, np.array([0, 1, 0, 1, 0, 1]), n_neighbours=2)
    # of 0 and 0.2 (group 0) one neighbour each is of group 0, of 0.1 none; and alike on the other side
    assert share == pytest.approx((1 + 0 + 1 + 1 + 0 + 1) / 12)
    assert np.isnan(own_group_share(two, np.zeros(6, dtype=int))[0])
    share, _ = own_group_share(two, np.array([0, 0, -1, 1, 1, -1]), n_neighbours=1)
    assert share == 1
