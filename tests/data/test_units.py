import numpy as np
import pytest
from scipy import sparse

from scapp.data import units
from scapp.data.blocks.blocked_matrix import InMemory


def units_of(matrix):
    return units.units_of(InMemory(matrix).survey)


def test_units_are_told_apart():
    counts = sparse.csr_matrix(np.tile(np.arange(12, dtype=np.float64), (4, 1)))
    assert units_of(counts) == "counts"
    assert units_of(counts * 1.00000001) == "counts"
    assert units_of(np.log1p(counts)) == "log"
    lengths = np.random.default_rng(0).uniform(0.5, 90, 12)
    rpkm = sparse.csr_matrix((counts.toarray() + np.arange(4)[:, None]) * lengths)
    assert units_of(rpkm) == "linear"
    share = rpkm.toarray() / rpkm.toarray().sum(axis=1, keepdims=True)
    assert units_of(sparse.csr_matrix(share * 1e6)) == "tpm"
    assert units_of(sparse.csr_matrix(share * 1e4)) == "scaled_to_total"


def test_counts_are_recovered_from_log_values_exactly():
    rng = np.random.default_rng(0)
    counts = rng.poisson(2, size=(50, 40)).astype(np.float32)
    counts[:, 0] = 1
    counts = sparse.csr_matrix(counts)
    size = np.asarray(counts.sum(axis=1)).ravel()
    log = sparse.csr_matrix(np.log1p(counts.toarray() / size[:, None] * 1e4)).astype(np.float32)
    recovered = units.recover_counts(log)
    np.testing.assert_array_equal(recovered.to_csr().toarray(), counts.toarray())
    rounded = log.copy()
    rounded.data = np.round(rounded.data, 3)
    np.testing.assert_array_equal(units.recover_counts(rounded).to_csr().toarray(), counts.toarray())


def test_counts_are_not_invented_from_other_values():
    values = sparse.csr_matrix(np.random.default_rng(0).lognormal(size=(20, 30)).astype(np.float32))
    assert units.recover_counts(values) is None


@pytest.mark.parametrize("base", [2, 10])
def test_counts_are_recovered_from_other_logarithms_and_from_cpm(base):
    counts = np.random.default_rng(1).poisson(2, size=(50, 40)) + np.eye(50, 40)
    scaled = counts / counts.sum(axis=1, keepdims=True) * 1e6
    log = sparse.csr_matrix(np.log1p(scaled) / np.log(base))
    np.testing.assert_array_equal(units.recover_counts(log).to_csr().toarray(), counts)
    cpm = sparse.csr_matrix(scaled)
    assert units_of(cpm) == "tpm"
    np.testing.assert_array_equal(units.recover_counts(cpm, "tpm").to_csr().toarray(), counts)


@pytest.mark.parametrize("row", [[5, 0, 0], [4, 8, 0], [7, 7, 0]])
def test_counts_that_a_cell_does_not_prove_are_not_recovered(row):
    counts = np.random.default_rng(0).poisson(2, size=(20, 40)) + np.eye(20, 40)
    counts[3] = 0
    counts[3, :3] = row
    log = sparse.csr_matrix(np.log1p(counts / counts.sum(axis=1, keepdims=True) * 1e4))
    assert units.recover_counts(log) is None


def test_every_kind_of_values_has_words_and_uses():
    ids = [record.id for record in units.UNITS]
    assert ids == list(units.ANY)
    assert all(set(use.units) <= set(ids) and (use.otherwise or set(use.units) == set(ids)) for use in units.USES)
    assert all(record.note for record in units.UNITS if record.id != "counts")
