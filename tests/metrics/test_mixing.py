"""Scores of mixing: by hand, against a loop, in both directions, and where nothing can be said."""

import numpy as np
import pytest
from scipy import stats
from sklearn.metrics import adjusted_rand_score, silhouette_samples

from scapp.metrics.mixing import (
    ari_scores,
    asw_scores,
    clisi,
    harmonic,
    ilisi,
    kbet_acceptance,
    lisi,
    neighbours,
    shared_labels,
)

RNG = np.random.default_rng(0)
LABELS = np.repeat([0, 1, 2], 60)
BATCHES = np.tile([0, 1], 90)
BATCHES[LABELS == 2] = 1  # a type that one batch has
CENTRES = np.array([[0, 0], [12, 0], [0, 12.0]])


def cells(batch_shift=0.0, type_spread=1.0):
    where = CENTRES[LABELS] * type_spread + RNG.normal(0, 1, (180, 2))
    where[:, 0] += batch_shift * BATCHES
    return where


def test_only_labels_of_two_batches_can_be_mixed():
    assert np.array_equal(shared_labels(LABELS, BATCHES), LABELS < 2)
    assert not shared_labels(BATCHES, BATCHES).any()


def test_ari_scores_put_labels_and_batches_together():
    clusters = LABELS.copy()
    clusters[(LABELS == 0) & (BATCHES == 1)] = 3
    found = ari_scores(clusters, LABELS, BATCHES)
    shared = LABELS < 2
    assert found["cARI"] == pytest.approx(adjusted_rand_score(LABELS, clusters))
    assert found["1-bARI"] == pytest.approx(1 - adjusted_rand_score(BATCHES[shared], clusters[shared]))
    assert found["f1_ARI"] == pytest.approx(stats.hmean([found["cARI"], found["1-bARI"]]))
    perfect = ari_scores(LABELS, LABELS, BATCHES)
    assert perfect["cARI"] == 1
    assert perfect["1-bARI"] == pytest.approx(1, abs=0.02)
    by_batch = ari_scores(BATCHES, LABELS, BATCHES)
    assert by_batch["1-bARI"] == 0
    assert by_batch["f1_ARI"] == 0


def test_asw_scores_against_a_loop():
    where = cells(batch_shift=1.0)
    found = asw_scores(where, LABELS, BATCHES)
    assert found["cASW"] == pytest.approx((silhouette_samples(where, LABELS).mean() + 1) / 2)
    by_label = []
    for label in (0, 1):
        here = np.flatnonzero(label == LABELS)
        widths = []
        for cell in here:
            far = np.linalg.norm(where[here] - where[cell], axis=1)
            own = BATCHES[here] == BATCHES[cell]
            inside, outside = far[own].sum() / (own.sum() - 1), far[~own].mean()
            widths.append((outside - inside) / max(inside, outside))
        by_label.append(1 - np.mean(np.abs(widths)))
    assert found["1-bASW"] == pytest.approx(np.mean(by_label))


def test_a_batch_inside_another_is_not_mixed():
    """Widths of the inner batch are above 0 and of the outer below: their mean alone would say mixed."""
    one = np.zeros(400, dtype=int)
    inside = np.repeat([0, 1], 200)
    where = RNG.normal(0, 1, (400, 2)) * np.where(inside == 1, 8.0, 0.2)[:, None]
    widths = silhouette_samples(where, inside)
    found = asw_scores(where, one, inside)["1-bASW"]
    assert found == pytest.approx(1 - np.abs(widths).mean())
    assert found < 1 - abs(widths.mean()) - 0.2


def test_mixed_batches_score_higher_and_separated_types_too():
    mixed, apart = cells(), cells(batch_shift=30.0)
    blurred = cells(type_spread=0.05)
    graph = {name: neighbours(where, 30) for name, where in (("mixed", mixed), ("apart", apart), ("blurred", blurred))}
    assert asw_scores(mixed, LABELS, BATCHES)["1-bASW"] > asw_scores(apart, LABELS, BATCHES)["1-bASW"] + 0.3
    assert asw_scores(mixed, LABELS, BATCHES)["cASW"] > asw_scores(blurred, LABELS, BATCHES)["cASW"] + 0.2
    assert ilisi(*graph["mixed"], BATCHES) > ilisi(*graph["apart"], BATCHES) + 0.5
    assert clisi(*graph["mixed"], LABELS) > clisi(*graph["blurred"], LABELS) + 0.2
    even = np.tile([0, 1], 90)
    assert kbet_acceptance(graph["blurred"][0], even) > 0.8
    assert kbet_acceptance(neighbours(blurred + 30 * even[:, None], 30)[0], even) == 0


def test_lisi_by_hand():
    positions = np.array([[1, 2, 3], [0, 2, 3], [0, 1, 3], [0, 1, 2]])
    groups = np.array([0, 0, 1, 1])
    # equal distances: weights of a third each, whatever the perplexity
    found = lisi(positions, np.ones((4, 3)), groups, perplexity=3)
    np.testing.assert_allclose(found, 1 / (1 / 9 + 4 / 9))
    # one neighbour is everything
    alone = lisi(positions[:, :1], np.ones((4, 1)), groups)
    np.testing.assert_allclose(alone, 1)


def test_lisi_has_the_perplexity_that_was_asked_for():
    from scapp.metrics.mixing import _weights

    weights = _weights(np.sort(RNG.uniform(0, 5, (20, 90)), axis=1), 30)
    np.testing.assert_allclose(weights.sum(axis=1), 1)
    entropy = -(weights * np.log(weights)).sum(axis=1)
    np.testing.assert_allclose(np.exp(entropy), 30, rtol=1e-3)


def test_kbet_against_scipy():
    where = cells(batch_shift=0.5)
    positions, _ = neighbours(where, 20)
    share = np.bincount(BATCHES) / 180
    p = [stats.chisquare(np.bincount(BATCHES[row], minlength=2), share * 20).pvalue for row in positions]
    assert kbet_acceptance(positions, BATCHES) == pytest.approx(np.mean(np.array(p) >= 0.05))


def test_nothing_can_be_said_of_one_batch_one_type_or_one_cell():
    where, one = cells(), np.zeros(180, dtype=int)
    graph = neighbours(where, 30)
    assert np.isnan(ilisi(*graph, one))
    assert np.isnan(clisi(*graph, one))
    assert np.isnan(kbet_acceptance(graph[0], one))
    assert np.isnan(ari_scores(LABELS, LABELS, one)["f1_ARI"])
    assert np.isnan(asw_scores(where, LABELS, one)["1-bASW"])
    assert np.isnan(asw_scores(where, one, BATCHES)["cASW"])
    positions, distances = neighbours(where[:1])
    assert positions.shape == distances.shape == (1, 0)
    assert np.isnan(lisi(positions, distances, one[:1])).all()
    assert neighbours(where[:10])[0].shape == (10, 9)
    assert np.isnan(harmonic(np.nan, 1))
    assert harmonic(0, 0) == 0
