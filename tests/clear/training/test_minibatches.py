"""Steps of an epoch, neighbours, groups of genes."""

import numpy as np
import pytest
import torch
from scipy import sparse

from scapp.clear.augment.gene_groups import gene_groups
from scapp.clear.config import clear_config
from scapp.clear.training.minibatches import Schedule, nearest_neighbours


def test_an_epoch_is_random_cells_each_once():
    schedule = Schedule(clear_config("paper", batch_size=32), 150)
    parts = schedule.epoch(0)
    cells = torch.cat(parts)
    assert schedule.n_steps == len(parts) == 4
    assert [len(part) for part in parts] == [32] * 4
    assert len(set(cells.tolist())) == 128
    assert not torch.equal(cells, torch.cat(schedule.epoch(1)))
    assert torch.equal(cells, torch.cat(Schedule(clear_config("paper", batch_size=32), 150).epoch(0)))


def test_steps_of_one_batch_at_a_time():
    batches = np.repeat([0, 1, 2], [100, 45, 1])
    schedule = Schedule(clear_config("paper", batch_size=32), 146, batches)
    parts = schedule.epoch(3)
    assert schedule.n_steps == len(parts) == 4  # 3 of about 33 cells, 1 of 45
    assert all(len(set(batches[part.numpy()])) == 1 for part in parts)
    # every cell once, but for the one that is alone in its batch
    assert sorted(torch.cat(parts).tolist()) == list(range(145))


def test_neighbours_are_the_nearest_in_pca():
    rng = np.random.default_rng(0)
    values = sparse.csr_matrix(np.concatenate([rng.random((60, 30)), 3 + rng.random((60, 30))]).astype(np.float32))
    near = nearest_neighbours(values, clear_config("recommended", n_neighbors=4))
    assert near.shape == (120, 4)
    assert ((near < 60) == (np.arange(120) < 60)[:, None]).all()
    assert (near != np.arange(120)[:, None]).all()
    centred = values.toarray() - values.toarray().mean(axis=0)
    u, s, _ = np.linalg.svd(centred, full_matrices=False)
    points = (u * s)[:, :29]
    distances = np.linalg.norm(points[:, None] - points[None], axis=2)
    np.fill_diagonal(distances, np.inf)
    expected = np.sort(distances, axis=1)[:, :4].sum(axis=1)
    found = np.take_along_axis(distances, near, axis=1).sum(axis=1)
    np.testing.assert_allclose(found, expected, rtol=1e-3)


def test_neighbours_are_of_the_same_batch_and_few_cells_have_few():
    rng = np.random.default_rng(0)
    values = rng.random((62, 20)).astype(np.float32)
    batches = np.repeat([0, 1, 2], [40, 21, 1])
    config = clear_config("recommended", batch_key="batch", batch_positives="within")
    near = nearest_neighbours(sparse.csr_matrix(values), config, batches)
    assert (batches[near] == batches[:, None]).all()
    # 5% of 40 and of 21 cells; alone, a cell is its own neighbour
    assert len(set(near[0])) == 2
    assert len(set(near[50])) == 1
    assert set(near[61]) == {61}


def test_neighbours_across_batches_are_of_one_kind_and_of_all_batches():
    rng = np.random.default_rng(0)
    kinds, batches = np.arange(900) % 3, np.repeat([0, 1], 450)
    values = 4 * np.eye(3, 30)[kinds] + 3 * np.eye(2, 30, k=10)[batches] + rng.normal(size=(900, 30))
    values = sparse.csr_matrix(values.astype(np.float32))
    settings = {"batch_key": "batch", "n_neighbors": 10}
    across = nearest_neighbours(values, clear_config(**settings), batches)
    assert (kinds[across] == kinds[:, None]).mean() > 0.95
    assert 0.2 < (batches[across] != batches[:, None]).mean() < 0.7
    # without Harmony, few are of the other batch
    untold = nearest_neighbours(values, clear_config(n_neighbors=10))
    assert (batches[untold] != batches[:, None]).mean() < 0.15


def test_many_cells_are_searched_approximately(monkeypatch):
    monkeypatch.setattr("scapp.metrics.nearest.EXACT_CELLS", 100)
    rng = np.random.default_rng(0)
    values = sparse.csr_matrix(np.concatenate([rng.random((150, 10)), 4 + rng.random((150, 10))]).astype(np.float32))
    near = nearest_neighbours(values, clear_config("recommended", n_neighbors=5))
    monkeypatch.undo()
    exact = nearest_neighbours(values, clear_config("recommended", n_neighbors=5))
    assert (near != np.arange(300)[:, None]).mean() > 0.99
    shared = np.mean([len(set(a) & set(b)) / 5 for a, b in zip(near, exact, strict=True)])
    assert shared > 0.9


@pytest.mark.parametrize("n_cells", [1, 2, 3])
def test_neighbours_of_very_few_cells(n_cells):
    near = nearest_neighbours(sparse.csr_matrix(np.eye(n_cells, 5, dtype=np.float32)), clear_config("recommended"))
    assert near.shape == (n_cells, 15)
    assert near.min() >= 0
    assert near.max() < n_cells


def test_genes_that_vary_together_are_one_group():
    rng = np.random.default_rng(0)
    programmes = rng.random((200, 3))
    values = np.repeat(programmes, 10, axis=1) + 0.05 * rng.random((200, 30))
    groups = gene_groups(sparse.csr_matrix(values - values.mean(axis=0)), 3, 0)
    assert [len(set(groups[i : i + 10])) for i in (0, 10, 20)] == [1, 1, 1]
    assert len(set(groups)) == 3
    assert gene_groups(sparse.csr_matrix(np.ones((5, 1))), 50, 0).tolist() == [0]
