"""What a step compares, against slow loops."""

import math

import pytest
import torch

from scapp.clear.config import clear_config
from scapp.clear.model import Encoder, KeyQueue
from scapp.clear.objective import compare, scaled_to, unit
from scapp.clear.parallel.exchange import Together


def test_lengths_of_embeddings_by_hand():
    embeddings = torch.tensor([[3.0, 4.0], [0.0, 0.25], [0.0, 0.0]])
    assert torch.equal(scaled_to("own", embeddings), embeddings)
    assert torch.allclose(scaled_to("one", embeddings), torch.tensor([[0.6, 0.8], [0.0, 1.0], [0.0, 0.0]]))
    root = scaled_to("root", embeddings)
    assert torch.allclose(root.norm(dim=1), torch.tensor([5**0.5, 0.5, 0.0]))
    assert torch.allclose(root[0] / root[0].norm(), torch.tensor([0.6, 0.8]))


def _slow_symmetric(queries, keys, cells, partners, queue, queue_cells, temperature):
    """Equation 1 for every query by loops: its partner's key against the keys of all other cells and the queue."""
    n = len(cells)
    own = [*cells.tolist(), *partners.tolist()]
    others = [*partners.tolist(), *cells.tolist()]
    losses = []
    for i in range(2 * n):
        positive = float(queries[i] @ keys[(i + n) % (2 * n)]) / temperature
        negatives = [
            float(queries[i] @ keys[j]) / temperature for j in range(2 * n) if own[j] not in (own[i], others[i])
        ]
        negatives += [
            float(queries[i] @ queue[j]) / temperature
            for j in range(len(queue))
            if queue_cells[j] not in (own[i], others[i])
        ]
        total = math.exp(positive) + sum(math.exp(value) for value in negatives)
        losses.append(-positive + math.log(total))
    return sum(losses) / len(losses)


@pytest.mark.parametrize("key_encoder", ["momentum", "query"])
@pytest.mark.parametrize("queue_size", [0, 7])
def test_symmetric_comparison_against_a_slow_loop(key_encoder, queue_size):
    torch.manual_seed(0)
    config = clear_config(
        "paper", hidden=8, dim=4, key_encoder=key_encoder, queue_size=queue_size, output_relu=False, temperature=0.3
    )
    query, key = Encoder(6, config), Encoder(6, config)
    queue = KeyQueue(queue_size, 4, torch.Generator().manual_seed(0))
    queue.cells = torch.tensor([0, 3, 9, 9, 1, 2, 5])[:queue_size]
    first, second = torch.randn(5, 6), torch.randn(5, 6)
    cells, partners = torch.tensor([0, 1, 2, 3, 4]), torch.tensor([1, 1, 7, 8, 0])
    found = compare(config, query, key, queue, first, second, cells, partners, Together())
    views = torch.cat([first, second])
    queries = unit(query(views)).detach()
    keys = queries if key_encoder == "query" else unit(key(views)).detach()
    slow = _slow_symmetric(queries, keys, cells, partners, queue.keys, queue.cells.tolist(), 0.3)
    assert found.loss.item() == pytest.approx(slow, rel=1e-5)
    assert torch.equal(found.cells, torch.cat([cells, partners]))
    assert not found.keys.requires_grad


def test_one_way_comparison_against_a_slow_loop():
    torch.manual_seed(0)
    config = clear_config("authors_code", hidden=8, dim=4, output_relu=False, exclude_own_keys=True)
    query, key = Encoder(6, config), Encoder(6, config)
    queue = KeyQueue(6, 4, torch.Generator().manual_seed(0))
    queue.cells = torch.tensor([0, 1, 2, 3, 4, 5])
    first, second, cells = torch.randn(3, 6), torch.randn(3, 6), torch.tensor([0, 1, 9])
    found = compare(config, query, key, queue, first, second, cells, cells, Together())
    queries, keys = unit(query(first)).detach(), unit(key(second)).detach()
    losses = []
    for i in range(3):
        positive = float(queries[i] @ keys[i]) / config.temperature
        others = [
            float(queries[i] @ queue.keys[j]) / config.temperature for j in range(6) if queue.cells[j] != cells[i]
        ]
        losses.append(-positive + math.log(math.exp(positive) + sum(map(math.exp, others))))
    assert found.loss.item() == pytest.approx(sum(losses) / 3, rel=1e-5)
    assert found.n_negatives.item() == pytest.approx((5 + 5 + 6) / 3)
