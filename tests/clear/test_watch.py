"""What is seen of a training: right numbers, and no change of what is learnt."""

import math

import numpy as np
import pandas as pd
import pytest
import torch
from sklearn.metrics import adjusted_rand_score

from scapp.clear.config import PRESETS, clear_config
from scapp.clear.info_nce import alignment, uniformity
from scapp.clear.train import train_clear
from scapp.clear.training.loop import Training
from scapp.clear.watch import BINS, MOST_FRAMES, Watch, _Agreement, principal_axes
from scapp.core.step_context import QuietContext
from scapp.data.config import PrepareConfig
from scapp.data.qc.preprocessing import normalise
from scapp.data.qc.principal_components import principal_components
from tests.clear.test_train import Recording

TINY = {"hidden": 16, "dim": 8, "batch_size": 32, "queue_size": 64, "epochs": 4}


@pytest.fixture(scope="module")
def values(study):
    return normalise(study.layers["counts"], 1e4)


@pytest.fixture
def always(monkeypatch):
    monkeypatch.setattr("scapp.clear.watch.TIME_SHARE", math.inf)


def test_alignment_and_uniformity_by_hand():
    first = torch.tensor([[1.0, 0.0], [0.0, 1.0], [-1.0, 0.0]])
    second = torch.tensor([[1.0, 0.0], [1.0, 0.0], [1.0, 0.0]])
    assert alignment(first, second) == pytest.approx((0 + 2 + 4) / 3)
    # squared distances of the three pairs: 2, 4, 2
    assert uniformity(first) == pytest.approx(math.log((2 * math.exp(-4) + math.exp(-8)) / 3))
    assert uniformity(second) == pytest.approx(0, abs=1e-6)
    assert uniformity(first[:1]) == 0.0


def test_watching_changes_nothing(values, monkeypatch, study, always):
    config = clear_config("recommended", **TINY)
    labels = pd.Categorical(study.obs["cell_type"])
    seen = train_clear(values, config, QuietContext(), labels=labels)
    monkeypatch.setattr(Training, "observe", lambda self, labels, reference: None)
    unseen = train_clear(values, config, QuietContext())
    np.testing.assert_array_equal(seen.embedding, unseen.embedding)


@pytest.mark.parametrize("preset", PRESETS)
def test_frames_hold_what_they_say(values, preset, always):
    context = Recording()
    train_clear(values, clear_config(preset, **TINY), context)
    assert sorted(context.frames) == [0, 1, 2, 3, 4]
    frame = context.frames[4]
    np.testing.assert_array_equal(frame["shown"], np.arange(150))
    assert frame["points"].shape == (150, 2)
    assert frame["positive"].shape == frame["negative"].shape == (BINS,)
    assert frame["positive"].sum() == 150
    assert frame["similar"].shape == (len(frame["anchors"]), len(frame["candidates"]))
    # neither the anchor nor its partner is a negative
    for row, anchor, partner in zip(frame["similar"], frame["anchors"], frame["partners"], strict=True):
        np.testing.assert_array_equal(np.isnan(row), np.isin(frame["candidates"], [anchor, partner]))
    shown = np.nan_to_num(frame["similar"])
    assert np.abs(shown).max() <= 1 + 1e-5
    assert set(context.rows[0]) >= {"alignment", "uniformity", "positive_similarity", "negative_similarity"}
    mean = frame["positive"] @ (np.arange(BINS) * 2 / BINS - 1 + 1 / BINS) / 150
    assert context.rows[-1]["positive_similarity"] == pytest.approx(mean, abs=1 / BINS)


def test_frames_are_few_and_turn_little(values):
    context = Recording()
    train_clear(values, clear_config("recommended", **{**TINY, "epochs": 3 * MOST_FRAMES}), context)
    assert 2 <= len(context.frames) <= MOST_FRAMES + 1
    assert {0, 3 * MOST_FRAMES} <= set(context.frames)


def test_agreement_with_labels_is_logged_beside_pca(values, study, always):
    labels = pd.Categorical(study.obs["cell_type"]).set_categories(["nobody", *study.obs["cell_type"].unique()])
    labels[:20] = np.nan
    pca = principal_components(values, np.ones(200, dtype=bool), PrepareConfig())
    context = Recording()
    config = clear_config("recommended", **{**TINY, "epochs": 25})
    result = train_clear(values, config, context, labels=labels, reference=pca)
    last = context.rows[-1]
    assert last["ari_epoch"] == 25
    assert last["ari"] > 0.5
    assert last["reference_ari"] > 0.8
    assert result.history[-1]["ari"] == last["ari"]
    measured = [row["ari_epoch"] for row in context.rows if "ari" in row]
    assert len(measured) > 1
    assert measured == sorted(measured)


def test_agreement_by_hand():
    codes = np.repeat([0, 1, -1], 20)
    labels = pd.Categorical.from_codes(codes, ["a", "b"])
    agreement = _Agreement(labels, np.arange(60), seed=0)
    apart = np.repeat([[0.0, 0.0], [9.0, 0.0], [4.5, 0.0]], 20, axis=0)
    apart += np.random.default_rng(0).normal(scale=0.1, size=apart.shape)
    assert agreement.of(apart) == 1.0
    # one cell of a and one of b change places: 38 of 40 are right
    apart[[0, 20]] = apart[[20, 0]]
    assert agreement.of(apart) == pytest.approx(adjusted_rand_score(codes[:40], np.r_[1, [0] * 19, 0, [1] * 19]))


def test_one_label_has_no_agreement(values):
    context = Recording()
    train_clear(values, clear_config("recommended", **TINY), context, labels=pd.Categorical(["a"] * 150))
    assert context.rows[-1]["ari"] == 0.0


def test_two_cells_can_be_watched(values):
    context = Recording()
    train_clear(values[:2], clear_config("recommended", **TINY), context)
    assert context.frames[4]["points"].shape == (2, 2)
    assert np.isfinite(context.frames[4]["points"]).all()


def test_principal_axes_are_those_of_the_decomposition():
    points = np.random.default_rng(0).normal(size=(30, 5)) * [5, 3, 1, 0.5, 0.1]
    found = principal_axes(points, 2)
    left, scale, _ = np.linalg.svd(points - points.mean(axis=0), full_matrices=False)
    np.testing.assert_allclose(np.abs(found), np.abs(left[:, :2] * scale[:2]), atol=1e-8)
    assert principal_axes(points[:, :1], 2).shape == (30, 2)


def test_a_slow_look_is_taken_less_often(values):
    training_epochs = 1000
    watch = Watch.__new__(Watch)
    watch.epochs, watch._next_epoch, watch._spent, watch._began = training_epochs, 10, 0.0, 0.0
    assert not watch.is_due(9)
    assert watch.is_due(10)
    watch._spent = math.inf
    assert not watch.is_due(10)
    assert watch.is_due(training_epochs)
