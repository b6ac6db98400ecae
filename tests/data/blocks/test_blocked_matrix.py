"""A matrix in blocks is the matrix, whatever stands between."""

import numpy as np
import pytest
import scanpy as sc
from anndata import AnnData
from scipy import sparse

from scapp.core.provenance import fingerprint
from scapp.data.blocks import blocked_matrix as module
from scapp.data.blocks.blocked_matrix import InMemory, LogNormalised, blocked, cuts
from scapp.data.blocks.composed import Added, Mapped, Stacked

RNG = np.random.default_rng(0)
DENSE = RNG.poisson(0.7, (41, 23)).astype(np.float32)
DENSE[[0, 7, 40]] = 0
MATRIX = sparse.csr_matrix(DENSE)


@pytest.fixture(autouse=True)
def small_blocks(monkeypatch):
    monkeypatch.setattr(module, "ENTRIES", 60)


def scales():
    return (DENSE.sum(axis=1) / 10).astype(np.float32)


def chosen():
    cells, genes = np.array([1, 2, 7, 8, 20, 39]), np.array([0, 3, 4, 22])
    return cells, genes


MATRICES = {
    "in memory": lambda: (InMemory(MATRIX), DENSE),
    "some cells": lambda: (InMemory(MATRIX).select(chosen()[0]), DENSE[chosen()[0]]),
    "some genes": lambda: (InMemory(MATRIX).select(None, chosen()[1]), DENSE[:, chosen()[1]]),
    "both": lambda: (InMemory(MATRIX).select(*chosen()), DENSE[np.ix_(*chosen())]),
    "some of some": lambda: (
        InMemory(MATRIX).select(*chosen()).select(np.array([0, 3, 5]), np.array([1, 3])),
        DENSE[np.ix_(chosen()[0][[0, 3, 5]], chosen()[1][[1, 3]])],
    ),
    "no cells": lambda: (InMemory(MATRIX).select(np.empty(0, dtype=int)), DENSE[:0]),
    "log-normalised": lambda: (
        LogNormalised(InMemory(MATRIX), scales()),
        np.log1p(DENSE / np.where(scales() > 0, scales(), 1)[:, None]),
    ),
    "with other values": lambda: (
        Mapped(InMemory(MATRIX), lambda block: np.maximum(block.data - 1, 0)),
        np.maximum(DENSE - 1, 0),
    ),
    "added up": lambda: (Added([InMemory(MATRIX), InMemory(MATRIX[::-1])]), DENSE + DENSE[::-1]),
    "below each other": lambda: (
        Stacked([(InMemory(MATRIX), np.array([4, 0, 22])), (InMemory(MATRIX[:2]), np.array([1, 2, 3]))]),
        np.vstack([DENSE[:, [4, 0, 22]], DENSE[:2, [1, 2, 3]]]),
    ),
}


@pytest.mark.parametrize("name", MATRICES)
def test_every_way_to_read_gives_the_same(name):
    matrix, dense = MATRICES[name]()
    assert matrix.shape == dense.shape
    np.testing.assert_allclose(matrix.to_csr().toarray(), dense, rtol=1e-6)
    parts = list(matrix.blocks())
    assert len(parts) == len(matrix.bounds())
    np.testing.assert_allclose(sparse.vstack(parts).toarray(), dense, rtol=1e-6)
    assert all(part.dtype == np.float32 for part in parts)
    for gene in range(matrix.n_genes):
        np.testing.assert_allclose(matrix.column(gene), dense[:, gene], rtol=1e-6)
    for start, stop in ((0, matrix.n_genes), (1, min(4, matrix.n_genes)), (1, 1)):
        np.testing.assert_allclose(matrix.columns(start, stop).toarray(), dense[:, start:stop], rtol=1e-6)
    covered = [gene for start, stop in matrix.gene_bounds() for gene in range(start, stop)]
    assert covered == list(range(matrix.n_genes))
    if matrix.n_cells:
        order = RNG.permutation(matrix.n_cells)[:4]
        np.testing.assert_allclose(matrix.rows(order).toarray(), dense[order], rtol=1e-6)


