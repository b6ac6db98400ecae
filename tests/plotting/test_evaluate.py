"""Figures of comparisons: what they draw."""

import numpy as np
import pandas as pd

from scapp.plotting.evaluate import (
    plot_curves,
    plot_orders,
    plot_paga,
    plot_scores,
    plot_trend,
    plot_two_groupings,
    trend_data,
)

RESULTS = pd.DataFrame(
    {
        "title": ["A", "A", "B", "B"] * 2,
        "seed": [0, 1] * 4,
        "clusterer": ["k"] * 4 + ["l"] * 4,
        "ari": [0.1, 0.3, 0.5, 0.5, 1, 1, 0, np.nan],
        "level": [0.0, 0.5] * 4,
    }
)


def test_a_bar_at_the_mean_and_a_point_per_seed():
    figure = plot_scores(RESULTS, "ari", title="ARI")
    bars = [trace for trace in figure.data if trace.type == "bar"]
    assert [list(trace.y) for trace in bars] == [[0.2, 0.5], [1, 0]]
    points = [trace for trace in figure.data if trace.type == "box"]
    assert [len(trace.y) for trace in points] == [4, 3]
    assert "not defined" in plot_scores(RESULTS, "nothing", title="x").layout.annotations[0].text


def test_curves_have_a_band_over_seeds():
    figure = plot_curves(RESULTS, "level", "ari", x_title="x", y_title="y", percent=True)
    lines = {trace.name: list(trace.y) for trace in figure.data if trace.name}
    assert lines["A"] == [0.55, 0.65]
    assert list(figure.data[1].x) == [0, 50]
    assert list(figure.data[0].y) == [1, 1, 0.3, 0.1]
    assert (
        "nothing to draw"
        in plot_curves(RESULTS.iloc[:0], "level", "ari", x_title="", y_title="").layout.annotations[0].text
    )


def test_orders_leave_out_cells_without_stage_or_time():
    stages = pd.Categorical(["early", "late", None, "late"], ["early", "late"])
    figure = plot_orders(pd.DataFrame({"A": [0.0, 1, 0.5, np.nan]}), stages)
    assert list(figure.data[0].x) == ["early", "late"]
    assert list(figure.data[0].y) == [0, 1]
    assert "no order" in plot_orders(pd.DataFrame(index=range(4)), stages).layout.annotations[0].text


POINTS = np.array([[0.0, 0], [2, 0], [10, 10], [12, 10], [5, 5]])
STAGES = pd.Series(pd.Categorical(["a", "a", "b", "b", None], ["a", "b"]), name="stage")


def test_two_maps_of_the_same_cells():
    batches = pd.Series(pd.Categorical(list("xyxyx")), name="batch")
    figure = plot_two_groupings(POINTS, STAGES, batches, {"stage": ["#111111", "#222222"], "batch": None})
    left = [trace for trace in figure.data if trace.legend == "legend"]
    right = [trace for trace in figure.data if trace.legend == "legend2"]
    assert sum(len(trace.x) for trace in left) == sum(len(trace.x) for trace in right) == 5
    assert {trace.name: trace.marker.color for trace in left}["b (2)"] == "#222222"
    assert [note.text for note in figure.layout.annotations] == ["stage", "batch"]
    empty = plot_two_groupings(POINTS[:0], STAGES[:0], batches[:0], {})
    assert "no cells" in empty.layout.annotations[0].text


def test_stages_stand_at_the_median_of_their_cells_and_weak_links_are_left_out():
    links = pd.DataFrame({"from": ["a", "a"], "to": ["b", "gone"], "connectivity": [0.5, 0.9]})
    time = np.array([0, 0.1, 0.9, 1, np.nan])
    figure = plot_paga(POINTS, STAGES, time, links, root=0)
    lines = [trace for trace in figure.data if trace.mode == "lines"]
    assert [(list(line.x), list(line.y)) for line in lines] == [([1, 11], [0, 10])]
    assert lines[0].line.width == 4.5
    star = next(trace for trace in figure.data if trace.name == "root cell")
    assert (star.x[0], star.y[0]) == (0, 0)
    weak = plot_paga(POINTS, STAGES, time, links.assign(connectivity=0.01), root=None)
    assert not [trace for trace in weak.data if trace.mode == "lines" or trace.name == "root cell"]


def test_a_straight_trend_stays_straight_and_cells_without_time_do_not_count():
    time = np.append(np.linspace(0, 1, 50), np.nan)
    trend = trend_data(time, 3 * np.nan_to_num(time, nan=1e6) + 1)
    np.testing.assert_allclose(trend["expression"], 3 * trend["pseudotime"] + 1, atol=1e-9)
    figure = plot_trend({"A": trend}, ("A", time, time), "GENE")
    assert figure.layout.yaxis.title.text == "GENE"
    assert [trace.name for trace in figure.data] == ["cells, by A", "A"]
    nothing = trend_data(np.full(5, np.nan), np.ones(5))
    assert not len(nothing)
    assert "no order" in plot_trend({"A": nothing}, None, "GENE").layout.annotations[0].text
