"""One cell's loss, against the loss of the training and by hand."""

import numpy as np
import pytest
import torch

from scapp.clear.info_nce import info_nce
from scapp.clear.one_cell import loss_of_one


@pytest.mark.parametrize("temperature", [0.05, 0.2, 2.0])
def test_it_is_the_loss_of_the_training(temperature):
    torch.manual_seed(0)
    query, key, negatives = (torch.nn.functional.normalize(torch.randn(n, 6), dim=1) for n in (1, 1, 20))
    excluded = torch.zeros(1, 20, dtype=torch.bool)
    excluded[0, 3] = True
    expected, _ = info_nce(query, key, negatives, temperature=temperature, excluded=excluded)
    similar = (query @ negatives.T).numpy()[0].astype(float)
    similar[3] = np.nan
    found = loss_of_one(float(query @ key.T), similar, temperature)
    assert found.loss == pytest.approx(float(expected), rel=1e-5)
    assert found.chance == pytest.approx(np.log(20))
    assert found.positive + np.nansum(found.negatives) == pytest.approx(1)
    assert np.isnan(found.negatives[3])


def test_shares_are_how_hard_negatives_are_pushed():
    query = torch.tensor([[0.6, 0.8]], requires_grad=True)
    key, negatives = torch.tensor([[1.0, 0.0]]), torch.tensor([[0.0, 1.0], [-1.0, 0.0]])
    loss, _ = info_nce(query, key, negatives, temperature=0.5)
    loss.backward()
    found = loss_of_one(0.6, np.array([0.8, -0.6]), 0.5)
    pushed = (-(1 - found.positive) * key + found.negatives[0] * negatives[0] + found.negatives[1] * negatives[1]) / 0.5
    np.testing.assert_allclose(query.grad.numpy(), pushed.numpy(), rtol=1e-5)


def test_no_negatives_no_loss():
    found = loss_of_one(0.3, np.array([np.nan]), 0.5)
    assert (found.loss, found.chance, found.positive) == (0.0, 0.0, 1.0)
