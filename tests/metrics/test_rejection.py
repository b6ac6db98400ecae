"""Thresholds against a slow search, their promise on new cells, and by hand."""

import numpy as np
import pytest

from scapp.metrics.rejection import among_named, threshold_for


def slow_threshold(confidence, right, most_wrong):
    fit = [
        t
        for t in np.unique(confidence)
        if ((~right[confidence >= t]).sum() + 1) / ((confidence >= t).sum() + 1) <= most_wrong
    ]
    return min(fit) if fit else None


@pytest.mark.parametrize("seed", range(5))
def test_it_is_the_lowest_that_keeps_the_promise(seed):
    rng = np.random.default_rng(seed)
    confidence = rng.uniform(0.3, 1, 200).round(2)  # with ties
    right = rng.random(200) < confidence
    for most_wrong in (0.01, 0.1, 0.3):
        assert threshold_for(confidence, right, most_wrong) == slow_threshold(confidence, right, most_wrong)


def test_few_cells_promise_nothing():
    assert threshold_for(np.full(18, 0.9), np.ones(18, dtype=bool), 0.05) is None
    assert threshold_for(np.full(19, 0.9), np.ones(19, dtype=bool), 0.05) == 0.9
    assert threshold_for(np.full(50, 0.9), np.zeros(50, dtype=bool), 0.05) is None
    assert threshold_for(np.zeros(0), np.zeros(0, dtype=bool), 0.05) is None


def test_new_cells_keep_the_promise_in_the_mean():
    rng = np.random.default_rng(0)
    errors = []
    for _ in range(300):
        confidence = rng.uniform(0.5, 1, 400)
        right = rng.random(400) < confidence
        threshold = threshold_for(confidence[:200], right[:200], 0.1)
        if threshold is not None:
            errors.append(among_named(confidence[200:], right[200:], threshold)["wrong"])
    assert len(errors) > 100
    assert np.nanmean(errors) < 0.1


def test_among_those_named_by_hand():
    confidence, right = np.array([0.9, 0.8, 0.7, 0.2]), np.array([True, True, False, False])
    found = among_named(confidence, right, 0.7)
    assert (found["n_named"], found["share_named"], found["wrong"]) == (3, 0.75, pytest.approx(1 / 3))
    # Wilson's interval of 1 of 3 at z = 1.96
    assert (found["wrong_low"], found["wrong_high"]) == pytest.approx((0.0615, 0.7923), abs=1e-3)
    assert np.isnan(among_named(confidence, right, 0.95)["wrong"])
    assert np.isnan(among_named(np.zeros(0), np.zeros(0, dtype=bool), 0.5)["share_named"])
