"""Classification metrics by hand, and where nothing can be known."""

import numpy as np
import pytest

from scapp.metrics.by_type import expected_calibration_error, headline, per_type

PROBABILITIES = np.array([[0.7, 0.2, 0.1, 0.0], [0.4, 0.3, 0.2, 0.1], [0.1, 0.2, 0.6, 0.1], [0.3, 0.1, 0.2, 0.4]])
CODES = np.array([0, 1, 2, 1])


def test_headline_by_hand():
    found = headline(CODES, PROBABILITIES)
    assert found["top1"] == 0.5
    assert found["top3"] == 0.75  # of the last cell, type 1 is the fourth
    # types 0: P 1/2 R 1; 1: 0; 2: 1; 3, which was said once: 0
    assert found["macro_f1"] == pytest.approx((2 / 3 + 0 + 1 + 0) / 4)
    assert found["n_test"] == 4


def test_types_by_hand():
    table = per_type(CODES, PROBABILITIES)
    assert table["n_test"].tolist() == [1, 2, 1, 0]
    assert table.loc[3].drop("n_test").isna().all()
    assert table.loc[0, "precision"] == 0.5
    assert table.loc[0, "recall"] == 1.0
    assert table.loc[0, "auprc"] == 1.0
    # type 1 has probabilities .2, .3, .2, .1 for truths 0, 1, 0, 1: precision 1 at recall .5, then 2/4 at recall 1
    assert table.loc[1, "auprc"] == pytest.approx(0.5 * 1 + 0.5 * 0.5)
    assert headline(CODES, PROBABILITIES)["mean_auprc"] == pytest.approx(table["auprc"].mean())


def test_nothing_is_known_without_cells_or_with_one_type():
    assert np.isnan(headline(np.empty(0, dtype=int), np.empty((0, 3)))["top1"])
    alone = per_type(np.zeros(3, dtype=int), np.ones((3, 1)))
    assert np.isnan(alone.loc[0, "auroc"])
    assert alone.loc[0, "f1"] == 1.0
    assert np.isnan(expected_calibration_error(np.empty(0, dtype=int), np.empty((0, 2))))


def test_calibration_by_hand():
    probabilities = np.array([[0.95, 0.05], [0.95, 0.05], [0.45, 0.55], [0.45, 0.55]])
    # the first pair is right half of the time at .95, the second always at .55
    assert expected_calibration_error(np.array([0, 1, 1, 1]), probabilities) == pytest.approx(0.5 * 0.45 + 0.5 * 0.45)


def test_calibration_bins_by_hand():
    from scapp.metrics.by_type import calibration

    codes = np.array([0, 0, 1, 1])
    probabilities = np.array([[0.9, 0.1], [0.85, 0.15], [0.6, 0.4], [0.3, 0.7]])
    table = calibration(codes, probabilities)
    assert table["n_cells"].tolist() == [1, 1, 1, 1] or table["n_cells"].sum() == 4
    by_low = table.set_index(table["low"].round(2))
    assert by_low.loc[0.8, "accuracy"] == 1
    assert by_low.loc[0.6, "accuracy"] == 0
    assert by_low.loc[0.6, "confidence"] == pytest.approx(0.6)
    error = (0.1 + 0.15 + 0.6 + 0.3) / 4
    assert expected_calibration_error(codes, probabilities) == pytest.approx(error)
    assert not len(calibration(codes[:0], probabilities[:0]))


def test_precision_and_recall_are_scikit_learns():
    from sklearn.metrics import average_precision_score

    from scapp.metrics.by_type import precision_recall

    rng = np.random.default_rng(0)
    truth, scores = rng.random(200) < 0.2, rng.random(200)
    table = precision_recall(truth, scores)
    assert table["recall"].is_monotonic_increasing
    area = float(np.sum(np.diff(table["recall"]) * table["precision"].to_numpy()[1:]))
    assert area == pytest.approx(average_precision_score(truth, scores))
    assert not len(precision_recall(np.zeros(5, dtype=bool), np.arange(5.0)))
