import math

import pytest
import torch

from scapp.clear.info_nce import chance_loss, collapse_meter, info_nce


def unit(n, d, seed):
    return torch.nn.functional.normalize(
        torch.randn(n, d, generator=torch.Generator().manual_seed(seed), dtype=torch.float64), dim=1
    )


def slow_info_nce(queries, keys, negatives, temperature, excluded=None):
    """Equation 1 of the paper, term by term."""
    losses, hits = [], []
    for i in range(len(queries)):
        positive = math.exp(float(queries[i] @ keys[i]) / temperature)
        others = [
            math.exp(float(queries[i] @ negatives[j]) / temperature)
            for j in range(len(negatives))
            if excluded is None or not excluded[i, j]
        ]
        losses.append(-math.log(positive / (positive + sum(others))))
        hits.append(all(positive > other for other in others))
    return sum(losses) / len(losses), sum(hits) / len(hits)


@pytest.mark.parametrize("temperature", [0.07, 0.2, 1.0])
@pytest.mark.parametrize("with_excluded", [False, True])
def test_info_nce_is_the_papers_sum(temperature, with_excluded):
    queries, keys, negatives = unit(7, 5, 0), unit(7, 5, 1), unit(11, 5, 2)
    excluded = torch.rand(7, 11, generator=torch.Generator().manual_seed(3)) < 0.3 if with_excluded else None
    loss, accuracy = info_nce(queries, keys, negatives, temperature=temperature, excluded=excluded)
    slow_loss, slow_accuracy = slow_info_nce(queries, keys, negatives, temperature, excluded)
    assert loss.item() == pytest.approx(slow_loss, rel=1e-9)
    assert accuracy.item() == pytest.approx(slow_accuracy)


def test_by_hand():
    # q.k = 1, q.n = 0 and -1 at temperature 1: -log(e / (e + 1 + 1/e))
    query, key = torch.tensor([[1.0, 0.0]]), torch.tensor([[1.0, 0.0]])
    negatives = torch.tensor([[0.0, 1.0], [-1.0, 0.0]])
    loss, accuracy = info_nce(query, key, negatives, temperature=1.0)
    assert loss.item() == pytest.approx(-math.log(math.e / (math.e + 1 + 1 / math.e)), rel=1e-6)
    assert accuracy.item() == 1.0


def test_direction_and_degenerate_cases():
    same = unit(6, 4, 0)
    close, _ = info_nce(same, same, unit(20, 4, 1), temperature=0.2)
    far, _ = info_nce(same, unit(6, 4, 2), unit(20, 4, 1), temperature=0.2)
    assert close < far
    alike = torch.ones(6, 4) / 2
    loss, accuracy = info_nce(alike, alike, alike.repeat(5, 1), temperature=0.2)
    assert loss.item() == pytest.approx(chance_loss(30), rel=1e-5)
    assert accuracy.item() == 0.0
    nothing, _ = info_nce(same, same, unit(3, 4, 1), temperature=0.2, excluded=torch.ones(6, 3, dtype=torch.bool))
    assert nothing.item() == 0.0


def test_extreme_similarities_do_not_overflow():
    same = unit(4, 3, 0).float()
    loss, _ = info_nce(same, -same, same, temperature=0.001)
    assert torch.isfinite(loss)


def test_published_chance_level():
    assert chance_loss(1024) == pytest.approx(6.932, abs=5e-4)


def test_collapse_meter_is_one_on_a_sphere_and_zero_at_a_point():
    assert collapse_meter(unit(20_000, 32, 0)) == pytest.approx(1, abs=0.01)
    assert collapse_meter(unit(1, 32, 0).repeat(50, 1)) == pytest.approx(0, abs=1e-6)
