"""Intervals of AUPRC against scikit-learn with weights, and in degenerate cases."""

import numpy as np
import pytest
from sklearn.metrics import average_precision_score

from scapp.metrics.intervals import auprc_intervals, weighted_auprc


@pytest.mark.parametrize("ties", [False, True])
def test_weighted_auprc_is_scikit_learns(ties):
    rng = np.random.default_rng(0)
    truth, scores = rng.random(80) < 0.3, rng.random(80)
    if ties:
        scores = scores.round(1)
    weights = rng.multinomial(80, np.full(80, 1 / 80), size=5)
    expected = [average_precision_score(truth, scores, sample_weight=row) for row in weights]
    np.testing.assert_allclose(weighted_auprc(truth, scores, weights.astype(np.float32)), expected)


def test_no_true_cell_with_weight_has_no_auprc():
    assert np.isnan(weighted_auprc(np.array([True, False]), np.array([0.5, 0.4]), np.array([[0.0, 2.0]]))).all()


def slow_interval(truth, scores, draws):
    values = [average_precision_score(truth[cells], scores[cells]) for cells in draws if truth[cells].any()]
    return np.quantile(values, [0.025, 0.975])


def test_intervals_are_those_of_cells_drawn_one_by_one():
    rng = np.random.default_rng(1)
    codes = np.repeat([0, 1], [30, 70])
    scores = np.clip(rng.normal(0.35 + 0.2 * (codes == 0), 0.2), 0, 1)
    table = auprc_intervals(codes, np.column_stack([scores, 1 - scores]), n_resamples=4000)
    draws = rng.integers(0, 100, size=(4000, 100))
    for code, values in ((0, scores), (1, 1 - scores)):
        np.testing.assert_allclose(table.loc[code], slow_interval(codes == code, values, draws), atol=0.02)


def test_within_donors_a_donor_keeps_its_size():
    # the only cells of type 0 are donor a's: drawn within donors there are always two of four
    codes = np.array([0, 0, 1, 1, 1, 1])
    donors = np.array(["a", "a", "b", "b", "b", "b"])
    same = np.full((6, 2), 0.5)
    within = auprc_intervals(codes, same, donors)
    np.testing.assert_allclose(within.loc[0], [2 / 6, 2 / 6])  # all tied: the share of the type
    across = auprc_intervals(codes, same)
    assert across.loc[0, "auprc_low"] < 2 / 6 < across.loc[0, "auprc_high"]


def test_more_cells_narrow_the_interval():
    rng = np.random.default_rng(2)
    widths = []
    for n in (20, 500):
        codes = np.arange(n) % 2
        scores = rng.normal(codes, 1.0)
        table = auprc_intervals(codes, np.column_stack([-scores, scores]))
        widths.append(float((table["auprc_high"] - table["auprc_low"]).mean()))
    assert widths[1] < widths[0] / 2


def test_what_draws_tell_nothing_of_has_no_interval():
    codes = np.array([0, 1, 1, 1])
    table = auprc_intervals(codes, np.eye(3)[codes])
    assert table.loc[[0, 2]].isna().all(axis=None)  # one cell, and none
    np.testing.assert_allclose(table.loc[1], [1, 1])
    assert auprc_intervals(np.zeros(3, dtype=int), np.ones((3, 1))).isna().all(axis=None)  # nothing to tell apart
    assert auprc_intervals(np.zeros(0, dtype=int), np.zeros((0, 2))).isna().all(axis=None)
