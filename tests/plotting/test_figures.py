import numpy as np
import pandas as pd
import pytest

from scapp.plotting.clear.curves import curves_data, plot_curve, plot_loss, plot_view
from scapp.plotting.map.points import plot_map
from scapp.plotting.palette import palette
from scapp.plotting.qc import histogram_data, plot_counts_against_genes, plot_histogram

POINTS = np.array([[0.0, 0], [1, 1], [2, 0], [10, 10]])
GROUPS = pd.Series(pd.Categorical(["a", "b", "a", None]))


def test_palette_is_different_stable_and_hexadecimal():
    colours = palette(80)
    assert len(set(colours)) == 80
    assert all(len(c) == 7 and c[0] == "#" for c in colours)
    assert palette(5) == colours[:5]


# of a screen's linear red, green and blue, as people without the cones for red or green see them (Machado et al. 2009)
SEEN = {
    "all": np.eye(3),
    "protanopia": np.array(
        [[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216], [-0.003882, -0.048116, 1.051998]]
    ),
    "deuteranopia": np.array(
        [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413], [-0.011820, 0.042940, 0.968881]]
    ),
}


def linear(colours):
    rgb = np.array([[int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)] for colour in colours])
    return np.where(rgb <= 0.04045, rgb / 12.92, ((rgb + 0.055) / 1.055) ** 2.4)


def oklab(rgb):
    """Of linear RGB, 100 for white; equal distances look equally far (Ottosson 2020)."""
    cones = np.array(
        [
            [0.4122214708, 0.5363325363, 0.0514459929],
            [0.2119034982, 0.6806995451, 0.1073969566],
            [0.0883024619, 0.2817188376, 0.6299787005],
        ]
    )
    mixed = np.array(
        [
            [0.2104542553, 0.7936177850, -0.0040720468],
            [1.9779984951, -2.4285922050, 0.4505937099],
            [0.0259040371, 0.7827717662, -0.8086757660],
        ]
    )
    return 100 * np.cbrt(np.clip(rgb, 0, 1) @ cones.T) @ mixed.T


@pytest.mark.parametrize(("n_colours", "least"), [(3, 20), (8, 7.5), (12, 6), (20, 5)])
def test_colours_differ_in_colour_blind_eyes(n_colours, least):
    assert oklab(np.ones((1, 3)))[0] == pytest.approx([100, 0, 0], abs=1e-3)
    assert np.linalg.norm(np.diff(oklab(linear(["#3b82c4", "#8e6bbf"]) @ SEEN["deuteranopia"].T), axis=0)) < 6
    for seen, matrix in SEEN.items():
        places = oklab(linear(palette(n_colours)) @ matrix.T)
        distances = np.linalg.norm(places[:, None] - places[None], axis=2)[np.triu_indices(n_colours, 1)]
        assert distances.min() > least, seen


def test_colours_are_seen_on_light_and_dark_pages():
    luminance = linear(palette(20)) @ np.array([0.2126, 0.7152, 0.0722])
    assert (1.05 / (luminance + 0.05)).min() > 1.9
    assert ((luminance + 0.05) / 0.06).min() > 2.2


def test_histogram_counts_every_cell_once_and_pools_many_samples():
    values = np.arange(100.0)
    assert histogram_data(values).counts["all cells"].sum() == 100
    samples = pd.Series([f"s{i % 20}" for i in range(100)])
    counts = histogram_data(values, samples).counts
    assert sum(c.sum() for c in counts.values()) == 100
    assert len(counts) == 13
    assert "other samples" in counts


@pytest.mark.parametrize("high", [5, 61, 200, 4321])
def test_bins_of_whole_numbers_hold_as_many_of_them_each(high):
    values = np.arange(3, high + 1)
    found = histogram_data(values)
    counts = found.counts["all cells"]
    assert counts.sum() == len(values)
    assert len(counts) <= 62
    assert set(counts[:-2]) <= {counts[0]}  # no comb; the last bins may be cut short
    assert (found.edges % 1 == 0.5).all()


def test_bins_of_other_numbers_are_numpys():
    values = np.linspace(0, 1, 50)
    assert (histogram_data(values).edges == np.histogram_bin_edges(values, bins=60)).all()
    assert histogram_data(np.full(5, 7.0)).counts["all cells"].sum() == 5


def test_thresholds_are_drawn_inside_the_range_only():
    data = histogram_data(np.arange(100.0))
    assert len(plot_histogram(data, title="t", lower=10, upper=90).layout.shapes) == 4
    assert len(plot_histogram(data, title="t", lower=0, upper=None).layout.shapes) == 0
    assert plot_histogram(histogram_data(np.array([])), title="t").layout.annotations[0].text == "no cells"


def test_scatter_shows_kept_and_removed():
    figure = plot_counts_against_genes(np.arange(4), np.arange(4), None, np.array([True, False, False, False]))
    assert [len(trace.x) for trace in figure.data] == [3, 1]
    many = plot_counts_against_genes(np.arange(30_000), np.arange(30_000), np.ones(30_000), np.zeros(30_000, bool))
    assert len(many.data[0].x) == 20_000
    assert "20,000 of 30,000" in many.layout.title.text


def test_map_has_a_trace_per_category_and_missing_ones_apart():
    figure = plot_map(POINTS, GROUPS, title="kind")
    assert [trace.name for trace in figure.data] == ["not given (1)", "a (2)", "b (1)"]
    assert plot_map(np.empty((0, 2)), None, title="").layout.annotations[0].text == "no cells"


def test_high_values_are_drawn_last():
    figure = plot_map(POINTS, pd.Series([3.0, 1, np.nan, 2]), title="gene")
    assert [v for v in figure.data[0].marker.color if v == v] == [1, 2, 3]


def test_of_many_cells_some_are_drawn_and_the_figure_says_so(monkeypatch):
    monkeypatch.setattr("scapp.plotting.map.points.MOST_POINTS", 3)
    figure = plot_map(POINTS, GROUPS, title="kind")
    drawn = [(x, y) for trace in figure.data for x, y in zip(trace.x, trace.y, strict=True)]
    assert len(drawn) == 3
    assert set(drawn) < {tuple(point) for point in POINTS.astype(np.float32).tolist()}
    assert figure.layout.annotations[0].text == "3 of 4 cells, drawn at random"
    assert not plot_map(POINTS[:3], GROUPS[:3], title="kind").layout.annotations


def rows(n):
    return [
        {"epoch": i + 1, "loss": 1.0 / (i + 1), "chance": 2.0, "accuracy": 0.1, "spread": 0.5, "learning_rate": 1.0}
        for i in range(n)
    ]


def test_curves_count_a_repeated_epoch_once():
    table = curves_data([*rows(3), *rows(2)])
    assert table["epoch"].tolist() == [1, 2, 3]
    assert len(curves_data([])) == 0


def test_training_figures_with_and_without_rows():
    assert [t.name for t in plot_loss(curves_data(rows(3))).data] == ["loss (InfoNCE)", "chance"]
    assert len(plot_loss(curves_data([])).data) == 0
    assert len(plot_curve(curves_data(rows(3)), "spread", "spread", reference=1.0).layout.shapes) == 1
    assert len(plot_view(POINTS, GROUPS).data) == 3
    assert len(plot_view(POINTS, pd.Series([1.0, 2, 3, 4], name="x")).data) == 1
    assert len(plot_view(np.empty((0, 2)), None).data) == 0
