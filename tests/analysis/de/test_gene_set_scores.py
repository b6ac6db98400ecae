"""Scores of gene sets against scanpy and a slow reference."""

import anndata as ad
import numpy as np
import pytest
import scanpy as sc
from scipy import sparse, stats

from scapp.analysis.de.gene_set_scores import module_scores, rank_scores
from scapp.core.errors import DataError
from scapp.data.blocks import blocked_matrix

RNG = np.random.default_rng(0)


def rank_score(matrix, positions, **options):
    return rank_scores(matrix, [positions], **options)[:, 0]


def module_score(matrix, positions, **options):
    return module_scores(matrix, [positions], **options)[:, 0]


def values(n_cells=60, n_genes=200):
    counts = RNG.poisson(RNG.lognormal(0, 1, n_genes), (n_cells, n_genes))
    return sparse.csr_matrix(np.log1p(counts).astype(np.float32))


def slow_rank_score(row, positions, share):
    top = int(np.ceil(share * len(row)))
    seen = np.flatnonzero(row > 0)
    rank = dict(zip(seen, stats.rankdata(-row[seen]), strict=True))
    gain = sum(max(top + 1 - rank[p], 0) for p in positions if p in rank)
    return gain / sum(top + 1 - r for r in range(1, min(len(positions), top) + 1))


def test_module_scores_are_scanpys_own():
    matrix, positions = values(), np.array([3, 50, 120])
    adata = ad.AnnData(matrix.copy())
    adata.var_names = [str(i) for i in range(200)]
    sc.tl.score_genes(adata, ["3", "50", "120"], n_bins=10, random_state=4)
    np.testing.assert_allclose(module_score(matrix, positions, seed=4), adata.obs["score"], rtol=1e-5, atol=1e-6)
    pool = np.arange(100, 200)
    sc.tl.score_genes(adata, ["3", "50", "120"], gene_pool=["3", "50", *map(str, pool)], n_bins=5, random_state=4)
    found = module_score(matrix, positions, pool=pool, seed=4)
    np.testing.assert_allclose(found, adata.obs["score"], rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("n_genes", [60, 300, 2000])
def test_module_scores_are_scanpys_own_for_many_sets_and_blocks(monkeypatch, n_genes):
    matrix = values(150, n_genes)
    adata = ad.AnnData(matrix.copy())
    adata.var_names = [str(i) for i in range(n_genes)]
    sets = [RNG.choice(n_genes, size, replace=False) for size in (1, 7, 30)]
    found = module_scores(matrix, sets, seed=1)
    monkeypatch.setattr(blocked_matrix, "ENTRIES", 500)
    np.testing.assert_array_equal(module_scores(matrix, sets, seed=1), found)
    for column, positions in enumerate(sets):
        n_bins = int(np.clip(n_genes // 20, 1, 25))
        sc.tl.score_genes(adata, [str(i) for i in positions], n_bins=n_bins, random_state=1)
        np.testing.assert_allclose(found[:, column], adata.obs["score"], rtol=1e-5, atol=1e-6)


def test_a_set_without_a_control_is_refused():
    with pytest.raises(DataError, match="No gene is left"):
        module_scores(values(20, 30), [np.arange(30)])


def test_a_raised_set_scores_higher_and_controls_cancel_a_shift_of_all_genes():
    # multiples of 1/64 add up exactly in float32, so that a shift moves no gene into another bin
    matrix = np.round(values().toarray() * 64) / 64
    positions = np.arange(10)
    raised = matrix.copy()
    raised[:30, positions] += 2
    score = module_score(sparse.csr_matrix(raised), positions)
    assert score[:30].min() > score[30:].max()
    both = module_score(sparse.csr_matrix(matrix + 1), positions)
    np.testing.assert_allclose(both, module_score(sparse.csr_matrix(matrix), positions), atol=1e-4)


@pytest.mark.parametrize("size", [700, 1 << 22])
def test_rank_scores_against_a_slow_reference(monkeypatch, size):
    monkeypatch.setattr(blocked_matrix, "ENTRIES", size)
    matrix, positions = values(), RNG.choice(200, 12, replace=False)
    found = rank_score(matrix, positions, top_share=0.2)
    expected = [slow_rank_score(row, positions, 0.2) for row in matrix.toarray()]
    np.testing.assert_allclose(found, expected, rtol=1e-5)
    assert found.dtype == np.float32


def test_rank_scores_do_not_move_with_scale_or_other_increasing_functions():
    matrix, positions = values(), np.arange(0, 200, 20)
    before = rank_score(matrix, positions)
    for change in (np.expm1, np.sqrt, lambda x: 7 * x):
        other = matrix.copy()
        other.data = change(other.data.astype(np.float64))
        np.testing.assert_allclose(rank_score(other, positions), before, rtol=1e-6)


def test_rank_scores_at_their_ends():
    matrix = np.zeros((3, 40))
    matrix[0, :4] = [9, 8, 7, 6]
    matrix[1, 20:30] = 5
    found = rank_score(sparse.csr_matrix(matrix), np.arange(4), top_share=0.25)
    assert found.tolist() == pytest.approx([1.0, 0.0, 0.0])
    assert rank_score(sparse.csr_matrix((0, 40)), np.arange(4)).shape == (0,)
    assert rank_score(sparse.csr_matrix(matrix), np.array([], dtype=int)).tolist() == [0, 0, 0]


def test_several_sets_at_once_are_as_one_by_one():
    matrix, told = values(), []
    sets = [np.arange(5), np.arange(50, 90), np.array([199])]
    together = rank_scores(matrix, sets, report=lambda done, total: told.append((done, total)))
    for column, positions in enumerate(sets):
        np.testing.assert_array_equal(together[:, column], rank_score(matrix, positions))
    assert told == [(0, 60)]
    assert rank_scores(matrix, []).shape == (60, 0)
