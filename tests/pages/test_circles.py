"""The Latent circles page."""

import numpy as np
import pandas as pd
import pytest

from scapp.classify.config import ClassifierConfig
from scapp.core import keys
from scapp.jobs.launch import discard
from scapp.jobs.session import Session
from scapp.pipelines.classifying import _separation
from scapp.plotting.circles import BINS, plot_circle, plot_rims, rim
from scapp.ui.explain import circle_in_words
from scapp.workspace.runs import Status
from tests.pages.conftest import runs, texts
from tests.pages.test_classification import QUICK, finished


@pytest.fixture
def circled(workspace, imported):
    config = ClassifierConfig.build({**QUICK, "steps": 60}).model_dump(mode="json")
    return finished_with_id(workspace, imported, config)


def finished_with_id(workspace, dataset, config):
    """A run whose id stands in the provenance of what it made, as the worker's does."""
    run = runs(workspace).create("classify", dataset=dataset.id, config=config, title="Train", lane="training")
    session = Session(workspace.root, threads=1)
    result = session.execute("classify", ClassifierConfig.build(config), dataset.id, run_id=run.id, folder=run.folder)
    run.set_status(Status(state="done", result=result))
    return workspace.open(dataset.id), run


def test_without_circles_the_way_to_them(app, workspace, imported):
    assert "no circles yet" in texts(app("latent_circles", dataset=imported.id))
    finished(workspace, imported, "classify", {**QUICK, "circle_dims": 4})
    assert "only two make a circle" in texts(app("latent_circles", dataset=imported.id))


def test_circles_are_ordered_by_separation_and_read_in_words(app, circled):
    dataset, _ = circled
    at = app("latent_circles", dataset=dataset.id)
    assert not at.error
    assert any(f"**A {kind} circle**: " in texts(at) for kind in ("good", "middling", "bad"))
    order = next(s for s in at.selectbox if s.label == "Order")
    first = next(s for s in at.selectbox if s.label == "Type").options
    order.set_value("worst separated first")
    at.run()
    assert not at.error
    assert sorted(next(s for s in at.selectbox if s.label == "Type").options) == sorted(first)
    next(s for s in at.selectbox if s.label == "Cells").set_value("all labelled cells")
    at.run()
    assert not at.error


def test_a_discarded_run_leaves_the_circles(app, workspace, circled):
    dataset, run = circled
    discard(workspace.root, run)
    at = app("latent_circles", dataset=dataset.id)
    assert not at.error
    assert "was discarded" in texts(at)


def test_rims_are_shares_by_angle():
    points = np.array([[1.0, 0.01], [1.0, 0.01], [0.0, 1.0], [-1.0, -0.01]])
    points /= np.linalg.norm(points, axis=1, keepdims=True)
    shares = rim(points)
    assert shares[0] == 50
    assert shares[BINS // 4] == 25
    assert shares[BINS // 2] == 25
    assert rim(np.empty((0, 2))).sum() == 0


def test_figures_show_the_type_against_all_others():
    rng = np.random.default_rng(0)
    circles = rng.normal(size=(30, 3, 2))
    circles /= np.linalg.norm(circles, axis=2, keepdims=True)
    codes = np.repeat([0, 1, 2], 10)
    figure = plot_rims(circles, codes, [2, 0], ["c", "a"])
    assert len(figure.data) == 4
    np.testing.assert_allclose(figure.data[1].customdata, rim(circles[codes == 2, 2]))
    one = plot_circle(circles[:, 1], codes, ["a", "b", "c"], 1)
    assert [len(trace.x) for trace in one.data] == [20, 10]
    assert set(one.data[0].text) == {"a", "c"}
    assert plot_rims(circles, codes, [], []).layout.annotations[0].text == "no types"


@pytest.mark.parametrize(
    ("separation", "said"),
    [(0.95, "good"), (0.7, "middling"), (0.2, "bad"), (np.nan, "no test cells"), (None, "no test cells")],
)
def test_a_circle_in_words(separation, said):
    assert said in circle_in_words("B cell", separation)


def test_separation_is_measured_on_test_cells(circled):
    dataset, run = circled
    table = pd.read_csv(run.folder / "types.csv")
    assert table["circle_auprc"].between(0, 1).all()
    # by hand: two types on opposite sides, one test cell each, in the right place and in the wrong one
    side = np.array([[1.0, 0.0], [1.0, 0.0], [-1.0, 0.0], [-1.0, 0.0]])
    circles = np.stack([side, -side], axis=1)
    labels = pd.Categorical(["a", "a", "b", "b"])
    assert _separation(circles, labels, np.array([1, 3])) == [1.0, 1.0]
    swapped = circles[[0, 3, 2, 1]]
    assert _separation(swapped, labels, np.array([1, 3])) == [0.5, 0.5]
    assert np.isnan(_separation(circles, labels, np.array([1]))).all()
    assert keys.MLS in dataset
