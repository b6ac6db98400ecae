"""Figures of a run that was watched: right numbers, and empty states."""

import numpy as np
import pandas as pd
import pytest

from scapp.plotting.clear.replay import (
    NEGATIVE,
    POSITIVE,
    plot_agreement,
    plot_alignment,
    plot_one_cell,
    plot_replay,
    plot_similarities,
    plot_similarity_course,
    similarity_table,
)
from tests.pages.conftest import frame


def test_similarities_are_shares_of_pairs():
    table = similarity_table({"positive": np.array([0, 1, 0, 3]), "negative": np.zeros(4, dtype=int)})
    np.testing.assert_allclose(table["similarity"], [-0.75, -0.25, 0.25, 0.75])
    np.testing.assert_allclose(table[POSITIVE], [0, 25, 0, 75])
    assert (table[NEGATIVE] == 0).all()
    assert plot_similarities(None).layout.annotations[0].text.startswith("waiting")
    assert len(plot_similarities(frame(0)).data) == 2


def test_curves_skip_epochs_that_were_not_looked_at():
    rows = [{"epoch": 1}, {"epoch": 2, "alignment": 1.0, "uniformity": -2.0, "positive_similarity": 0.5}]
    rows[1]["negative_similarity"] = 0.1
    rows.append({"epoch": 3, "ari_epoch": 2, "ari": 0.4, "reference_ari": 0.6})
    curves = pd.DataFrame(rows)
    assert list(plot_alignment(curves).data[0].x) == [-2.0]
    assert [list(trace.y) for trace in plot_similarity_course(curves).data] == [[0.5], [0.1]]
    agreement = plot_agreement(curves)
    assert list(agreement.data[0].x) == [2]
    assert agreement.layout.shapes[0].y0 == 0.6
    for plot in (plot_alignment, plot_similarity_course, plot_agreement):
        assert plot(pd.DataFrame()).layout.annotations[0].text.startswith("waiting")


@pytest.mark.parametrize(
    "colour",
    [
        None,
        pd.Series(pd.Categorical(["a", None, "b"] * 50), name="type"),
        pd.Series(np.linspace(0, 1, 150), name="total"),
    ],
)
def test_a_replay_has_a_frame_and_a_stop_for_every_epoch(colour):
    figure = plot_replay([(0, frame(0)), (5, frame(5))], colour, {5: 4.25})
    assert [f.name for f in figure.frames] == ["0", "5"]
    assert [step.label for step in figure.layout.sliders[0].steps] == ["0", "5"]
    np.testing.assert_allclose(figure.frames[1].data[0].y, frame(5)["points"][:, 1])
    assert "4.250" in figure.frames[1].layout.title.text
    assert figure.layout.title.text == "before training"
    assert plot_replay([], colour, {}).layout.annotations[0].text == "no epoch was kept"


def test_one_cell_shows_positive_and_negatives():
    table = pd.DataFrame(
        {
            "cell": ["p", "n"],
            "kind": ["positive", "negative"],
            "similarity": [0.9, 0.1],
            "share of the softmax (%)": [90.0, 10.0],
        }
    )
    bars = plot_one_cell(table).data
    assert list(bars[0].x) == [0.9, 0.1]
    assert list(bars[1].x) == [90.0, 10.0]
    assert bars[0].marker.color[0] != bars[0].marker.color[1]
