"""Analyse on the pages: begun, followed to the map, its steps changed."""

import pytest

from scapp.core import keys
from scapp.jobs.chains import chain
from scapp.jobs.chains.analyse import AnalyseConfig
from scapp.steps.config import ImportRequest
from scapp.workspace.runs.run import RunStore
from tests.jobs.chains.working import work
from tests.pages.conftest import button, runs, texts

QUICK = AnalyseConfig(train_clear=False, filter_cells=False)


def box(at, label, kind="selectbox"):
    return next(element for element in getattr(at, kind) if element.label == label)


@pytest.fixture
def analysed(app, workspace, study_file):
    """A finished analysis of the study; the last run of it."""
    first = chain.start_with_import(workspace.root, ImportRequest(path=str(study_file), name="study"), QUICK)
    work(workspace)
    return chain.analysis(workspace.root, first.id)


def test_an_example_is_analysed_with_one_press(app, workspace):
    at = app("home")
    next(b for b in at.button if b.key == "home.example.analyse.pbmc").click()
    at.run()
    (run,) = RunStore(workspace.root).list()
    assert run.config.part.stage == "import"
    assert at.session_state["analysis"] == run.id
    assert "Train CLEAR" in texts(at)  # what is to come is listed
    assert work(workspace, 3) == ["import", "prepare", "map_pca"]
    at.run()
    assert not at.exception
    assert not at.error
    opened = workspace.open(at.session_state["dataset"])
    assert keys.umap("pca") in opened
    assert box(at, "Colour by").value == "leiden_pca"
    assert work(workspace, 2) == ["markers_pca", "names_pca"]
    at.run()
    assert box(at, "Colour by").value == "suggested_leiden_pca"


def test_what_the_user_has_chosen_on_the_map_stays(app, workspace, study_file):
    first = chain.start_with_import(workspace.root, ImportRequest(path=str(study_file), name="study"), QUICK)
    work(workspace, 3)
    at = app("map", analysis=first.id)
    box(at, "Colour by").set_value("batch")
    at.run()
    work(workspace)
    at.run()
    assert not at.exception
    assert box(at, "Colour by").value == "batch"


def test_a_dataset_is_analysed_from_its_page_with_its_batches_ticked(app, workspace, imported):
    at = app("upload", dataset=imported.id)
    box(at, "Remove differences between the batches of 'batch'", "checkbox").check()
    at.run()
    next(b for b in at.button if b.key == "analyse.go").click()
    at.run()
    (run,) = RunStore(workspace.root).list()
    assert run.config.step == "prepare"
    assert run.config.part.choices["batch_key"] == "batch"
    # another press of a page that is drawn again starts nothing
    at.run()
    assert len(RunStore(workspace.root).list()) == 1


def test_steps_say_what_was_chosen_and_can_be_run_again(app, workspace, analysed):
    at = app("map", dataset=analysed.dataset)
    at.session_state["map.tab"] = "Steps"
    at.run()
    assert not at.exception
    assert not at.error
    shown = texts(at)
    assert "150 cells and 200 genes were read" in shown
    assert "Kept 150 of 150 cells (no filter)" in shown
    box(at, "Step").set_value("map_pca")
    at.run()
    # the settings of the map have one of the same name
    key = f"analyse.{analysed.done['map_pca'].run.id}.resolution"
    next(number for number in at.number_input if number.key == key).set_value(2.5)
    at.run()
    button(at, "Run again from here").click()
    at.run()
    newest = RunStore(workspace.root).list()[0]
    assert (newest.config.step, newest.config.config["resolution"]) == ("map", 2.5)
    assert work(workspace) == ["map_pca", "markers_pca", "names_pca"]


def test_a_step_that_failed_is_shown_with_its_reason(app, workspace, study_file):
    request = ImportRequest(path=str(study_file) + ".missing", name="study")
    first = chain.start_with_import(workspace.root, request, QUICK)
    work(workspace)
    at = app("map", analysis=first.id)
    assert at.error
    assert "Import failed" in at.error[0].value
    button(at, "Start again").click()
    at.run()
    assert RunStore(workspace.root).open(first.id).status.state == "queued"
    work(workspace)
    at.run()
    button(at, "Discard").click()
    at.run()
    assert RunStore(workspace.root).list() == []


def test_another_dataset_that_the_user_opens_is_not_taken_away(app, workspace, study_file):
    first = chain.start_with_import(workspace.root, ImportRequest(path=str(study_file), name="study"), QUICK)
    work(workspace, 3)
    at = app("map", analysis=first.id)
    made = at.session_state["dataset"]
    parent = workspace.open(made).manifest.parent.id
    box(at, "Dataset").set_value(parent)
    at.run()
    assert not at.exception
    assert at.session_state["dataset"] == parent
    assert "analysis" not in at.session_state


def test_a_dataset_that_was_deleted_is_not_followed(app, workspace, study_file):
    first = chain.start_with_import(workspace.root, ImportRequest(path=str(study_file), name="study"), QUICK)
    work(workspace, 3)
    for dataset in workspace.datasets():
        workspace.delete(dataset.id)
    at = app("map", analysis=first.id)
    assert not at.exception
    assert not at.error
    assert "No dataset is open" in texts(at)


def test_an_analysis_is_stopped_and_goes_on(app, workspace, study_file):
    first = chain.start_with_import(workspace.root, ImportRequest(path=str(study_file), name="study"), QUICK)
    work(workspace, 2)
    at = app("map", analysis=first.id)
    button(at, "Stop").click()
    at.run()
    assert work(workspace) == []
    at.run()
    button(at, "Continue").click()
    at.run()
    assert work(workspace) == ["map_pca", "markers_pca", "names_pca"]


def test_an_analysis_that_was_cut_off_between_two_steps_goes_on(app, workspace, analysed):
    store = runs(workspace)
    store.discard(analysed.done["names_pca"].run.id)
    at = app("map", dataset=analysed.dataset)
    assert any("was stopped after" in warning.value for warning in at.warning)
    button(at, "Continue").click()
    at.run()
    assert work(workspace) == ["names_pca"]


def test_an_unknown_analysis_in_the_address_is_nothing(app, workspace, prepared):
    at = app("map", analysis="20200101-000000-abcdef", dataset=prepared.id)
    assert not at.exception
    assert not at.error
    assert "analysis" not in at.session_state
