"""What a base model reads, by hand; and cells in which genes were not measured."""

import numpy as np
import pytest
from scipy import sparse

from scapp.classify.gene_scaling import prepare
from scapp.core.errors import DataError

COUNTS = np.array([[6, 2, 2, 0, 0], [1, 1, 0, 2, 0], [0, 0, 0, 0, 9]], dtype=float)
TRAIN = np.array([0, 1])


def test_values_by_hand():
    found = prepare(COUNTS, TRAIN, "log_cp10k")
    assert found.genes.tolist() == [0, 1, 2, 3]  # no training cell has the last
    by_hand = np.log1p(1e4 * COUNTS[:2, :4] / np.array([[10], [4]]))
    assert np.allclose(found.apply(COUNTS[:2]).toarray(), by_hand, rtol=1e-6)
    assert np.allclose(found.means, by_hand.mean(axis=0), rtol=1e-6)
    assert np.allclose(found.shares, [(0.6 + 0.25) / 2, (0.2 + 0.25) / 2, 0.1, 0.25])
    assert found.weights.sum() == pytest.approx(1)
    scaled = prepare(COUNTS, TRAIN, "max_log")
    assert scaled.largest == 6
    assert np.allclose(scaled.apply(COUNTS[:1]).toarray(), np.log1p(COUNTS[:1, :4] / 6), rtol=1e-6)


def test_a_cell_without_some_genes_looks_as_it_did():
    """Of cells with the average share in the measured genes, the values of these do not change when the others are not
    measured.
    """
    rng = np.random.default_rng(0)
    counts = np.concatenate([rng.multinomial(400, [0.25] * 4, 60), rng.multinomial(600, [1 / 8] * 8, 60)], axis=1)
    found = prepare(counts, np.arange(120 // 2), "log_cp10k")
    there = np.arange(12) < 4
    panel = counts * there
    whole = found.apply(counts).toarray()[:, :4]
    assert np.allclose(found.apply(panel, there).toarray()[:, :4], whole, atol=1e-3)
    assert (found.apply(panel).toarray()[:, :4] > whole + 0.5).any()
    assert np.array_equal(found.expected(there)[:4], np.zeros(4, dtype=np.float32))
    assert np.allclose(found.expected(there)[4:], found.means[4:])
    assert not found.expected(np.ones(12, dtype=bool)).any()


def test_empty_cells_and_empty_data():
    counts = np.vstack([COUNTS, np.zeros(5)])
    found = prepare(counts, np.array([0, 1, 3]), "log_cp10k")
    assert np.isfinite(found.shares).all()
    assert found.apply(sparse.csr_matrix(counts)).getrow(3).nnz == 0
    with pytest.raises(DataError, match="No gene"):
        prepare(np.zeros((3, 4)), np.arange(3), "log_cp10k")
