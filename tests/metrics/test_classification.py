"""Classification metrics by hand, and where nothing can be known."""

import numpy as np
import pytest

from scapp.metrics.classification import expected_calibration_error, headline, per_type

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
