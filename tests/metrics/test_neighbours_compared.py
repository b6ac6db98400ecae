"""Genes that were not read: against a slow reference, what must win, and where nothing can be said."""

import numpy as np
import pytest
from scipy import sparse

from scapp.metrics.neighbours_compared import (
    LEAST_CELLS,
    MOST_CELLS,
    N_NEIGHBOURS,
    agreement_with_neighbours,
    compare_neighbours,
    nearest,
)


def slow(representation, values):
    """One cell and one gene at a time."""
    around = np.empty_like(values)
    for i, place in enumerate(representation):
        distances = ((representation - place) ** 2).sum(axis=1)
        distances[i] = np.inf
        around[i] = values[np.argsort(distances)[:N_NEIGHBOURS]].mean(axis=0)
    found = [np.corrcoef(values[:, g], around[:, g])[0, 1] for g in range(values.shape[1])]
    return np.median(found)


@pytest.fixture(scope="module")
def cells():
    """Two programmes: the first in all genes, the second in the genes that were not read alone."""
    rng = np.random.default_rng(0)
    programmes = rng.normal(0, 1, (200, 2))
    loads = rng.normal(0, 1, (2, 400))
    loads[1, :200] = 0
    values = np.exp(0.3 * programmes @ loads + rng.normal(0, 0.2, (200, 400)))
    read = np.arange(400) < 200
    return programmes, values, read


def test_against_one_cell_and_gene_at_a_time(cells):
    programmes, values, read = cells
    found = compare_neighbours(programmes, programmes[:, :1], sparse.csr_matrix(values), read)
    assert found.ours == pytest.approx(slow(programmes, values[:, ~read]))
    assert found.theirs == pytest.approx(slow(programmes[:, :1], values[:, ~read]))
    assert (found.n_cells, found.n_unseen) == (200, 200)


def test_the_representation_that_knows_more_of_the_other_genes_is_ahead(cells):
    programmes, values, read = cells
    found = compare_neighbours(programmes, programmes[:, :1], sparse.csr_matrix(values), read)
    assert found.ours > found.theirs + 0.05
    noise = np.random.default_rng(1).normal(0, 1, (200, 5))
    worse = compare_neighbours(noise, programmes, sparse.csr_matrix(values), read)
    assert abs(worse.ours) < 0.1
    assert worse.theirs == found.ours


def test_shared_neighbours(cells):
    programmes, values, read = cells
    same = compare_neighbours(programmes, 3 * programmes + 1, sparse.csr_matrix(values), read)
    assert same.shared == 1
    assert same.ours == same.theirs
    other = np.random.default_rng(1).normal(0, 1, (200, 2))
    chance = compare_neighbours(programmes, other, sparse.csr_matrix(values), read)
    assert chance.shared == pytest.approx(N_NEIGHBOURS / 199, abs=0.03)


def test_too_little_to_say_anything(cells):
    programmes, values, read = cells
    few = slice(0, LEAST_CELLS - 1)
    csr = sparse.csr_matrix(values)
    assert compare_neighbours(programmes[few], programmes[few], csr[few], read) is None
    no_genes = compare_neighbours(programmes, programmes, csr, np.arange(400) < 301)
    assert (no_genes.shared, no_genes.ours, no_genes.theirs, no_genes.n_unseen) == (1, None, None, 0)
    rare = csr.copy()
    rare[:, 200:] = 0
    assert compare_neighbours(programmes, programmes, rare, read).ours is None


def test_of_many_cells_some_are_drawn_and_the_seed_decides_which():
    rng = np.random.default_rng(0)
    n = MOST_CELLS + 500
    values = sparse.csr_matrix(rng.poisson(1.0, (n, 150)).astype(float))
    where = rng.normal(0, 1, (n, 3))
    read = np.zeros(150, dtype=bool)
    first, again, other = (compare_neighbours(where, where, values, read, seed=seed) for seed in (0, 0, 1))
    assert first == again != other
    assert first.n_cells == MOST_CELLS


def test_a_gene_that_does_not_vary_is_left_out():
    rng = np.random.default_rng(0)
    values = rng.normal(0, 1, (80, 3))
    values[:, 1] = 2
    positions = nearest(rng.normal(0, 1, (80, 2)))
    varying = agreement_with_neighbours(positions, values[:, [0, 2]])
    assert agreement_with_neighbours(positions, values) == pytest.approx(varying)
    assert np.isnan(agreement_with_neighbours(positions, np.ones((80, 2))))
