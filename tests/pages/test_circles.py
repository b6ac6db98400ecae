"""The Latent circles page."""

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import average_precision_score

from scapp.classify.config import ClassifierConfig
from scapp.core import keys
from scapp.jobs.launch import discard
from scapp.jobs.run_context import RunContext
from scapp.jobs.session import Session
from scapp.plotting.circles import BINS, places_on, plot_circle, plot_course, plot_rims, rim
from scapp.steps.classify.fit_predict import _separation
from scapp.ui.circles.circle_page import _order
from scapp.ui.circles.words import circle_in_words, course, what_is_shown
from scapp.workspace.runs.run import Status
from scapp.workspace.runs.snapshots import read_snapshot, snapshot_numbers
from tests.pages.conftest import runs, texts
from tests.pages.test_classify import QUICK, finished


@pytest.fixture
def circled(workspace, imported):
    config = ClassifierConfig.build({**QUICK, "steps": 60, "test_share": 0.4}).model_dump(mode="json")
    return finished_with_id(workspace, imported, config)


def finished_with_id(workspace, dataset, config):
    """A run whose id stands in the provenance of what it made, as the worker's does."""
    run = runs(workspace).create("classify", dataset=dataset.id, config=config, title="Train", lane="training")
    session = Session(workspace.root, threads=1)
    context = RunContext(run)
    result = session.execute(
        "classify", ClassifierConfig.build(config), dataset.id, context=context, run_id=run.id, folder=run.folder
    )
    run.set_status(Status(state="done", result=result))
    return workspace.open(dataset.id), run


def test_without_circles_the_way_to_them(app, workspace, imported):
    assert "no circles yet" in texts(app("circles", dataset=imported.id))
    finished(workspace, imported, "classify", {**QUICK, "circle_dims": 4})
    assert "only two make a circle" in texts(app("circles", dataset=imported.id))


def test_circles_are_ordered_by_separation_and_read_in_words(app, circled):
    dataset, run = circled
    at = app("circles", dataset=dataset.id)
    assert not at.error
    table = pd.read_csv(run.folder / "types.csv").set_index("type")
    worth, n_test = table["circle_auprc"], table["n_test"]
    best_first = worth.sort_values(ascending=False, kind="stable").index.tolist()
    order = next(s for s in at.selectbox if s.label == "Order")
    chooser = next(s for s in at.selectbox if s.label == "Type")
    assert chooser.options == best_first
    assert what_is_shown(run.status.result["component_step"], "ridge") in texts(at)
    assert circle_in_words(chooser.value, worth[chooser.value], n_test[chooser.value]) in texts(at)
    order.set_value("worst separated first")
    at.run()
    assert not at.error
    worst_first = worth.sort_values(kind="stable").index.tolist()
    assert next(s for s in at.selectbox if s.label == "Type").options == worst_first
    next(s for s in at.selectbox if s.label == "Cells").set_value("all labelled cells")
    at.run()
    assert not at.error


def test_circles_that_compete_are_read_as_gauges(app, workspace, imported):
    changes = {"component": "competing", "start": "random", "steps": 60, "test_share": 0.4}
    config = ClassifierConfig.build({**QUICK, **changes}).model_dump(mode="json")
    dataset, run = finished_with_id(workspace, imported, config)
    points = np.asarray(workspace.open(dataset.id).read(keys.MLS)).reshape(dataset.n_cells, -1, 2)
    assert points[:, :, 1].min() >= 0
    at = app("circles", dataset=dataset.id)
    assert "like a gauge" in texts(at)
    kept = run.status.result["component_step"]
    assert kept > 0
    assert f"The last one, step {kept}, is the circle above" in texts(at)
    next(t for t in at.toggle if t.label == "Show the steps of training").set_value(True)
    at.run()
    assert not at.exception
    assert not at.error


def test_a_gauge_says_which_type_a_cell_looks_like():
    angles = np.linspace(0, np.pi, 8)
    circle = np.stack([np.cos(angles), np.sin(angles)], axis=1)
    codes, claimed_by = np.repeat([0, 1], 4), np.array([0, 0, 0, 1, 1, 1, 1, 1])
    figure = plot_circle(circle, codes, ["T", "B"], 0, claimed_by=claimed_by)
    assert figure.data[1].text.tolist() == ["T", "T", "T", "T; furthest right on the circle of B"]
    assert set(figure.data[0].text) == {"B"}
    said = [note.text for note in figure.layout.annotations]
    assert said == ["claims it", "gives it to others", "neither"]
    # the half below the line from pole to pole is left away
    assert figure.layout.yaxis.range[0] > -0.5
    assert not plot_circle(circle, codes, ["T", "B"], 0).layout.annotations


def test_a_course_says_how_it_ends():
    assert "none validated better" in course(40, "random")
    assert "from the start (chance)" in course(40, "random")
    assert "The circle above is the start" in course(0, "ridge")
    assert course(None, "ridge").endswith("validated.")


def test_examples_and_the_steps_of_training(app, circled):
    dataset, run = circled
    at = app("circles", dataset=dataset.id)
    assert "How to read them: examples of this data" in texts(at)
    steps = snapshot_numbers(run.folder)
    assert steps[0] == 0
    assert steps[-1] == 60
    kept = read_snapshot(run.folder, 60)
    assert kept["circles"].shape == (len(kept["cells"]), 3, 2)
    next(t for t in at.toggle if t.label == "Show the steps of training").set_value(True)
    at.run()
    assert not at.exception
    assert not at.error


