"""Supervised InfoNCE against slow loops written from the equations, and in degenerate batches."""

import math

import numpy as np
import pytest
import torch

from scapp.classify.components.contrastive import MlpComponent, MlsComponent
from scapp.classify.components.supervised_info_nce import multi_space_info_nce, supervised_info_nce

LABELS = torch.tensor([0, 0, 1, 2, 1, 0, 2, 3])  # type 3 has one cell


def unit(*shape, seed=0):
    generator = torch.Generator().manual_seed(seed)
    return torch.nn.functional.normalize(torch.randn(*shape, generator=generator), dim=-1)


def slow(z, positives_of, temperature, anchors=None):
    """Equation 5 by loops; anchors without a positive count nothing."""
    n = len(z)
    terms = []
    for i in anchors if anchors is not None else range(n):
        positives = [p for p in positives_of(i) if p != i]
        if not positives:
            continue
        total = sum(math.exp(float(z[i] @ z[a]) / temperature) for a in range(n) if a != i)
        terms.append(
            -sum(math.log(math.exp(float(z[i] @ z[p]) / temperature) / total) for p in positives) / len(positives)
        )
    return sum(terms) / len(terms) if terms else 0.0


@pytest.mark.parametrize("temperature", [0.1, 0.5])
def test_equation_5(temperature):
    z = unit(8, 5)
    expected = slow(z, lambda i: [p for p in range(8) if LABELS[p] == LABELS[i]], temperature)
    assert float(supervised_info_nce(z, LABELS, temperature=temperature)) == pytest.approx(expected, rel=1e-5)
    with_positives = sum(int((label == LABELS).sum()) > 1 for label in LABELS)
    printed = supervised_info_nce(z, LABELS, temperature=temperature, reduction="sum")
    assert float(printed) == pytest.approx(expected * with_positives, rel=1e-5)


@pytest.mark.parametrize("positives", ["as_printed", "one_vs_rest", "one_vs_rest_own"])
def test_equation_6(positives):
    z = unit(5, 8, 2)  # five types, of which the last has no cell

    def of_space(k):
        def positives_of(i):
            if positives == "as_printed":
                return [p for p in range(8) if LABELS[p] == LABELS[i]]
            return [p for p in range(8) if (LABELS[p] == k) == (LABELS[i] == k)]

        anchors = [i for i in range(8) if LABELS[i] == k] if positives == "one_vs_rest_own" else None
        n_anchors = sum(any(p != i for p in positives_of(i)) for i in (anchors if anchors is not None else range(8)))
        return np.array([slow(z[k], positives_of, 0.5, anchors), n_anchors])

    means, counts = np.array([of_space(k) for k in range(5)]).T
    printed = multi_space_info_nce(z, LABELS, temperature=0.5, positives=positives, reduction="sum")
    assert float(printed) == pytest.approx((means * counts).sum(), rel=1e-5)
    expected = means.mean()
    found = multi_space_info_nce(z, LABELS, temperature=0.5, positives=positives)
    assert float(found) == pytest.approx(expected, rel=1e-5)


def test_by_hand():
    # two of one type at the same place, one of another opposite: log(1 + e^-2) for each of the two, the third has no
    # positive
    z = torch.tensor([[1.0, 0.0], [1.0, 0.0], [-1.0, 0.0]])
    loss = supervised_info_nce(z, torch.tensor([0, 0, 1]), temperature=1.0)
    assert float(loss) == pytest.approx(math.log(1 + math.exp(-2)))


def test_no_pairs_no_loss_and_no_nan():
    z = unit(3, 2).requires_grad_(True)
    loss = supervised_info_nce(z, torch.tensor([0, 1, 2]), temperature=0.1)
    loss.backward()
    assert float(loss.detach()) == 0.0
    assert torch.equal(z.grad, torch.zeros_like(z))
    alone = unit(1, 2).requires_grad_(True)
    supervised_info_nce(alone, torch.tensor([0]), temperature=0.1).backward()
    assert torch.isfinite(alone.grad).all()


def test_one_type_only():
    z = unit(1, 6, 2)
    labels = torch.zeros(6, dtype=torch.long)
    same = multi_space_info_nce(z, labels, temperature=0.5, positives="one_vs_rest")
    assert float(same) == pytest.approx(float(supervised_info_nce(z[0], labels, temperature=0.5)))


def test_every_map_gets_a_gradient_and_circles_have_unit_norm():
    torch.manual_seed(0)
    component = MlsComponent(6, 4, 2)
    inputs = torch.randn(8, 6)
    for positives in ("as_printed", "one_vs_rest", "one_vs_rest_own"):
        component.zero_grad()
        multi_space_info_nce(component.spaces(inputs), LABELS, temperature=0.5, positives=positives).backward()
        gradients = component.maps.weight.grad.view(4, 2, 6).abs().sum(dim=(1, 2))
        # a circle of a type with one cell has no own pairs
        assert (gradients[:3] > 0).all()
    assert torch.allclose(component.spaces(inputs).norm(dim=2), torch.ones(4, 8))
    together = component(inputs)
    assert together.shape == (8, 8)
    assert torch.allclose(together.view(8, 4, 2).transpose(0, 1), component.spaces(inputs))


@pytest.mark.parametrize("build", [lambda: MlsComponent(3, 4, 2), lambda: MlpComponent(3, 7, 5)])
def test_a_widened_component_is_the_same_function(build):
    torch.manual_seed(0)
    component, basis, origin = build(), torch.randn(10, 3), torch.randn(10)
    inputs = torch.randn(6, 10)
    before = component((inputs - origin) @ basis)
    component.widened(basis, origin)
    torch.testing.assert_close(component(inputs), before, rtol=1e-4, atol=1e-5)


def test_gradients_of_the_summed_similarities():
    from scapp.classify.components import supervised_info_nce as losses

    generator = torch.Generator().manual_seed(0)
    embeddings = torch.nn.functional.normalize(torch.randn(3, 7, 2, generator=generator, dtype=torch.float64), dim=2)
    embeddings.requires_grad_()
    assert torch.autograd.gradcheck(lambda e: losses._Total.apply(e, 0.4), (embeddings,))
    # as autograd has it, at an ordinary and at an extreme temperature
    for temperature in (0.5, 0.04, 0.01):
        ours = losses._log_total(embeddings, temperature)
        similar = embeddings @ embeddings.transpose(1, 2) / temperature
        plain = torch.logsumexp(similar.masked_fill(torch.eye(7, dtype=torch.bool), -torch.inf), dim=2)
        assert torch.allclose(ours, plain)
        (first,), (second,) = (
            torch.autograd.grad(value.sum(), embeddings, retain_graph=True) for value in (ours, plain)
        )
        assert torch.allclose(first, second)


def test_opposite_cells_at_the_least_safe_temperature():
    from scapp.classify.components import supervised_info_nce as losses

    embeddings = torch.tensor([[[1.0, 0.0], [-1.0, 0.0]]], requires_grad=True)
    found = losses._log_total(embeddings, losses.LEAST_SAFE)
    assert torch.allclose(found, torch.full((1, 2), -1 / losses.LEAST_SAFE), rtol=1e-3)
    found.sum().backward()
    assert torch.isfinite(embeddings.grad).all()
