"""Figures of a study of conditions: what they draw, and that labels do not collide."""

import numpy as np
import pandas as pd
import pytest

from scapp.analysis.de.enrichment import running_sum
from scapp.analysis.de.gene_tables import strength
from scapp.plotting.de import volcano
from scapp.plotting.de.design_figures import condition_colours, plot_design, plot_share_points, plot_shares
from scapp.plotting.de.pathway_figures import plot_pathways, plot_running_sum, plot_scores
from scapp.plotting.de.volcano import means_by_sample, place_labels, plot_gene_samples, plot_ma, plot_volcano, sides

RNG = np.random.default_rng(0)


def genes(n=300):
    fold = RNG.normal(0, 1, n)
    p = np.clip(10 ** (-np.abs(fold) * RNG.uniform(0, 5, n)), 0, 1)
    table = pd.DataFrame(
        {
            "gene": [f"id{i}" for i in range(n)],
            "symbol": [f"GENE{i}" for i in range(n)],
            "log2_fold_change": fold,
            "p_value": p,
            "p_value_adjusted": p,
            "mean": RNG.lognormal(3, 1, n),
        }
    )
    return table.assign(strength=strength(table))


def test_every_tested_gene_is_a_point_on_its_side():
    table = genes()
    table.loc[0, ["p_value", "p_value_adjusted"]] = np.nan
    figure = plot_volcano(table, max_p=0.05, min_log2_fold=0.5)
    assert sum(len(trace.x) for trace in figure.data) == 299
    side = sides(table, max_p=0.05, min_log2_fold=0.5)
    up = next(trace for trace in figure.data if trace.name.startswith("up"))
    assert len(up.x) == (side == "up").sum() > 0
    assert min(up.x) >= 0.5
    ma = plot_ma(table, max_p=0.05, min_log2_fold=0.5)
    assert sum(len(trace.x) for trace in ma.data) == 300
    assert "no gene was tested" in plot_volcano(table.iloc[:0], max_p=0.05, min_log2_fold=0).layout.annotations[0].text


def test_points_carry_their_gene_for_clicks_and_chosen_genes_are_named():
    table = genes()
    chosen = table.sort_values("strength")["gene"].iloc[0]
    figure = plot_volcano(table, max_p=0.05, min_log2_fold=0.5, n_labels=5, chosen=[chosen])
    assert {row[0] for trace in figure.data if trace.customdata is not None for row in trace.customdata} == set(
        table["gene"]
    )
    named = [annotation.text for annotation in figure.layout.annotations]
    assert table.set_index("gene").loc[chosen, "symbol"] in named
    assert len(named) <= 5


def test_a_fold_change_without_end_stands_at_the_edge():
    table = genes(5)
    table.loc[0, "log2_fold_change"] = 34.0
    figure = plot_volcano(table, max_p=0.05, min_log2_fold=0.5)
    assert max(max(trace.x, default=0) for trace in figure.data) == volcano.WIDEST_FOLD


@pytest.mark.parametrize("spread", [5, 60, 300])
def test_labels_do_not_collide(spread):
    points = np.column_stack([RNG.normal(200, spread, 40), RNG.normal(200, spread, 40)])
    texts = [f"GENE{i}" for i in range(40)]
    boxes = []
    for (x, y), text, place in zip(points, texts, place_labels(points, texts), strict=True):
        if place is None:
            continue
        half = volcano.CHARACTER * len(text) / 2
        cx, cy = x + place[0], y + place[1]
        box = (cx - half, cy - volcano.LINE / 2, cx + half, cy + volcano.LINE / 2)
        for other in boxes:
            assert not (box[0] < other[2] and other[0] < box[2] and box[1] < other[3] and other[1] < box[3])
        boxes.append(box)
    assert boxes


def test_means_by_sample_against_a_loop():
    values, codes = RNG.normal(size=(30, 4)), RNG.integers(-1, 3, 30)
    found = means_by_sample(values, codes, 4)
    for sample in range(3):
        np.testing.assert_allclose(found[sample], values[codes == sample].mean(axis=0))
    assert np.isnan(found[3]).all()


