import numpy as np
import pandas as pd
import pytest

from scapp.plotting.map.marker_figures import expression_by_group, plot_dots, plot_heatmap, plot_violins, violin_outline
from scapp.plotting.map.rivers import plot_river, plot_sweep, river_data

VALUES = np.array([[1.0, 0], [3, 0], [0, 2], [0, 4], [9, 9]])
GROUPS = pd.Categorical(["a", "a", "b", "b", None], ["a", "b", "empty"])


def test_means_and_shares_by_hand():
    data = expression_by_group(VALUES, GROUPS, ["g1", "g2"]).set_index(["gene", "group"])
    assert data.loc[("g1", "a")].tolist() == [2, 1, 1]
    assert data.loc[("g1", "b")].tolist() == [0, 0, 0]
    assert data.loc[("g2", "b"), "mean"] == 3
    assert ("g1", "empty") not in data.index


def test_figures_hold_every_gene_and_group_and_empty_ones_say_why():
    data = expression_by_group(VALUES, GROUPS, ["g1", "g2"])
    assert len(plot_dots(data).data[0].x) == 4
    assert plot_heatmap(data).data[0].z.shape == (2, 2)
    assert len(plot_violins(VALUES, GROUPS, ["g1", "g2"]).data) == 4
    nothing = data.iloc[:0]
    for figure in (plot_dots(nothing), plot_heatmap(nothing), plot_violins(VALUES[:, :0], GROUPS, [])):
        assert "no marker genes" in figure.layout.annotations[0].text


def test_a_violin_is_widest_where_most_cells_are():
    grid = np.linspace(0, 4, 48)
    outline = violin_outline(np.array([1.0] * 50 + [3.0]), 4)
    assert abs(grid[outline.argmax()] - 1) < 0.1
    assert outline.max() == 1
    assert violin_outline(np.array([]), 4).sum() == 0
    assert np.isfinite(violin_outline(np.zeros(5), 1e-6)).all()


def test_names_of_a_river_stand_beside_their_groups():
    left = pd.Categorical(["a"] * 30 + ["b"] * 10)
    right = pd.Categorical(["x"] * 20 + ["y"] * 10 + ["<z>"] * 10)
    figure = plot_river(river_data(left, right), left="l", right="r", right_colours={"x": "#000001"})
    sankey = figure.data[0]
    assert set(sankey.node.customdata) == {"a", "b", "x", "y", "<z>"}
    inner = figure.layout.height - figure.layout.margin.t - figure.layout.margin.b
    scale = (inner - 2 * 10) / 40  # three groups on the right fill the height, two gaps of 10 pixels between them
    place = dict(zip(sankey.node.customdata, sankey.node.y, strict=True))
    assert place["x"] == pytest.approx(10 * scale / inner)
    top = 10 / 2  # the left side has one gap less, and stands in the middle
    assert place["a"] == pytest.approx((top + 15 * scale) / inner)
    assert place["b"] == pytest.approx((top + 30 * scale + 10 + 5 * scale) / inner)
    names = {note.text: note for note in figure.layout.annotations}
    assert names["a"].xanchor == "right"
    assert names["x"].xanchor == "left"
    assert names["a"].y == pytest.approx(1 - place["a"])
    assert "&lt;z&gt;" in names
    hues = dict(zip(sankey.node.customdata, sankey.node.color, strict=True))
    assert hues["x"] == "#000001"


def test_a_river_carries_every_cell_once():
    left = pd.Categorical(["0", "0", "1", None])
    right = pd.Categorical(["x", "y", "y", "y"])
    data = river_data(left, right)
    assert data["n_cells"].sum() == 4
    counts = {(row.left, row.right): row.n_cells for row in data.itertuples()}
    assert counts == {("0", "x"): 1, ("0", "y"): 1, ("1", "y"): 1, ("not given", "y"): 1}
    figure = plot_river(data, left="leiden", right="cell_type")
    assert sum(figure.data[0].link.value) == 4
    assert plot_river(data.iloc[:0], left="a", right="b").layout.annotations[0].text == "no cells"


def test_a_sweep_is_drawn_with_and_without_labels():
    table = pd.DataFrame({"resolution": [0.1, 1], "n_clusters": [2, 5], "ari_to_previous": [np.nan, 0.5]})
    assert len(plot_sweep(table).data) == 2
    assert len(plot_sweep(table.assign(ari_to_labels=0.4)).data) == 3
    assert plot_sweep(table.iloc[:0]).layout.annotations[0].text == "no sweep yet"
