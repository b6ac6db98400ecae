"""Predictions beside what was measured, by hand."""

import numpy as np
import pytest

from scapp.teach import prepared
from scapp.teach.lesson import Choice, LossCurve, Number, Option, Place
from scapp.teach.predictions import compared, curve_epochs, measured, right_option

RUN = "too_strong.repaired"


def test_a_choice_by_its_position_and_by_what_was_measured():
    options = (Option(text="Mars"), Option(text="Venus", feedback="It is nearer."))
    asked = Choice(kind="choice", ask="?", options=options, right=0)
    assert compared(asked, 0).near
    wrong = compared(asked, 1)
    assert not wrong.near
    assert "Mars" in wrong.text
    assert "Venus" in wrong.text
    assert wrong.text.endswith("It is nearer.")
    facts = ("runs.collapse.wrong.spread", "runs.collapse.repaired.spread")
    options = tuple(Option(text=fact, fact=fact) for fact in facts)
    for right, place in (("highest", 1), ("lowest", 0)):
        assert right_option(Choice(kind="choice", ask="?", options=options, right=right)) == place


def test_a_number_in_its_unit():
    share = Number(kind="number", ask="?", fact="circles.wrong_of_all", unit="%", maximum=40)
    true = 100 * prepared.fact("circles.wrong_of_all")
    assert measured(share) == pytest.approx(true)
    # near: within a tenth of the slider, 4 points
    assert compared(share, true + 3.9).near
    assert compared(share, true - 3.9).near
    assert "too high" in compared(share, true + 4.1).text
    assert "too low" in compared(share, true - 4.1).text
    count = Number(kind="number", ask="?", fact="circles.by_type.CD34+.n_test", unit="cells", maximum=60)
    assert f"measured: **{prepared.fact('circles.by_type.CD34+.n_test')} cells**" in compared(count, 10).text


def test_a_curve_is_compared_where_it_was_drawn():
    assert curve_epochs(50) == [1, 5, 12, 25, 50]
    assert curve_epochs(3) == [1, 2, 3]
    run = prepared.run(RUN)
    asked = LossCurve(kind="loss", ask="?", run=RUN)
    drawn = [float(run.loss[epoch - 1]) for epoch in curve_epochs(len(run.loss))]
    same = compared(asked, drawn)
    assert same.near
    assert "0% of the chance level" in same.text
    shifted = compared(asked, [value + 0.2 * run.chance for value in drawn])
    assert not shifted.near
    assert "20% of the chance level" in shifted.text
    # a live run of another length takes the place of the prepared one
    live = np.linspace(6, 5, 20).tolist()
    assert "the run's at **5.00**" in compared(asked, [6.0, 6.0, 6.0, 5.5, 5.0], live).text


def test_a_place_by_the_types_around_it():
    types = prepared.labels("pbmc", "cell_type")
    cell = int(np.flatnonzero(types == "CD19+ B")[0])
    asked = Place(kind="place", ask="?", map="umap_pca", cell=cell)
    points = prepared.map_points("pbmc", "umap_pca")
    distances = ((points - points[cell]) ** 2).sum(axis=1)
    alike = (types[np.argsort(distances)[:15]] == "CD19+ B").sum()
    found = compared(asked, points[cell].tolist())
    assert found.near
    assert f"15 cells nearest to your mark {alike} are" in found.text
    far = points[int(np.flatnonzero(types == "CD14+ Monocyte")[0])]
    assert not compared(asked, far.tolist()).near
