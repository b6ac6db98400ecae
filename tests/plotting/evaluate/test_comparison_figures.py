"""Figures of comparisons: what they draw."""

import numpy as np
import pandas as pd

from scapp.metrics.ordering import monotone_curve
from scapp.metrics.over_datasets import summary_over_datasets
from scapp.plotting.evaluate.map_pairs import plot_paga, plot_two_groupings
from scapp.plotting.evaluate.order_figures import (
    path_on_map,
    plot_order_against_stage,
    plot_orders,
    plot_trend,
    trend_data,
)
from scapp.plotting.evaluate.score_figures import plot_curves, plot_grid, plot_over_datasets, plot_scores

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


def test_the_order_is_drawn_by_stage_with_its_rising_curve():
    stages = pd.Categorical(["early", "late", "early", "late", None], ["early", "late"])
    times = {"A": np.array([0.0, 1, 0.2, 0.8, 0.5]), "B": np.full(5, np.nan)}
    curves = {method: monotone_curve(time, np.asarray(stages.codes)) for method, time in times.items()}
    figure = plot_order_against_stage(curves, stages)
    points, line = figure.data[:2]
    assert list(points.x) == [1, 2, 3, 4]
    assert list(points.text) == ["early", "early", "late", "late"]
    assert list(line.y) == [0, 0, 1, 1]
    assert list(figure.layout.yaxis.ticktext) == ["early", "late"]
    nothing = plot_order_against_stage({"B": curves["B"]}, stages)
    assert "no order" in nothing.layout.annotations[0].text


def test_the_path_on_the_map_follows_time():
    time = np.append(np.linspace(0, 1, 80), np.nan)
    points = np.column_stack([time, 2 - 3 * time])
    points[-1] = [50, 50]
    path = path_on_map(points, time)
    np.testing.assert_allclose(path[:, 1], 2 - 3 * path[:, 0], atol=1e-9)
    np.testing.assert_allclose(path[[0, -1], 0], [0, 1], atol=1e-9)
    figure = plot_paga(
        points, pd.Series(pd.Categorical(["a"] * 81), name="stage"), time, LINKS.iloc[:0], root=None, path=path
    )
    assert len(next(trace for trace in figure.data if trace.name == "path of time").x) == len(path)
    assert path_on_map(points[:2], time[:2]).shape == (0, 2)


LINKS = pd.DataFrame({"from": ["a", "a"], "to": ["b", "gone"], "connectivity": [0.5, 0.9]})
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
    time = np.array([0, 0.1, 0.9, 1, np.nan])
    figure = plot_paga(POINTS, STAGES, time, LINKS, root=0)
    lines = [trace for trace in figure.data if trace.mode == "lines"]
    assert [(list(line.x), list(line.y)) for line in lines] == [([1, 11], [0, 10])]
    assert lines[0].line.width == 4.5
    star = next(trace for trace in figure.data if trace.name == "root cell")
    assert (star.x[0], star.y[0]) == (0, 0)
    weak = plot_paga(POINTS, STAGES, time, LINKS.assign(connectivity=0.01), root=None)
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


def test_methods_over_datasets_stand_by_rank_and_a_line_follows_each_dataset():
    scores = pd.DataFrame({"A": [0.1, 0.2], "B": [0.9, 0.8]}, index=["x", "y"])
    figure = plot_over_datasets(scores, summary_over_datasets(scores), title="ARI")
    lines = {trace.name: list(trace.y) for trace in figure.data if trace.type == "scatter"}
    assert lines == {"x": [0.9, 0.1], "y": [0.8, 0.2]}
    boxes = [(trace.name, list(trace.y)) for trace in figure.data if trace.type == "box"]
    assert boxes == [("B", [0.9, 0.8]), ("A", [0.1, 0.2])]
    assert list(figure.layout.xaxis.ticktext) == ["B<br>mean rank 1.0", "A<br>mean rank 2.0"]
    nothing = plot_over_datasets(scores[:0], summary_over_datasets(scores[:0]), title="ARI")
    assert "no dataset" in nothing.layout.annotations[0].text


def test_a_grid_has_the_mean_over_seeds_and_frames_the_preset():
    rows = [(share, p, share * p + d) for share in (0.2, 0.1) for p in (0.5, 1.0) for d in (0.0, 0.2)]
    results = pd.DataFrame(rows, columns=["share", "probability", "ari"])
    figure = plot_grid(results, "ari", title="ARI", marked=(0.2, 0.5))
    np.testing.assert_allclose(figure.data[0].z, [[0.15, 0.2], [0.2, 0.3]])
    assert (list(figure.data[0].x), list(figure.data[0].y)) == (["0.1", "0.2"], ["0.5", "1"])
    frame = figure.layout.shapes[0]
    assert (frame.x0, frame.x1, frame.y0, frame.y1) == (0.5, 1.5, -0.5, 0.5)
    assert not plot_grid(results, "ari", title="ARI", marked=(0.3, 0.5)).layout.shapes
    assert "not defined" in plot_grid(results, "nmi", title="NMI").layout.annotations[0].text
