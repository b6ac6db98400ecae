"""Other cells on a reference's map: by hand, and what the reference does not have."""

import numpy as np
import pytest

from scapp.clear.onto_map import N_NEIGHBOURS, place_onto_map


def test_the_reference_itself_stays_where_it_is():
    rng = np.random.default_rng(0)
    reference, points = rng.normal(0, 1, (60, 4)), rng.normal(0, 1, (60, 2))
    placed, distances = place_onto_map(reference, reference, points)
    np.testing.assert_allclose(placed, points, rtol=1e-6)
    assert not distances.any()


def median(values, weights):
    """One value at a time, until half of the weight is behind."""
    behind = 0.0
    for value, weight in sorted(zip(values, weights, strict=True)):
        behind += weight
        if behind >= sum(weights) / 2:
            return value
    raise AssertionError


def test_a_cell_between_two_groups_stands_in_the_one_that_more_of_its_neighbours_are_of():
    reference = np.r_[np.zeros((9, 2)), np.full((6, 2), 2.0)]
    points = np.r_[np.tile([5.0, 5], (9, 1)), np.tile([9.0, 1], (6, 1))]
    placed, _ = place_onto_map(np.ones((1, 2)), reference, points)
    assert placed.tolist() == [[5, 5]]


def test_a_cell_stands_at_the_weighted_median_of_its_neighbours():
    rng = np.random.default_rng(1)
    reference, points = rng.normal(0, 1, (60, 3)), rng.normal(0, 1, (60, 2))
    cell = np.array([[0.1, 0.2, 0.3]])
    apart = np.sqrt(((reference - cell) ** 2).sum(axis=1))
    nearest = np.argsort(apart)[:N_NEIGHBOURS]
    weights = 1 / apart[nearest]
    placed, distances = place_onto_map(cell, reference, points)
    expected = [median(points[nearest, axis], weights) for axis in (0, 1)]
    np.testing.assert_allclose(placed[0], expected, rtol=1e-6)
    own = np.sqrt(((reference[:, None] - reference) ** 2).sum(axis=2) + np.diag(np.full(60, np.inf)))
    assert distances[0] == pytest.approx(apart.min() / np.quantile(own.min(axis=1), 0.99), rel=1e-5)


def test_cells_that_the_reference_does_not_have_are_far():
    rng = np.random.default_rng(2)
    reference = rng.normal(0, 1, (200, 3))
    known, new = rng.normal(0, 1, (100, 3)), rng.normal(9, 1, (100, 3))
    points = rng.normal(0, 1, (200, 2))
    assert (place_onto_map(known, reference, points)[1] > 1).mean() < 0.1
    assert (place_onto_map(new, reference, points)[1] > 1).all()


def test_a_reference_of_one_cell():
    placed, distances = place_onto_map(np.ones((2, 3)), np.zeros((1, 3)), np.array([[4.0, 5]]))
    assert placed.tolist() == [[4, 5], [4, 5]]
    assert (distances > 1).all()
