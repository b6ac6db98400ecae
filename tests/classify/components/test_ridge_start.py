"""Where circles start from, and what a component is worth to a head."""

import numpy as np
import pytest
import torch
from sklearn.linear_model import Ridge

from scapp.classify.components.contrastive import MlsComponent
from scapp.classify.components.ridge_start import PENALTIES, ridge_margins
from scapp.classify.linear_head import readout_loss


def data(n_cells=90, d=6, n_types=3, seed=0):
    rng = np.random.default_rng(seed)
    codes = np.sort(rng.integers(0, n_types, n_cells))
    inputs = rng.normal(size=(n_cells, d))
    inputs[np.arange(n_cells), codes] += 2.0
    return inputs, codes


def test_margins_are_scikit_learns_weighted_ridge():
    inputs, codes = data()
    valid, valid_codes = data(seed=1)
    maps, offsets = ridge_margins(inputs, codes, valid, valid_codes, 3)
    x, y = inputs, codes
    scale = x.var(axis=0).mean()
    found = []
    for penalty in PENALTIES:
        models = []
        for code in range(3):
            member = y == code
            weight = np.where(member, 0.5 / member.sum(), 0.5 / (~member).sum())
            models.append(Ridge(alpha=penalty * scale).fit(x, 2.0 * member - 1, sample_weight=weight))
        margins = np.stack([m.predict(valid) for m in models], axis=1)
        error = (margins - np.where(valid_codes[:, None] == np.arange(3), 1, -1)) ** 2
        member = valid_codes[:, None] == np.arange(3)
        found.append((np.mean([error[member].mean(), error[~member].mean()]), models))
    best = min(found, key=lambda pair: pair[0])[1]
    assert np.allclose(maps, [m.coef_ for m in best], atol=1e-4)
    assert np.allclose(offsets, [m.intercept_ for m in best], atol=1e-4)


def test_a_type_without_cells_has_no_margin_and_one_cell_is_enough():
    inputs, codes = data(n_types=2)
    codes[0] = 2
    maps, offsets = ridge_margins(inputs, codes, inputs, codes, 4)
    assert np.isfinite(maps).all()
    assert np.isfinite(offsets).all()
    assert np.abs(maps[3]).max() < 1e-6


def test_circles_begin_as_their_margins():
    inputs, codes = data()
    found = ridge_margins(inputs, codes, inputs, codes, 3)
    maps, offsets, inputs = (torch.from_numpy(values.astype(np.float32)) for values in (*found, inputs))
    component = MlsComponent(6, 3, 2)
    component.begin(maps, offsets)
    points = component.spaces(inputs)
    margins = (inputs @ maps.T + offsets).T
    assert torch.allclose(points[:, :, 0] / points[:, :, 1], margins, atol=1e-4)
    assert torch.allclose(points.norm(dim=2), torch.ones(3, 90), atol=1e-5)


def test_a_readout_tells_useful_from_useless():
    inputs, codes = data(n_cells=300)
    useful = readout_loss(inputs[::2], codes[::2], inputs[1::2], codes[1::2])
    noise = np.random.default_rng(0).normal(size=inputs.shape)
    useless = readout_loss(noise[::2], codes[::2], noise[1::2], codes[1::2])
    assert useful < 0.7
    assert useless == pytest.approx(np.log(3), abs=0.15)
    assert readout_loss(noise, np.zeros(300), noise, np.zeros(300)) == 0.0
    assert readout_loss(noise, codes, noise[:5], np.full(5, 7)) == 0.0
