"""What the preview shows, by hand."""

import numpy as np
import pytest

from scapp.clear.augment.augmentations import AUGMENTATIONS
from scapp.clear.augment.config import AugmentationConfig
from scapp.clear.augment.preview import Sample, as_much, certain, change, copies, enabled, nearest, stages, stronger

OFF = {f"{a.id}_probability": 0.0 for a in AUGMENTATIONS}


def only(**settings):
    return AugmentationConfig(**{**OFF, **settings})


@pytest.fixture
def sample():
    return Sample(np.random.default_rng(0).random((30, 40)).astype(np.float32) + 0.5)


def test_change_by_hand():
    found = change(np.array([0, 0, 1, 2.0]), np.array([0, 3, 1, 0.0]))
    assert (found.changed, found.added, found.lost) == (0.5, 0.25, 0.25)


def test_stages_are_what_happened_in_order(sample):
    config = only(mask_probability=1.0, mask_share=0.5, crossover_probability=1.0, crossover_share=1.0)
    found = stages(sample, 3, config, seed=0)
    assert [stage.id for stage in found] == ["mask", "crossover"]
    assert (found[0].profile == 0).sum() == 20
    # everything is taken from one other cell
    donors = (sample.profiles == found[1].profile).all(axis=1)
    assert donors.sum() == 1
    assert not donors[3]
    assert stages(sample, 3, only(), seed=0) == []


def test_scaled_genes_come_back_to_the_log_scale(sample):
    scaled = Sample(sample.profiles, scale=True)
    inputs = scaled.to_input(sample.profiles)
    np.testing.assert_allclose(inputs.mean(axis=0), 0, atol=1e-5)
    np.testing.assert_allclose(inputs.std(axis=0, ddof=1), 1, atol=1e-4)
    np.testing.assert_allclose(scaled.from_input(inputs), sample.profiles, atol=1e-5)
    (stage,) = stages(scaled, 0, only(mask_probability=1.0, mask_share=1.0), seed=0)
    np.testing.assert_allclose(stage.profile, sample.profiles.mean(axis=0), atol=1e-5)  # masked is average


def test_copies_are_of_their_cells(sample):
    profiles, of = copies(sample, [4, 7], 3, only(), seed=0)
    assert of.tolist() == [4, 4, 4, 7, 7, 7]
    np.testing.assert_array_equal(profiles, sample.profiles[of])
    masked, _ = copies(sample, [4], 50, only(dropout_probability=1.0, dropout_share=0.5), seed=0)
    assert len(np.unique(masked, axis=0)) == 50
    assert (masked == 0).mean() == pytest.approx(0.5, abs=0.05)


def test_thinning_uses_the_totals_of_the_cell():
    totals = np.array([1000.0, 2000.0], dtype=np.float32)
    counts = np.array([[5, 3, 0, 9], [40, 2, 7, 0]], dtype=np.float32)
    thin = Sample(np.log1p(counts / totals[:, None] * 1e4), totals=totals)
    profiles, of = copies(thin, [1], 30, only(thin_probability=1.0, thin_share=0.5), seed=0)
    kept = np.expm1(profiles) * 2000 * 0.5 / 1e4
    np.testing.assert_allclose(kept, kept.round(), atol=1e-2)
    assert (kept.round() <= counts[of]).all()


def test_strength_and_certainty():
    config = only(mask_probability=0.5, mask_share=0.3)
    assert enabled(config) == ["mask"]
    assert certain(config).mask_probability == 1
    assert certain(config).noise_probability == 0
    assert stronger(config, 2).mask_share == pytest.approx(0.6)
    assert stronger(config, 9).mask_share == 1
    assert stronger(config, 2).noise_sd == pytest.approx(2 * config.noise_sd)


def test_nearest_against_all_distances():
    rng = np.random.default_rng(0)
    points, reference = rng.random((300, 5)), rng.random((70, 5))
    distances = np.linalg.norm(points[:, None] - reference[None], axis=2)
    np.testing.assert_array_equal(nearest(points, reference, 3), distances.argsort(axis=1)[:, :3])


def test_as_much_restores_the_sum_and_leaves_nothing_alone():
    before = np.array([[1.0, 2, 3], [1, 1, 1]], dtype=np.float32)
    after = np.array([[0.0, 0, 3], [0, 0, 0]], dtype=np.float32)
    np.testing.assert_allclose(as_much(after, before), [[0, 0, 6], [0, 0, 0]])
