import numpy as np
import pytest

from scapp.metrics import faithfulness
from scapp.metrics.faithfulness import neighbours_kept


def slow(space, drawn, k):
    shares = []
    for i in range(len(space)):
        near, shown = (
            set(np.argsort(np.where(np.arange(len(space)) == i, np.inf, ((v - v[i]) ** 2).sum(axis=1)))[:k])
            for v in (space, drawn)
        )
        shares.append(len(near & shown) / k)
    return np.mean(shares)


def test_against_a_slow_reference():
    rng = np.random.default_rng(0)
    space = rng.normal(size=(60, 10))
    drawn = space[:, :2] + rng.normal(scale=0.3, size=(60, 2))
    assert neighbours_kept(space, drawn, n_neighbors=7) == pytest.approx(slow(space, drawn, 7))


def test_a_perfect_map_and_a_random_one(monkeypatch):
    rng = np.random.default_rng(0)
    points = rng.normal(size=(800, 2))
    assert neighbours_kept(points, 3 * points + 1) == 1
    assert neighbours_kept(points, rng.normal(size=(800, 2))) < 0.05
    monkeypatch.setattr(faithfulness, "SAMPLED_CELLS", 100)
    assert neighbours_kept(points, 3 * points + 1) == 1


def test_degenerate():
    assert np.isnan(neighbours_kept(np.zeros((2, 3)), np.zeros((2, 2))))
    # equal points have no neighbours of their own, and nothing fails
    assert 0 <= neighbours_kept(np.zeros((20, 3)), np.zeros((20, 2))) <= 1
    assert neighbours_kept(np.arange(4.0)[:, None], np.arange(4.0)[:, None], n_neighbors=50) == 1
