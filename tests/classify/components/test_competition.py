"""Circles that compete: what they say, what they are trained on, and that training changes it."""

import numpy as np
import pytest
import torch
from sklearn.linear_model import Ridge

from scapp.classify.components.competition import Competition, calibrated_loss, lossy, start_of
from scapp.classify.components.contrastive import NEVER, SHARPNESS, CompetingComponent, claims, on_circles
from scapp.classify.components.ridge_start import PENALTIES, left_out_margins, ridge_margins


def data(n_cells=60, d=40, n_types=3, seed=0):
    rng = np.random.default_rng(seed)
    codes = rng.integers(0, n_types, n_cells)
    inputs = rng.normal(size=(n_cells, d))
    inputs[np.arange(n_cells), codes] += 1.5
    return inputs, codes


def test_left_out_margins_are_those_of_a_fit_without_the_cell():
    inputs, codes = data(n_cells=25, d=30)
    scale = inputs.var(axis=0).mean()
    asked = np.array([0, 7, 24, 7])
    points = np.concatenate([inputs[asked[:3]], inputs[[7]] + 0.3])
    found = left_out_margins(inputs, codes, points, asked, 3)
    assert len(found) == len(PENALTIES)
    for penalty, each in zip(PENALTIES, found, strict=True):
        for code in range(3):
            member = codes == code
            weight = np.where(member, 0.5 / member.sum(), 0.5 / (~member).sum())
            for row, cell in enumerate(asked):
                others = np.arange(25) != cell
                model = Ridge(alpha=penalty * scale, solver="cholesky")
                model.fit(inputs[others], 2.0 * member[others] - 1, sample_weight=weight[others])
                assert each.margins[row, code] == pytest.approx(float(model.predict(points[[row]])[0]), abs=2e-3)


def test_maps_are_those_of_the_ridge_that_validation_chooses():
    inputs, codes = data()
    valid, valid_codes = data(seed=1)
    maps, offsets = ridge_margins(inputs, codes, valid, valid_codes, 3)
    found = left_out_margins(inputs, codes, inputs[:3], np.arange(3), 3)
    assert any(np.allclose(each.maps, maps) and np.allclose(each.offsets, offsets) for each in found)


def test_the_start_is_the_penalty_that_names_left_out_cells_best():
    inputs, codes = data(n_cells=80)
    asked = np.arange(80)
    chosen = start_of(left_out_margins(inputs, codes, inputs, asked, 3), codes[asked])
    sharpness = torch.full((3,), float(np.log(SHARPNESS)))
    losses = [
        calibrated_loss(claims(torch.from_numpy(each.margins).float(), sharpness), torch.from_numpy(codes))
        for each in left_out_margins(inputs, codes, inputs, asked, 3)
    ]
    best = left_out_margins(inputs, codes, inputs, asked, 3)[int(np.argmin(losses))]
    assert np.array_equal(chosen.maps, best.maps)
    assert max(losses) > min(losses)


def test_in_sample_margins_hide_how_doubtful_new_cells_are():
    # more coordinates than cells, and labels that nothing tells: the least penalty learns them by heart
    rng = np.random.default_rng(0)
    inputs, codes = rng.normal(size=(40, 200)), np.arange(40) % 2
    least = left_out_margins(inputs, codes, inputs, np.arange(40), 2)[0]
    in_sample = inputs @ least.maps.T + least.offsets
    assert (in_sample.argmax(axis=1) == codes).all()
    assert (least.margins.argmax(axis=1) == codes).mean() < 0.75


def test_a_circle_is_a_gauge():
    points = on_circles(torch.tensor([[0.0, 1e6, -1e6, 1.0]]))[0]
    right = torch.tensor([[0.0, 1.0], [1.0, 0.0], [-1.0, 0.0], [0.5**0.5, 0.5**0.5]])
    assert torch.allclose(points, right, atol=1e-5)


def test_claims_by_hand():
    said = claims(torch.tensor([[3.0, -1.0]]), torch.tensor([2.0, 5.0]).log())
    assert torch.allclose(said, torch.tensor([[2 * 3 / 10**0.5, -5 / 2**0.5]]))


def test_what_was_learnt_is_folded_into_maps_without_changing_what_is_said():
    torch.manual_seed(0)
    inputs, codes = data()
    start = start_of(left_out_margins(inputs, codes, inputs, np.arange(60), 3), codes)
    maps, offsets = torch.from_numpy(start.maps).float(), torch.from_numpy(start.offsets).float()
    competition = Competition(3)
    with torch.no_grad():
        for parameter in competition.parameters():
            parameter.add_(0.3 * torch.randn(parameter.shape))
    component = CompetingComponent(40, 3)
    competition.folded_into(component, maps, offsets)
    x = torch.from_numpy(inputs).float()
    said = competition.logits(x @ maps.T + offsets)
    assert torch.allclose(component.logits(x), said, atol=1e-4)
    # the head says the same of the circles, and never a type without training cells
    head = component.head(torch.tensor([True, True, False]))
    assert torch.allclose(head(component(x))[:, :2], said[:, :2], atol=1e-4)
    assert (head(component(x))[:, 2] < NEVER / 2).all()
    widened = CompetingComponent(40, 3)
    widened.load_state_dict(component.state_dict())
    basis, origin = torch.randn(50, 40), torch.randn(50)
    genes = torch.randn(5, 50)
    before = component.logits((genes - origin) @ basis)
    widened.widened(basis, origin)
    assert torch.allclose(widened.logits(genes), before, atol=1e-3)


def test_a_type_with_one_cell_or_none_gives_numbers():
    inputs, codes = data()
    codes[0] = 3
    for each in left_out_margins(inputs, codes, inputs, np.arange(60), 5):
        assert np.isfinite(each.margins).all()
        assert np.isfinite(each.maps).all()


def test_calibrated_loss_does_not_depend_on_how_loudly_circles_speak():
    logits = torch.randn(200, 3, generator=torch.Generator().manual_seed(0))
    codes = torch.distributions.Categorical(logits=2 * logits).sample()
    quiet, loud = calibrated_loss(0.5 * logits, codes), calibrated_loss(3 * logits, codes)
    assert quiet == pytest.approx(loud, abs=2e-3)
    assert quiet < calibrated_loss(torch.zeros(200, 3), codes)


def test_copies_lose_counts_and_keep_their_total():
    counts = np.random.default_rng(0).poisson(1.0, (6, 4000)).astype(np.float32)
    profiles = torch.from_numpy(np.log1p(1e4 * counts / counts.sum(axis=1, keepdims=True)))
    copies = lossy(profiles, normalised=True, generator=torch.Generator().manual_seed(0))
    kept = ((copies > 0).sum(dim=1) / (profiles > 0).sum(dim=1)).numpy()
    assert ((kept > 0.17) & (kept < 0.93)).all()
    assert kept.std() > 0.05
    assert torch.allclose(copies.expm1().sum(dim=1), torch.full((6,), 1e4), rtol=1e-3)
    # what is left keeps its proportions
    left = (copies > 0).numpy()
    for cell in range(6):
        mine = counts[cell] * left[cell]
        assert np.allclose(copies[cell].numpy(), np.log1p(1e4 * mine / mine.sum()), atol=1e-3)
    raw = lossy(profiles, normalised=False, generator=torch.Generator().manual_seed(0))
    assert torch.allclose(raw[raw > 0], profiles[raw > 0], atol=1e-4)
    assert torch.equal(lossy(torch.zeros(2, 3), normalised=True, generator=torch.Generator()), torch.zeros(2, 3))
