import numpy as np
import pytest
import torch
from scipy import sparse

from scapp.clear.config import clear_config
from scapp.clear.model import NO_CELL, Encoder, KeyQueue, follow
from scapp.clear.training.matrix import CellMatrix

CPU = torch.device("cpu")


def test_momentum_by_hand():
    query, key = torch.nn.Linear(1, 1), torch.nn.Linear(1, 1)
    with torch.no_grad():
        query.weight.fill_(1.0)
        key.weight.fill_(0.0)
    for expected in (0.1, 0.19, 0.271):  # 1 - 0.9**n
        follow(key, query, 0.9)
        assert key.weight.item() == pytest.approx(expected, rel=1e-6)
    assert query.weight.item() == 1.0


def test_queue_is_first_in_first_out():
    queue = KeyQueue(5, 2, torch.Generator().manual_seed(0))
    assert (queue.cells == NO_CELL).all()
    assert torch.allclose(queue.keys.norm(dim=1), torch.ones(5))
    queue.push(torch.full((3, 2), 1.0), torch.tensor([10, 11, 12]))
    assert queue.cells.tolist() == [10, 11, 12, NO_CELL, NO_CELL]
    queue.push(torch.full((3, 2), 2.0), torch.tensor([20, 21, 22]))
    assert queue.cells.tolist() == [22, 11, 12, 20, 21]
    assert queue.keys[:, 0].tolist() == [2, 1, 1, 2, 2]
    queue.push(torch.arange(14.0).reshape(7, 2), torch.arange(7))
    assert sorted(queue.cells.tolist()) == [2, 3, 4, 5, 6]


def test_encoder_is_two_layers_by_hand():
    encoder = Encoder(2, clear_config("paper", hidden=8, dim=2, output_relu=False))
    x = torch.tensor([[1.0, -2.0]])
    first, second = encoder.first, encoder.second
    hidden = torch.clamp(x @ first.weight.T + first.bias, min=0)
    assert torch.allclose(encoder(x), hidden @ second.weight.T + second.bias)
    encoder.output_relu = True
    assert (encoder(x) >= 0).all()


@pytest.mark.parametrize("limit", [2e9, 0])
def test_matrix_rows_are_scaled_like_scanpy_dense_or_sparse(monkeypatch, limit):
    import anndata as ad
    import scanpy as sc

    monkeypatch.setattr("scapp.clear.training.matrix.DENSE_LIMIT_BYTES", limit)
    values = sparse.random(60, 9, density=0.4, random_state=0, format="csr", dtype=np.float32)
    values.data[0] = 500
    reference = ad.AnnData(values.toarray())
    sc.pp.scale(reference, max_value=10)
    cells = torch.tensor([5, 0, 59, 5])
    scaled = CellMatrix(values, CPU, scale=True).rows(cells)
    np.testing.assert_allclose(scaled.numpy(), reference.X[cells.numpy()], atol=1e-4)
    plain = CellMatrix(values, CPU, scale=False).rows(cells)
    np.testing.assert_array_equal(plain.numpy(), values.toarray()[cells.numpy()])


def test_rows_are_copies():
    matrix = CellMatrix(np.ones((3, 4), dtype=np.float32), CPU, scale=False)
    matrix.rows(torch.tensor([0])).zero_()
    assert matrix.rows(torch.tensor([0])).sum() == 4
