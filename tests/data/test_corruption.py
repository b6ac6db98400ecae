"""Counts that are lost on purpose."""

import numpy as np
import pytest
from scipy import sparse

from scapp.core.errors import DataError
from scapp.data.corruption import drop_counts, thin_counts


def counts(dense=False):
    values = np.random.default_rng(0).poisson(1.0, (40, 25)).astype(np.float32)
    return values if dense else sparse.csr_matrix(values)


@pytest.mark.parametrize("dense", [False, True])
@pytest.mark.parametrize("share", [0.1, 0.3, 0.6, 0.8])
def test_an_exact_share_is_lost_and_nothing_else_changes(share, dense):
    before = counts(dense)
    kept = np.array(before if dense else before.toarray())
    left = drop_counts(before, share, seed=3)
    n = np.count_nonzero(kept)
    assert left.nnz == n - round(share * n)
    places = left.toarray() > 0
    assert np.array_equal(left.toarray()[places], kept[places])
    assert np.array_equal(before if dense else before.toarray(), kept)


def test_the_seed_decides_and_edges_hold():
    first, again, other = (drop_counts(counts(), 0.5, seed).toarray() for seed in (1, 1, 2))
    assert np.array_equal(first, again)
    assert not np.array_equal(first, other)
    assert (drop_counts(counts(), 0.0, 0) != counts()).nnz == 0
    assert drop_counts(counts(), 1.0, 0).nnz == 0
    assert drop_counts(sparse.csr_matrix((3, 4)), 0.5, 0).nnz == 0
    with pytest.raises(DataError, match="no share"):
        drop_counts(counts(), 1.5, 0)


def test_molecules_are_thinned_one_by_one():
    before = sparse.csr_matrix(np.full((100, 100), 20, dtype=np.float32))
    left = thin_counts(before, 0.3, seed=1)
    assert left.sum() / before.sum() == pytest.approx(0.7, abs=0.01)
    assert (left.toarray() <= 20).all()
    assert left.dtype == np.float32
    assert np.array_equal(left.toarray(), thin_counts(before, 0.3, seed=1).toarray())
    assert thin_counts(before, 1, seed=1).nnz == 0
    assert np.array_equal(thin_counts(before, 0, seed=1).toarray(), before.toarray())
    with pytest.raises(DataError, match="not whole counts"):
        thin_counts(before * 0.5 + before * 0.01, 0.3, seed=1)
    with pytest.raises(DataError, match="no share"):
        thin_counts(before, 2, seed=1)