def test_the_type_looked_at_on_classification_comes_first(app, circled):
    dataset, _ = circled
    at = app("circles", dataset=dataset.id)
    types = next(s for s in at.selectbox if s.label == "Type").options
    at.session_state[f"types.looked_at.{dataset.id}"] = [types[-1]]
    at.run()
    chosen = next(s for s in at.selectbox if s.label == "Type")
    assert chosen.options[chosen.index] == types[-1]


def test_the_course_has_a_frame_per_step():
    rng = np.random.default_rng(0)
    circles = rng.normal(size=(4, 20, 2))
    circles /= np.linalg.norm(circles, axis=2, keepdims=True)
    codes = np.repeat([0, 1], 10)
    figure = plot_course([0, 10, 20, 30], circles, codes, ["a", "b"], 1)
    assert [frame.name for frame in figure.frames] == ["0", "10", "20", "30"]
    # a little off the rim, but in the same direction
    drawn = np.stack([figure.frames[2].data[1].x, figure.frames[2].data[1].y], axis=1)
    drawn /= np.linalg.norm(drawn, axis=1, keepdims=True)
    np.testing.assert_allclose(drawn, circles[2, codes == 1], atol=1e-5)
    assert plot_course([], circles[:0], codes, ["a", "b"], 1).layout.annotations


def test_cells_drawn_around_are_shown_on_every_rim():
    rng = np.random.default_rng(1)
    circles = rng.normal(size=(30, 2, 2))
    circles /= np.linalg.norm(circles, axis=2, keepdims=True)
    codes, marked = np.repeat([0, 1], 15), np.arange(30) < 4
    figure = plot_rims(circles, codes, [0, 1], ["a", "b"], marked)
    assert len(figure.data) == 6
    np.testing.assert_allclose(figure.data[2].customdata, rim(circles[:4, 0]))
    shown, places = places_on(circles[:, 0])
    assert shown.tolist() == list(range(30))
    np.testing.assert_allclose(np.linalg.norm(places, axis=1), 1, atol=0.071)
    assert np.array_equal(places, places_on(circles[:, 0])[1])


def test_a_discarded_run_leaves_the_circles(app, workspace, circled):
    dataset, run = circled
    discard(workspace.root, run)
    at = app("circles", dataset=dataset.id)
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
    ("separation", "n_test", "said"),
    [
        (0.95, 50, "A good circle"),
        (0.7, 10, "A middling circle"),
        (0.2, 50, "A bad circle"),
        (1.0, 1, "1 test cell: **not enough to judge**"),
        (1.0, 5, "5 test cells: **not enough to judge**"),
        (np.nan, 0, "no test cells"),
    ],
)
def test_a_circle_in_words(separation, n_test, said):
    words = circle_in_words("B cell", separation, n_test)
    assert said in words
    assert ("good" in words) == (said == "A good circle")


@pytest.mark.parametrize(
    ("step", "start", "said"),
    [(0, "ridge", "the ridge regression"), (0, "random", "a random projection"), (40, "ridge", "**step 40**")],
)
def test_the_page_says_which_state_is_shown(step, start, said):
    assert said in what_is_shown(step, start)
    assert ("has done nothing" in what_is_shown(step, start)) == (step == 0)
    assert what_is_shown(None, start) == ""


def test_what_cannot_be_judged_is_neither_best_nor_an_example():
    separation, n_test = np.array([1.0, 0.7, 0.9, np.nan]), np.array([1, 20, 20, 0])
    types = ["one cell", "fair", "good", "none"]
    assert _order(types, separation, n_test, "best separated first") == [2, 1, 0, 3]
    assert _order(types, separation, n_test, "worst separated first") == [1, 2, 0, 3]
    assert _order(types, separation, n_test, "by name") == [1, 2, 3, 0]
    assert _order(types, None, None, "best separated first") == [1, 2, 3, 0]


def test_separation_is_measured_on_test_cells(circled):
    dataset, run = circled
    table = pd.read_csv(run.folder / "types.csv").set_index("type")["circle_auprc"]
    circles = np.asarray(dataset.read(keys.MLS)).reshape(dataset.n_cells, len(table), 2)
    labels = pd.Series(dataset.read(keys.obs("cell_type"))).astype(str).to_numpy()
    names = dataset.names(keys.OBS_NAMES)
    tested = names.isin(pd.read_csv(run.folder / "test_cells.csv")["cell"])
    for code, name in enumerate(table.index):
        direction = circles[(labels == name) & ~tested, code].mean(axis=0)
        closeness = circles[tested, code] @ direction
        assert table[name] == pytest.approx(average_precision_score(labels[tested] == name, closeness), abs=1e-6)
    # by hand: two types on opposite sides, one test cell each, in the right place and in the wrong one
    side = np.array([[1.0, 0.0], [1.0, 0.0], [-1.0, 0.0], [-1.0, 0.0]])
    circles = np.stack([side, -side], axis=1)
    labels = pd.Categorical(["a", "a", "b", "b"])
    assert _separation(circles, labels, np.array([1, 3])) == [1.0, 1.0]
    swapped = circles[[0, 3, 2, 1]]
    assert _separation(swapped, labels, np.array([1, 3])) == [0.5, 0.5]
    assert np.isnan(_separation(circles, labels, np.array([1]))).all()
    assert keys.MLS in dataset
