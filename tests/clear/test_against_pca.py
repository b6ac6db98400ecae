"""What is expected of CLEAR without labels: the rule at its edges, and its sentences."""

import pytest

from scapp.clear.against_pca import RECORD, expectation, in_words
from scapp.metrics.neighbours_compared import NeighboursCompared


@pytest.mark.parametrize(
    ("shared", "ours", "theirs", "expected"),
    [
        (0.7, 0.11, 0.1, "closer"),
        (0.7, 0.1, 0.1, "closer"),
        (0.7, None, None, "closer"),
        (0.78, 0.2, 0.1, "equal"),
        (0.95, None, None, "equal"),
        (0.7, 0.095, 0.1, "equal"),  # the genes speak against it, and not loud enough
        (0.7, 0.08, 0.1, "worse"),
        (0.95, 0.08, 0.1, "worse"),
    ],
)
def test_the_rule(shared, ours, theirs, expected):
    found = NeighboursCompared(shared, 500, ours, theirs, 0 if ours is None else 400)
    assert expectation(found) == expected


def test_sentences_have_the_figures_and_the_record():
    expected, text = in_words({"shared": 0.712, "n_cells": 500, "ours": 0.1234, "theirs": 0.1, "n_unseen": 1000})
    assert expected == "closer"
    assert "71% are the same" in text
    assert "In 1,000 genes" in text
    assert "0.123 (PCA 0.100" in text
    assert RECORD["closer"] in text
    expected, text = in_words({"shared": 0.9, "n_cells": 500, "ours": None, "theirs": None, "n_unseen": 0})
    assert expected == "equal"
    assert "genes" not in text
    assert RECORD["equal"] in text
    expected, text = in_words({"shared": 0.3, "n_cells": 500, "ours": 0.01, "theirs": 0.1, "n_unseen": 500})
    assert expected == "worse"
    assert "use PCA" in text
