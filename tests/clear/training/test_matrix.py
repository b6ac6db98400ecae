"""Rows of the training matrix, dense, sparse and on a device; and the precision of products."""

import numpy as np
import pytest
import torch
from scipy import sparse

from scapp.clear.training import precision
from scapp.clear.training.matrix import CellMatrix, DeviceRows
from scapp.data.blocks.blocked_matrix import InMemory
from scapp.data.blocks.packed import packed

CPU = torch.device("cpu")
CHOSEN = torch.tensor([3, 0, 3, 29])


@pytest.fixture
def values():
    return sparse.random(30, 40, density=0.2, format="csr", dtype=np.float32, random_state=0)


@pytest.mark.parametrize("limit", [0, 2e9])
@pytest.mark.parametrize("scale", [False, True])
def test_rows_are_the_same_whatever_the_blocks(values, scale, limit, monkeypatch):
    monkeypatch.setattr("scapp.clear.training.matrix.DENSE_LIMIT_BYTES", limit)
    whole = CellMatrix(values, CPU, scale=scale).rows(CHOSEN)
    on_device = DeviceRows(values, CPU).rows(CHOSEN)
    monkeypatch.setattr("scapp.data.blocks.blocked_matrix.ENTRIES", 30)
    torch.testing.assert_close(CellMatrix(packed(InMemory(values)), CPU, scale=scale).rows(CHOSEN), whole)
    assert torch.equal(DeviceRows(packed(InMemory(values)), CPU).rows(CHOSEN), on_device)


@pytest.mark.parametrize("scale", [False, True])
def test_rows_are_the_same_dense_and_sparse(values, scale, monkeypatch):
    dense = CellMatrix(values, CPU, scale=scale).rows(CHOSEN)
    monkeypatch.setattr("scapp.clear.training.matrix.DENSE_LIMIT_BYTES", 0)
    torch.testing.assert_close(CellMatrix(values, CPU, scale=scale).rows(CHOSEN), dense)
    plain = values.toarray()[CHOSEN]
    if scale:
        mean, sd = values.toarray().mean(axis=0), values.toarray().std(axis=0, ddof=1)
        plain = np.clip((plain - mean) / np.where(sd > 0, sd, 1), -10, 10)
    np.testing.assert_allclose(dense.numpy(), plain, atol=1e-5)


def test_rows_on_a_device_are_those_of_scipy(values):
    np.testing.assert_array_equal(DeviceRows(values, CPU).rows(CHOSEN).numpy(), values.toarray()[CHOSEN])
    wide = sparse.random(5, 40_000, density=0.001, format="csr", dtype=np.float32, random_state=0)
    cells = torch.tensor([4, 1])
    np.testing.assert_array_equal(DeviceRows(wide, CPU).rows(cells).numpy(), wide.toarray()[cells])


def test_rows_that_are_empty_and_entries_that_stand_twice():
    empty = sparse.csr_matrix((3, 4), dtype=np.float32)
    assert (DeviceRows(empty, CPU).rows(torch.tensor([0, 2])) == 0).all()
    twice = sparse.csr_matrix((np.ones(3, np.float32), [1, 1, 0], [0, 2, 2, 3]), shape=(3, 4))
    np.testing.assert_array_equal(DeviceRows(twice, CPU).rows(torch.arange(3)).numpy(), twice.toarray())


def test_products_are_exact_where_nothing_is_known_to_be_faster(monkeypatch, tmp_path):
    plain = tmp_path / "plain"
    plain.write_text("flags : avx512f")
    monkeypatch.setattr(precision, "CPU_FLAGS", plain)
    with precision.fast_products(CPU) as found:
        assert found == "highest"
    monkeypatch.setattr(precision, "CPU_FLAGS", tmp_path / "not there")
    with precision.fast_products(CPU) as found:
        assert found == "highest"


@pytest.mark.parametrize(("error", "chosen"), [(0.003, "medium"), (0.02, "highest")])
def test_amx_is_used_when_its_error_is_small(monkeypatch, tmp_path, error, chosen):
    flags = tmp_path / "amx"
    flags.write_text("flags : avx512f amx_bf16 amx_tile")
    monkeypatch.setattr(precision, "CPU_FLAGS", flags)
    monkeypatch.setattr(precision, "product_error", lambda name: error)
    before = torch.get_float32_matmul_precision()
    with precision.fast_products(CPU) as found:
        assert found == chosen
    assert torch.get_float32_matmul_precision() == before


def test_the_error_of_products_is_measured():
    assert precision.product_error("highest") < 1e-6
    assert torch.get_float32_matmul_precision() == "highest"
