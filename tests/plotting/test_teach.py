"""Figures of lessons."""

import numpy as np
import pandas as pd

from scapp.plotting.circles import JITTER
from scapp.plotting.palette import palette
from scapp.plotting.teach import (
    Mark,
    Panel,
    plot_film,
    plot_gauge_film,
    plot_losses,
    plot_maps,
    plot_profile,
    plot_refusal,
    plot_unseen,
)

FRAMES = np.array([[[0.0, 0.1], [0.2, 0.3], [0.4, 0.5]], [[0.9, 0.8], [0.7, 0.6], [0.5, 0.4]]])
GROUPS = pd.Categorical(["b", "a", None], categories=["a", "b"])
CURVE = pd.DataFrame({"epoch": [1, 2], "loss": [5.0, 4.0], "chance": [6.0, 6.0]})


def test_a_loss_beside_its_prediction_and_chance():
    guess = pd.DataFrame({"epoch": [1, 2], "loss": [6.0, 1.0]})
    figure = plot_losses({"run": CURVE}, guess)
    assert [trace.name for trace in figure.data] == ["run", "predicted"]
    np.testing.assert_allclose(figure.data[1].y, [6, 1])
    assert [shape.y0 for shape in figure.layout.shapes] == [6]
    assert "waiting" in plot_losses({}).layout.annotations[0].text


def test_a_film_ends_where_the_run_did_and_plays_every_frame():
    figure = plot_film([Panel("left", FRAMES, GROUPS), Panel("right", FRAMES[:, ::-1], GROUPS)], [0, 50])
    np.testing.assert_allclose(figure.data[0].x, FRAMES[1, :, 0])
    assert list(figure.data[0].marker.color)[:2] == [palette(2)[1], palette(2)[0]]
    assert [frame.name for frame in figure.frames] == ["0", "50"]
    np.testing.assert_allclose(figure.frames[0].data[1].y, FRAMES[0, ::-1, 1])
    assert figure.frames[0].traces == (0, 1)
    assert figure.layout.sliders[0].active == 1
    assert [annotation.text for annotation in figure.layout.annotations] == ["left", "right"]


def test_a_gauge_shows_every_type_and_how_it_is_read():
    circles = FRAMES / np.linalg.norm(FRAMES, axis=-1, keepdims=True)
    figure = plot_gauge_film(circles, GROUPS, [0, 400])
    np.testing.assert_allclose(np.hypot(figure.data[0].x, figure.data[0].y), 1, atol=JITTER)
    assert list(figure.data[0].text)[:2] == ["b", "a"]
    assert figure.layout.sliders[0].currentvalue.prefix == "step "
    assert {"claims it", "neither"} <= {annotation.text for annotation in figure.layout.annotations}


def test_four_maps_stand_in_two_rows():
    figure = plot_maps([Panel(str(number), FRAMES, GROUPS) for number in range(4)])
    assert {trace.xaxis for trace in figure.data if trace.x[0] is not None} == {"x", "x2", "x3", "x4"}
    assert figure.layout.xaxis3.domain == figure.layout.xaxis.domain
    longer = pd.Categorical(["c", "d", "e"])
    legend = plot_maps([Panel("few", FRAMES, GROUPS), Panel("many", FRAMES, longer)]).data[-3:]
    assert [trace.name for trace in legend] == ["c", "d", "e"]


def test_maps_with_marks_and_to_be_clicked_on():
    panel = Panel("map", FRAMES, GROUPS)
    figure = plot_maps([panel, panel], [Mark("yours", (0.1, 0.2), "#ff0000")])
    assert figure.data[-1].name == "yours"
    assert sum(len(trace.x) for trace in figure.data if trace.xaxis == "x2" and trace.x[0] is not None) == 3
    grey = plot_maps([panel], choosable=True)
    assert list(grey.data[0].customdata) == ["0", "1", "2"]
    np.testing.assert_allclose(grey.data[0].x, FRAMES[1, :, 0])


def test_bars_and_lines_hold_their_tables():
    profile = pd.DataFrame({"gene": ["A", "B"], "this cell": [1.0, 0.0], "mean of all": [0.5, 0.25]})
    assert [list(trace.y) for trace in plot_profile(profile).data] == [[1, 0], [0.5, 0.25]]
    refused = pd.DataFrame({"threshold": [0, 0.5], "named (%)": [100, 60], "wrong (%)": [12, 5]})
    figure = plot_refusal(refused, 0.5)
    assert [list(trace.y) for trace in figure.data] == [[100, 60], [12, 5]]
    assert figure.layout.shapes[0].x0 == 0.5
    unseen = pd.DataFrame({"type": ["T"], "at least 0.5 (%)": [90.0], "at least 0.9 (%)": [70.0]})
    assert [list(trace.x) for trace in plot_unseen(unseen).data] == [[90], [70]]
