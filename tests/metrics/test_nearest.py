"""Neighbours that are looked for in lists, beside those that are found exactly."""

import numpy as np
import pytest
from sklearn.neighbors import NearestNeighbors

from scapp.analysis.map import clusters
from scapp.metrics import nearest as module
from scapp.metrics.nearest import nearest, nearest_others

POINTS = np.random.default_rng(0).normal(size=(3000, 8)).astype(np.float32)


def exactly(points, n_near):
    distances, positions = NearestNeighbors(n_neighbors=n_near).fit(points).kneighbors()
    return positions, distances


def test_all_lists_together_give_the_exact_neighbours(monkeypatch):
    monkeypatch.setattr(module, "LISTS_SEARCHED", 10**6)
    monkeypatch.setattr(module, "AT_A_TIME", 700)
    told = []
    positions, distances = nearest(POINTS, 12, 0, lambda done, total: told.append((done, total)))
    expected, far = exactly(POINTS, 12)
    assert (np.sort(positions) == np.sort(expected)).mean() > 0.9999
    np.testing.assert_allclose(distances, far, rtol=1e-4, atol=1e-5)
    assert told == [(0, 3000), (700, 3000), (1400, 3000), (2100, 3000), (2800, 3000)]


def test_some_lists_give_nearly_all_and_the_same_again(monkeypatch):
    monkeypatch.setattr(module, "POINTS_OF_LIST", 50)
    monkeypatch.setattr(module, "LISTS_SEARCHED", 20)
    positions, distances = nearest(POINTS, 12, 5)
    expected, _ = exactly(POINTS, 12)
    recall = np.mean([len(set(a) & set(b)) for a, b in zip(positions, expected, strict=True)]) / 12
    assert 0.9 < recall < 1
    assert (positions != np.arange(3000)[:, None]).all()
    assert (np.diff(distances, axis=1) >= 0).all()
    again, _ = nearest(POINTS, 12, 5)
    np.testing.assert_array_equal(positions, again)


def test_points_that_are_equal_and_lists_that_are_short(monkeypatch):
    monkeypatch.setattr(module, "POINTS_OF_LIST", 10)
    monkeypatch.setattr(module, "LISTS_SEARCHED", 1)
    # twenty copies of one point, and five far from all
    points = np.vstack([np.tile(POINTS[0], (20, 1)), POINTS[:500], 1000 + POINTS[:5] * 300])
    positions, distances = nearest(points, 15, 0)
    own = np.arange(len(points))[:, None]
    assert (positions >= 0).all()
    assert (positions != own).all()
    assert all(len(set(row)) == 15 for row in positions)
    np.testing.assert_allclose(distances, np.linalg.norm(points[own] - points[positions], axis=2), rtol=1e-4, atol=1e-2)
    far, _ = exactly(points, 15)
    assert {*positions[-1, :4]} == {*far[-1, :4]}


def test_positions_and_distances_belong_together_for_maps_and_for_training(monkeypatch):
    exact = clusters.neighbours(POINTS, n_neighbors=15, seed=0)
    others = nearest_others(POINTS, 15, 0)
    monkeypatch.setattr(module, "LISTS_SEARCHED", 10**6)
    for place in (module, clusters):
        monkeypatch.setattr(place, "EXACT_CELLS", 100)
    by_lists = clusters.neighbours(POINTS, n_neighbors=15, seed=0)
    assert by_lists.distances.nnz == exact.distances.nnz == 3000 * 14
    for found, expected in (
        (by_lists.connectivities, exact.connectivities),
        (by_lists.distances, exact.distances),
    ):
        np.testing.assert_allclose(found.toarray(), expected.toarray(), atol=2e-3)
    assert (np.sort(nearest_others(POINTS, 15, 0)) == np.sort(others)).mean() > 0.999


@pytest.mark.parametrize("n_cells", [60, 200])
def test_a_large_map_starts_from_principal_components(monkeypatch, n_cells):
    monkeypatch.setattr(clusters, "MANY_CELLS", 100)
    points = POINTS[:n_cells]
    graph = clusters.neighbour_graph(points, n_neighbors=10, seed=0)
    drawn = [clusters.umap_map(points, graph, n_neighbors=10, min_dist=0.5, seed=0) for _ in range(2)]
    assert np.isfinite(drawn[0]).all()
    np.testing.assert_array_equal(drawn[0], drawn[1])
    start = clusters._components(points, 0)
    assert np.abs(start).max() == pytest.approx(10, abs=1e-2)
    centred = points - points.mean(axis=0)
    first = centred @ np.linalg.svd(centred, full_matrices=False)[2][0]
    assert abs(np.corrcoef(first, start[:, 0])[0, 1]) > 0.999


def test_a_map_is_laid_out_for_as_many_epochs_as_asked_for():
    points = POINTS[:300]
    graph = clusters.neighbour_graph(points, n_neighbors=10, seed=0)
    some = [clusters.umap_map(points, graph, n_neighbors=10, min_dist=0.5, seed=0, epochs=n) for n in (0, 500, 20)]
    np.testing.assert_array_equal(some[0], some[1])
    assert np.abs(some[0] - some[2]).max() > 0.1