def test_results_come_in_order_and_see_where_their_block_begins():
    seen = list(InMemory(MATRIX).each_block(lambda start, block: (start, block.shape[0])))
    assert len(seen) > 5
    assert [start for start, _ in seen] == np.cumsum([0, *(length for _, length in seen[:-1])]).tolist()


def test_an_error_in_a_block_is_the_callers():
    def fail(start, block):
        raise KeyError(start)

    with pytest.raises(KeyError):
        list(InMemory(MATRIX).each_block(fail))


@pytest.mark.parametrize("name", MATRICES)
def test_the_fingerprint_is_that_of_the_values_wherever_blocks_begin(name, monkeypatch):
    found = MATRICES[name]()[0].fingerprint
    monkeypatch.setattr(module, "ENTRIES", 7)
    matrix = MATRICES[name]()[0]
    assert found == matrix.fingerprint == fingerprint(matrix) == fingerprint(matrix.to_csr())
    changed = matrix.to_csr().copy()
    if changed.nnz:
        changed.data[-1] += 1
        assert fingerprint(changed) != found


def test_what_is_derived_finds_the_fingerprint_of_its_base_on_the_way():
    base = InMemory(MATRIX)
    assert LogNormalised(base, scales()).fingerprint != fingerprint(MATRIX)
    assert vars(base)["fingerprint"] == fingerprint(MATRIX)


@pytest.mark.filterwarnings("ignore:Some cells have zero counts")
def test_normalised_values_are_those_of_scanpy_to_the_last_bit():
    adata = AnnData(MATRIX.copy())
    sc.pp.normalize_total(adata, target_sum=1e4)
    sc.pp.log1p(adata)
    totals = DENSE.sum(axis=1)
    mine = LogNormalised(InMemory(MATRIX), totals.astype(np.float32) / np.float32(1e4)).to_csr()
    assert fingerprint(mine) == fingerprint(sparse.csr_matrix(adata.X))


def test_what_is_given_is_not_changed_and_comes_in_order():
    disordered = sparse.csr_matrix((np.ones(3), np.array([2, 0, 0]), np.array([0, 3])), shape=(1, 3), dtype=np.float32)
    np.testing.assert_array_equal(blocked(disordered).to_csr().indices, [0, 2])
    assert disordered.indices.tolist() == [2, 0, 0]
    assert blocked(np.eye(2)).to_csr().toarray().tolist() == [[1, 0], [0, 1]]


@pytest.mark.parametrize("positions", [[1, 1], [2, 1], [0, 41], [-1, 2]])
def test_positions_that_are_not_there_or_not_in_order_are_refused(positions):
    with pytest.raises(ValueError, match="positions"):
        InMemory(MATRIX).select(np.array(positions))


def test_cuts_by_hand():
    assert cuts(np.array([3, 5, 20, 21, 22]), 5) == [(0, 2), (2, 3), (3, 5)]
    assert cuts(np.array([0, 0, 0]), 5) == [(0, 3)]
    assert cuts(np.array([], dtype=int), 5) == [(0, 0)]


def test_zeros_that_are_stored_or_come_of_rounding_are_none():
    stored = sparse.csr_matrix(DENSE)
    stored.data[::4], stored.data[1] = 0, -0.0
    matrix = InMemory(stored)
    assert matrix.to_csr().data.all()
    assert matrix.fingerprint == fingerprint(sparse.csr_matrix(stored.toarray()))
    assert (stored.data == 0).any()
    tiny = DENSE.copy()
    tiny[1, 2] = 1e-44
    logged = LogNormalised(InMemory(tiny), np.full(41, 1e6, dtype=np.float32))
    parts = [logged.to_csr(), logged.columns(0, 23), logged.rows(np.arange(41))]
    assert all(part.data.all() for part in parts)
    for part in parts:
        np.testing.assert_allclose(part.toarray(), np.log1p(tiny / np.float32(1e6)), rtol=1e-6)
    assert logged.fingerprint == fingerprint(parts[0])