def test_genes_by_donor_leaves_out_donors_without_cells_and_names_conditions():
    means = np.array([[0.0, 1], [2, 1], [np.nan, np.nan], [4, 1]])
    samples = pd.DataFrame({"sample": list("abcd"), "condition": ["x", "x", "y", "y"]})
    figure = plot_gene_samples(means, ["G1", "G2"], samples)
    assert list(figure.data[0].x) == ["a", "b", "d"]
    np.testing.assert_allclose(figure.data[0].z[0], (np.array([0, 2, 4]) - 2) / np.std([0, 2, 4]))
    assert list(figure.data[0].z[1]) == [0, 0, 0]
    assert {"<b>x</b>", "<b>y</b>"} <= {annotation.text for annotation in figure.layout.annotations}
    assert "choose genes" in plot_gene_samples(means[:, :0], [], samples).layout.annotations[0].text


def test_shares_and_designs():
    means = pd.DataFrame({"B": [0.25, 0.5], "T": [0.75, 0.5]}, index=["well", "ill"])
    figure = plot_shares(means, colours={"B": "#000000", "T": "#ffffff"})
    assert [list(trace.x) for trace in figure.data] == [[25, 50], [75, 50]]
    shares = pd.DataFrame(
        {
            "sample": list("abab"),
            "condition": ["x", "y", "x", "y"],
            "cell_type": list("BBTT"),
            "share": [0.0, 0.5, 1, 0.5],
        }
    )
    assert [len(trace.y) for trace in plot_share_points(shares, ["x", "y"]).data] == [2, 2]
    assert [len(trace.y) for trace in plot_share_points(shares, ["x", "y"], logarithmic=True).data] == [1, 2]
    table = pd.DataFrame([[0, 9], [99, 999]], index=["a", "b"], columns=["B", "T"])
    np.testing.assert_allclose(plot_design(table).data[0].z, [[0, 1], [2, 3]])
    assert "no cell" in plot_design(table.iloc[:0]).layout.annotations[0].text
    assert condition_colours(3)[0] != condition_colours(3)[2]
    assert len(set(condition_colours(30))) == 30


def test_scores_have_a_box_per_condition_and_a_point_per_donor():
    condition = pd.Categorical(["x"] * 10 + ["y"] * 10)
    donors = pd.DataFrame({"feature": "S", "sample": list("abc"), "condition": ["x", "x", "y"], "value": [1.0, 2, 3]})
    figure = plot_scores({"S": np.arange(20.0)}, condition, donors)
    boxes = [trace for trace in figure.data if trace.type == "box"]
    assert [trace.median[0] for trace in boxes] == [4.5, 14.5]
    points = [trace for trace in figure.data if trace.type == "scatter"]
    assert [sorted(trace.y) for trace in points] == [[1, 2], [3]]
    assert "choose gene sets" in plot_scores({}, condition, donors).layout.annotations[0].text


def test_pathways_point_up_and_down():
    table = pd.DataFrame(
        {
            "set": ["a", "b", "c"],
            "title": ["A", "B", "A"],
            "direction": ["up", "down", "up"],
            "n_genes": 9,
            "n_leading": 4,
            "normalised_score": [2.0, -1.5, 1.0],
            "p_value_adjusted": [0.01, 0.2, 0.04],
        }
    )
    figure = plot_pathways(table)
    assert list(figure.data[0].x) == [2.0, 1.0, -1.5]
    assert len(set(figure.data[0].y)) == 3
    assert list(figure.data[0].marker.opacity) == [1.0, 1.0, 0.35]
    over = plot_pathways(table.assign(normalised_score=np.nan))
    np.testing.assert_allclose(sorted(over.data[0].x), sorted([2.0, np.log10(0.2), -np.log10(0.04)]))
    assert "no set" in plot_pathways(table.iloc[:0]).layout.annotations[0].text


def test_the_running_sum_marks_the_genes_of_the_set():
    ranking = pd.Series(np.linspace(3, -3, 50), index=[f"g{i}" for i in range(50)])
    figure = plot_running_sum(running_sum(ranking, ["g1", "g4", "g30"]), "set", leading=["g1", "g4"])
    marks = {trace.name: len(trace.x) for trace in figure.data}
    assert marks["leading edge"] == 2
    assert marks["genes of the set"] == 1
    assert "no gene of this set" in plot_running_sum(running_sum(ranking, ["x"]), "set").layout.annotations[0].text
