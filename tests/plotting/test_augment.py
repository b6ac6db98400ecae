"""Figures of augmented cells."""

import numpy as np
import pandas as pd

from scapp.plotting.augment import plot_before_after, plot_copies, plot_same_type, plot_top_genes, profile_table

BEFORE, AFTER = np.array([0.0, 1, 2, 3, 0]), np.array([0.0, 1, 0, 4, 5])


def test_what_happened_to_each_gene():
    table = profile_table(BEFORE, AFTER, list("abcde"))
    assert table["what happened"].tolist() == ["unchanged", "unchanged", "lost", "changed", "added"]


def test_top_genes_are_the_strongest_before():
    figure = plot_top_genes(profile_table(BEFORE, AFTER, list("abcde")), n_genes=3)
    assert list(figure.data[0].x) == ["d", "c", "b"]
    assert list(figure.data[1].y) == [4, 0, 1]
    assert list(figure.data[-1].x) == ["c"]  # crossed out


def test_every_gene_is_in_the_scatter():
    figure = plot_before_after(profile_table(BEFORE, AFTER, list("abcde")))
    assert sum(len(trace.x) for trace in figure.data) == 5
    assert figure.layout.xaxis.title.text == "before"


def test_copies_are_drawn_with_their_cell():
    points = np.random.default_rng(0).random((50, 2))
    figure = plot_copies(points, points[:6], np.repeat([0, 1], 3), points[:2], ["B", "T"], axes="UMAP")
    assert [len(trace.x) for trace in figure.data] == [50, 3, 1, 3, 1]


def test_same_type_has_chance_and_these_settings():
    table = pd.DataFrame({"strength": [0, 1.0, 2], "same type (%)": [90.0, 50, 20]})
    figure = plot_same_type(table, 15.0)
    assert len(figure.layout.shapes) == 2
    assert list(figure.data[0].y) == [90, 50, 20]