def test_values_that_cancel_each_other_are_left_out():
    total = Added([InMemory(MATRIX), InMemory(-MATRIX)])
    assert total.to_csr().nnz == 0
    with pytest.raises(ValueError, match="different shapes"):
        Added([InMemory(MATRIX), InMemory(MATRIX[:3])])


@pytest.mark.parametrize("name", MATRICES)
def test_what_is_seen_of_a_matrix_is_so(name):
    matrix, _ = MATRICES[name]()
    dense = matrix.to_csr().toarray()
    seen, values = matrix.survey, dense[dense != 0]
    np.testing.assert_array_equal(seen.lengths, (dense != 0).sum(axis=1))
    np.testing.assert_array_equal(seen.n_cells_of_gene, (dense != 0).sum(axis=0))
    np.testing.assert_allclose(seen.totals, dense.sum(axis=1, dtype=float), rtol=1e-6)
    assert (seen.n_missing, seen.n_infinite, seen.n_negative) == (0, 0, 0)
    assert (seen.least, seen.greatest) == ((values.min(), values.max()) if len(values) else (0, 0))
    assert seen.off == pytest.approx(np.abs(values - np.rint(values)).max() if len(values) else 0)


def test_values_that_are_no_numbers_are_counted_and_hide_no_others():
    dense = np.zeros((30, 4))
    dense[3, 1], dense[10, 2], dense[11, 3], dense[20, 0], dense[29, 3] = np.nan, np.inf, -np.inf, -2.5, 7
    seen = InMemory(dense).survey
    assert (seen.n_missing, seen.n_infinite, seen.n_negative) == (1, 2, 2)
    assert (seen.least, seen.greatest, seen.off) == (-2.5, 7, 0.5)
    nothing = InMemory(np.full((3, 4), np.nan)).survey
    assert (nothing.n_missing, nothing.least, nothing.greatest, nothing.off) == (12, 0, 0, 0)


def test_a_pass_is_asked_between_blocks_whether_to_go_on():
    asked = []

    def stop_at_third(share):
        asked.append(share)
        if len(asked) == 3:
            raise KeyboardInterrupt

    matrix = InMemory(MATRIX)
    with pytest.raises(KeyboardInterrupt), module.asking(stop_at_third):
        list(matrix.blocks())
    n_blocks = len(matrix.bounds())
    np.testing.assert_allclose(asked, np.arange(1, 4) / n_blocks)
    whole = []
    with module.asking(whole.append):
        list(matrix.blocks())
    np.testing.assert_allclose(whole, np.arange(1, n_blocks + 1) / n_blocks)
    list(matrix.blocks())
    assert len(whole) == n_blocks


def test_little_memory_makes_small_blocks(monkeypatch):
    monkeypatch.setattr(module, "ENTRIES", 1 << 22)
    monkeypatch.setenv("SCAPP_THREADS", "2")
    assert module.entries_of_block() == 1 << 22
    monkeypatch.setenv("SCAPP_MEMORY", "0.00002")
    assert module.entries_of_block() == 25
    matrix = InMemory(MATRIX)
    assert len(matrix.bounds()) > 10
    np.testing.assert_array_equal(matrix.to_csr().toarray(), DENSE)
    whole, part = matrix.select(np.arange(41)), matrix.select(np.arange(10))
    assert MATRIX.nnz > 16 * 25 > MATRIX[:10].nnz
    assert module.at_hand(whole) is whole
    assert isinstance(module.at_hand(part), InMemory)
    monkeypatch.setenv("SCAPP_MEMORY", "100")
    assert module.entries_of_block() == 1 << 22
