"""Embedding of all cells, with normalisation set to the cells as they are, by hand."""

import numpy as np
import pytest
import torch

from scapp.clear.config import clear_config
from scapp.clear.embedding import embed
from scapp.clear.model import Encoder
from scapp.clear.training.matrix import CellMatrix

CPU = torch.device("cpu")


@pytest.fixture
def parts():
    torch.manual_seed(0)
    config = clear_config("recommended", hidden=8, dim=4, projection=3, embedding_length="own")
    values = np.random.default_rng(0).random((100, 6)).astype(np.float32)
    return Encoder(6, config), CellMatrix(values, CPU, scale=False), config, values


def by_hand(encoder, values):
    first = values @ encoder.first.weight.detach().numpy().T + encoder.first.bias.detach().numpy()
    layer = encoder.normalisation
    scaled = (first - first.mean(axis=0)) / np.sqrt(first.var(axis=0) + layer.eps)
    return np.maximum(scaled * layer.weight.detach().numpy() + layer.bias.detach().numpy(), 0)


@pytest.mark.parametrize("piece", [7, 4096])
def test_statistics_are_those_of_all_cells(parts, monkeypatch, piece):
    encoder, matrix, config, values = parts
    monkeypatch.setattr("scapp.clear.embedding.INFERENCE_BATCH", piece)
    np.testing.assert_allclose(embed(encoder, matrix, config), by_hand(encoder, values), atol=1e-5)


def test_each_batch_is_normalised_by_itself_but_a_small_one(parts):
    encoder, matrix, config, values = parts
    batches = np.repeat([0, 1, 2], [50, 40, 10])
    found = embed(encoder, matrix, config, batches)
    np.testing.assert_allclose(found[:50], by_hand(encoder, values[:50]), atol=1e-5)
    np.testing.assert_allclose(found[50:90], by_hand(encoder, values[50:90]), atol=1e-5)
    np.testing.assert_allclose(found[90:], by_hand(encoder, values)[90:], atol=1e-5)
    # what is kept with the model is of all cells
    np.testing.assert_allclose(embed(encoder, matrix, config), by_hand(encoder, values), atol=1e-5)


def test_with_a_batch_column_the_last_layer_is_kept():
    hidden = Encoder(6, clear_config("recommended", hidden=8, dim=4))
    last = Encoder(6, clear_config("recommended", hidden=8, dim=4, batch_key="batch"))
    assert hidden.represent(torch.rand(3, 6)).shape == (3, 8)
    assert last.represent(torch.rand(3, 6)).shape == (3, 4)


def test_a_stop_is_looked_for(parts):
    encoder, matrix, config, _ = parts
    calls = []
    embed(encoder, matrix, config, between=lambda: calls.append(1))
    assert calls
