"""Figures of every step of every lesson, and the worksheet."""

import numpy as np
import pytest

from scapp.clear.augment.preview import Sample
from scapp.reports.lesson_figures import alike, augmentation_of, figure_of, refusal_table
from scapp.reports.worksheet import worksheet_html
from scapp.teach import prepared
from scapp.teach.lesson import Copies, Place, built_in
from scapp.teach.predictions import curve_epochs
from scapp.teach.work import Work

STEPS = [(lesson, step) for lesson in built_in() for step in lesson.steps]


def predicted_in(step):
    kind = step.prediction.kind
    if kind == "loss":
        return [6.0] * len(curve_epochs(len(prepared.run(step.prediction.run).loss)))
    return {"choice": 1, "number": 1.5, "place": [0.1, 0.2]}[kind]


@pytest.mark.parametrize(("lesson", "step"), STEPS, ids=[f"{lesson.id}.{step.id}" for lesson, step in STEPS])
def test_each_step_has_its_figure(lesson, step):
    for activity in (step.before, step.activity):
        if activity is None:
            continue
        shown = figure_of(activity, {}, step.prediction, predicted_in(step))
        if activity.kind == "training":
            assert shown is None
            continue
        assert len(shown.figure.data)
        assert shown.alt
        if isinstance(step.prediction, Place) and activity.kind == "maps":
            assert [trace.name for trace in shown.figure.data][-2:] == ["your mark", "the cell"]


def test_copies_by_hand():
    rng = np.random.default_rng(0)
    sample = Sample(rng.gamma(0.5, size=(30, 200)).astype(np.float32))
    nothing = Copies(kind="copies", settings={"dropout_probability": 0.0, **OFF})
    same, others = alike(sample, augmentation_of(nothing, {}))
    assert same == pytest.approx(1)
    slow = [
        np.corrcoef(a, b)[0, 1] for i, a in enumerate(sample.profiles) for j, b in enumerate(sample.profiles) if i != j
    ]
    assert others == pytest.approx(np.mean(slow), abs=1e-5)
    half = Copies(kind="copies", settings={"dropout_probability": 1.0, "dropout_share": 0.5, **OFF})
    assert others < alike(sample, augmentation_of(half, {}))[0] < 0.9
    # all genes lost: a constant has no correlation
    assert np.isnan(alike(sample, augmentation_of(half, {"dropout": 1.0}))[0])


OFF = {f"{name}_probability": 0.0 for name in ("mask", "noise", "swap", "crossover", "mixture")}


def test_refusal_by_hand():
    confidence, right = prepared.tested()
    row = refusal_table().set_index("threshold").loc[0.8]
    named = confidence >= 0.8
    assert row["named (%)"] == pytest.approx(100 * named.mean())
    assert row["wrong (%)"] == pytest.approx(100 * (~right[named]).mean())


def test_the_worksheet_has_what_was_done():
    lesson = built_in()[0]
    work = Work(name="Ada <script>")
    done = work.of("copies")
    done.predicted, done.revealed, done.answer, done.note = 1, True, 0, "notes & <b>more</b>"
    drawn = work.of("loss")
    drawn.predicted, drawn.revealed = [6.0, 5.0, 4.0, 3.0, 2.0], True
    page = worksheet_html(lesson, work, {"loss": np.linspace(6, 5, 50).tolist()})
    assert "Ada &lt;script&gt;" in page
    assert "notes &amp; &lt;b&gt;more&lt;/b&gt;" in page
    assert "You predicted: the copies of two different cells." in page
    assert "the run&#x27;s at <b>5.00</b>" in page
    assert "Not quite." in page
    assert page.count("No prediction was made.") == len(lesson.steps) - 2
    assert page.count("class='step'") == len(lesson.steps)
    # a figure where something was seen
    assert page.count("Plotly.newPlot") >= 2
    empty = worksheet_html(lesson, Work(), {})
    assert "______" in empty
