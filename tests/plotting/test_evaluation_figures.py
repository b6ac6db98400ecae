"""Figures of comparisons: what they draw."""

import numpy as np
import pandas as pd

from scapp.plotting.evaluation import plot_curves, plot_orders, plot_scores

RESULTS = pd.DataFrame(
    {"title": ["A", "A", "B", "B"] * 2, "seed": [0, 1] * 4, "clusterer": ["k"] * 4 + ["l"] * 4, "ari": [0.1, 0.3, 0.5, 0.5, 1, 1, 0, np.nan], "level": [0.0, 0.5] * 4}
)  # fmt: skip


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
    assert "nothing to draw" in plot_curves(RESULTS.iloc[:0], "level", "ari", x_title="", y_title="").layout.annotations[0].text  # fmt: skip


def test_orders_leave_out_cells_without_stage_or_time():
    stages = pd.Categorical(["early", "late", None, "late"], ["early", "late"])
    figure = plot_orders(pd.DataFrame({"A": [0.0, 1, 0.5, np.nan]}), stages)
    assert list(figure.data[0].x) == ["early", "late"]
    assert list(figure.data[0].y) == [0, 1]
    assert "no order" in plot_orders(pd.DataFrame(index=range(4)), stages).layout.annotations[0].text
