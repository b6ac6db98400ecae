"""A packed matrix is the matrix, in fewer bytes, in memory and in a file."""

import gc
import tempfile

import numpy as np
import pytest
from scipy import sparse

from scapp.core.errors import DataError
from scapp.data.blocks import blocked_matrix
from scapp.data.blocks import packed as module
from scapp.data.blocks.blocked_matrix import InMemory, LogNormalised
from scapp.data.blocks.composed import Mapped
from scapp.data.blocks.packed import Packed, packed, packed_if_large

RNG = np.random.default_rng(2)
DENSE = RNG.poisson(0.5, (37, 300)).astype(np.float32)
DENSE[[0, 5, 36]] = 0
SCALE = (DENSE.sum(axis=1) / 10).astype(np.float32)
CELLS, GENES = np.array([0, 3, 4, 11, 36]), np.arange(0, 300, 2)


@pytest.fixture(autouse=True)
def small_blocks(monkeypatch, tmp_path):
    monkeypatch.setattr(blocked_matrix, "ENTRIES", 500)
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))


@pytest.fixture(params=["in memory", "in a file"])
def room(request, monkeypatch):
    if request.param == "in a file":
        monkeypatch.setattr(module, "MEMORY_SHARE", 0)
    return request.param


def stored(values):
    """A matrix that is not at hand; what is, is not packed."""
    return Mapped(InMemory(sparse.csr_matrix(values)), lambda block: block.data)


@pytest.mark.parametrize(
    ("factor", "kind"), [(1, "u1"), (0.3, "f4"), (100, "u2"), (70_000, "u4"), (-1, "f4"), (2**24, "f4")]
)
def test_values_come_out_as_they_went_in(room, factor, kind):
    given = (DENSE * factor).astype(np.float32)
    found = packed(stored(given))
    assert found.arrays()["values"].dtype == kind
    assert found.arrays()["places"].dtype == "u2"
    np.testing.assert_array_equal(found.to_csr().toarray(), given)
    assert found.fingerprint == stored(given).fingerprint
    assert isinstance(found.arrays()["values"], np.memmap) == (room == "in a file")
    wanted = np.array([36, 4, 4, 0, 12])
    np.testing.assert_array_equal(found.rows(wanted).toarray(), given[wanted])
    np.testing.assert_array_equal(found.rows(wanted[:0]).toarray(), given[:0])
    np.testing.assert_array_equal(found.select(CELLS, GENES).to_csr().toarray(), given[np.ix_(CELLS, GENES)])


@pytest.mark.parametrize(("count", "kind"), [(255, "u1"), (256, "u2"), (70_000, "u4"), (2**24 - 1, "u4")])
def test_the_smallest_types_hold_the_largest_counts(count, kind):
    given = DENSE.copy()
    given[7, 9] = count
    found = packed(stored(given))
    assert found.arrays()["values"].dtype == kind
    np.testing.assert_array_equal(found.to_csr().toarray(), given)


@pytest.mark.parametrize("cells", [None, CELLS])
@pytest.mark.parametrize("genes", [None, GENES])
def test_log_values_are_derived_to_the_last_bit(room, cells, genes):
    own = LogNormalised(stored(DENSE), SCALE).select(cells, genes)
    found = packed(own)
    assert found.arrays()["values"].dtype == "u1"
    assert found.fingerprint == own.fingerprint
    wanted = np.array([2, 0, 4])
    np.testing.assert_array_equal(found.rows(wanted).toarray(), own.rows(wanted).toarray())
    again = Packed.read(found.arrays(), found.n_genes)
    assert again.fingerprint == own.fingerprint


def test_a_file_goes_with_its_matrix(monkeypatch, tmp_path):
    monkeypatch.setattr(module, "MEMORY_SHARE", 0)
    found = packed(stored(DENSE))
    assert len(list(tmp_path.iterdir())) == 1
    part = found.select(CELLS)
    del found
    gc.collect()
    np.testing.assert_array_equal(part.to_csr().toarray(), DENSE[CELLS])
    del part
    gc.collect()
    assert not list(tmp_path.iterdir())


def test_a_disk_without_room_is_said(monkeypatch):
    monkeypatch.setattr(module, "MEMORY_SHARE", 0)
    monkeypatch.setattr("scapp.core.memory.DISK_SHARE", 0)
    with pytest.raises(DataError, match=r"Training on this dataset takes up to .* are free"):
        packed(stored(DENSE))


def test_of_nothing_nothing_is_packed(room):
    for shape in [(0, 5), (4, 5)]:
        assert packed(stored(np.zeros(shape, np.float32))).to_csr().toarray().tolist() == np.zeros(shape).tolist()


def test_small_matrices_stay_as_scipy_has_them(monkeypatch):
    monkeypatch.undo()
    own = LogNormalised(stored(DENSE), SCALE)
    assert isinstance(packed_if_large(own), InMemory)
    monkeypatch.setattr(blocked_matrix, "AT_HAND", 10)
    assert isinstance(packed_if_large(own), Packed)
