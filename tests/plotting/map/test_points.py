"""Names of groups on a map, and several genes on the same map."""

import numpy as np
import pandas as pd

from scapp.plotting.map.points import plot_genes, plot_map

RNG = np.random.default_rng(0)


def test_a_name_stands_among_the_cells_of_its_group():
    # one group in two parts, the larger on the left; its median lies in the empty middle
    left, right = RNG.normal([0, 0], 0.2, (60, 2)), RNG.normal([10, 0], 0.2, (40, 2))
    one = RNG.normal([5, 5], 0.2, (30, 2))
    points = np.vstack([left, right, one])
    groups = pd.Series(pd.Categorical(["two"] * 100 + ["one"] * 30))
    names = {note.text: (note.x, note.y) for note in plot_map(points, groups, title="", names=True).layout.annotations}
    assert np.hypot(*names["two"]) < 0.5
    assert np.hypot(names["one"][0] - 5, names["one"][1] - 5) < 0.5
    alike = plot_map(np.zeros((3, 2)), groups[:3], title="", names=True).layout.annotations
    assert [(note.x, note.y) for note in alike] == [(0.0, 0.0)]


def test_genes_share_places_and_one_scale():
    points = RNG.normal(size=(20, 2))
    values = np.column_stack([np.arange(20.0), np.zeros(20), np.ones(20), np.ones(20)])
    figure = plot_genes(points, values, ["A", "<b>", "C", "D"])
    assert [note.text for note in figure.layout.annotations] == ["A", "&lt;b&gt;", "C", "D"]
    assert all(trace.marker.coloraxis == "coloraxis" for trace in figure.data)
    # the highest are drawn last, at their own places
    assert list(figure.data[0].marker.color) == sorted(values[:, 0])
    assert np.allclose(np.sort(figure.data[3].x), np.sort(points[:, 0]).astype(np.float32))
    assert {trace.xaxis for trace in figure.data} == {"x", "x2", "x3", "x4"}
    assert plot_genes(points, values[:, :0], []).layout.annotations[0].text.startswith("no cells")
