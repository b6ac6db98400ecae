"""Every page, empty and loaded, without a browser."""

import numpy as np
import pandas as pd
import pytest

from scapp.clear.config import clear_config
from scapp.core import keys
from scapp.steps.catalogue import step
from scapp.ui.kit.routing import PAGES, page_file
from scapp.workspace.datasets.staging import new_provenance
from scapp.workspace.runs.run import Failure, Status
from tests.conftest import run_step
from tests.pages.conftest import button, runs, texts


@pytest.mark.parametrize("page", PAGES, ids=lambda p: p.id)
def test_every_page_opens_empty_and_says_what_to_do(app, page):
    shown = texts(app(page.id))
    expected = {"home": "There are no datasets yet", "upload": "Pick an example", "teach": "**predict**"}
    assert expected.get(page.id, "No dataset is open").lower() in shown.lower()


@pytest.mark.parametrize("page", PAGES, ids=lambda p: p.id)
def test_every_page_opens_with_a_finished_dataset(app, page, trained):
    at = app(page.id, dataset=trained.id)
    assert not at.error, at.error[0].value
    assert "No dataset is open" not in texts(at)


@pytest.mark.parametrize("page", ["clear", "map"])
def test_an_unprepared_dataset_is_sent_to_qc(app, page, imported):
    assert "not normalised yet" in texts(app(page, dataset=imported.id))


@pytest.mark.parametrize("page", PAGES, ids=lambda p: p.id)
def test_a_deleted_or_invented_dataset_in_the_address_is_an_error_box(app, page):
    for id in ("0123456789abcdef", "../../etc"):
        at = app(page.id, dataset=id)
        assert "Open" in at.error[0].value


def test_an_example_is_queued_with_one_click(app, workspace):
    at = app("home")
    button(at, "Open this example").click()
    at.run()
    (run,) = runs(workspace).list()
    assert (run.config.step, run.config.config["example"]) == ("import", "pbmc")
    assert "light" in app.started


def test_an_upload_is_copied_and_queued_under_a_safe_name(app, workspace, study_file):
    at = app("upload")
    at.file_uploader[0].upload("../../my study.h5ad", study_file.read_bytes())
    at.run()
    button(at, "Import").click()
    at.run()
    (run,) = runs(workspace).list()
    path = run.config.config["path"]
    assert path.startswith(str(workspace.root / "uploads"))
    assert path.endswith("/my_study.h5ad")
    assert run.config.config["name"] == "my_study"


def test_a_path_outside_the_allowed_folders_is_refused(app, workspace, tmp_path, monkeypatch):
    monkeypatch.setenv("SCAPP_DATA_DIRS", str(tmp_path))
    at = app("home")
    # as typed: AppTest's boxes hold listed options alone
    at.session_state["path"] = "/etc/passwd"
    at.switch_page(str(page_file("upload")))
    at.run()
    assert "outside the folders" in at.error[0].value
    assert runs(workspace).list() == []


def test_thresholds_move_the_numbers_and_are_what_is_queued(app, workspace, imported):
    at = app("upload", dataset=imported.id)
    before = next(m.value for m in at.metric if m.label == "Cells after filtering")
    button(at, "Use suggested thresholds").click()
    at.run()
    after = next(m.value for m in at.metric if m.label == "Cells after filtering")
    assert (before, after != before) == ("150", True)
    button(at, "Filter and normalise").click()
    at.run()
    (run,) = runs(workspace).list(step="prepare")
    assert run.config.config["max_pct_mt"] is not None
    removed = step("prepare").config.build(run.config.config)
    metrics = imported.obs([keys.TOTAL_COUNTS, keys.N_GENES, keys.PCT_MT])
    from scapp.data.qc.thresholds import removal_table

    assert 150 - removal_table(metrics, removed).loc["any filter", "all cells"] == int(after)
    button(at, "Keep every cell").click()
    at.run()
    assert next(m.value for m in at.metric if m.label == "Cells after filtering") == "150"


def test_training_is_queued_with_the_form_and_named_in_the_address(app, workspace, prepared):
    at = app("clear", dataset=prepared.id)
    next(n for n in at.number_input if n.label == "Epochs").set_value(7)
    at.run()
    button(at, "Train CLEAR").click()
    at.run()
    (run,) = runs(workspace).list(step="clear")
    assert run.config.config["epochs"] == 7
    assert at.query_params["run"] in (run.id, [run.id])
    assert "training" in app.started


def test_presets_fill_the_form(app, prepared):
    at = app("clear", dataset=prepared.id)
    assert next(n.value for n in at.number_input if n.label == "Epochs") is None
    assert next(n.placeholder for n in at.number_input if n.label == "Epochs") == "automatic"
    next(c for c in at.segmented_control if c.label == "Preset").set_value("authors_code")
    at.run()
    assert next(n.value for n in at.number_input if n.label == "Epochs") == 100
    assert next(s.value for s in at.selectbox if s.label == "Optimizer") == "sgd"


def test_a_batch_column_that_is_the_condition_is_warned_of(app, workspace, prepared):
    at = app("clear", dataset=prepared.id)
    at.selectbox(key=f"clear.{prepared.id}.recommended.batch_key").set_value("batch")
    at.run()
    assert not any("may remove what the experiment is about" in warning.value for warning in at.warning)
    condition = np.where(
        np.asarray(prepared.read("obs/batch")) == prepared.read("obs/batch").categories[0], "ctrl", "stim"
    )
    workspace.commit(prepared.id, {"obs/condition": pd.Categorical(condition)}, provenance=new_provenance("test"))
    at = app("clear", dataset=prepared.id)
    at.selectbox(key=f"clear.{prepared.id}.recommended.batch_key").set_value("batch")
    at.run()
    assert any("may remove what the experiment is about" in warning.value for warning in at.warning)


@pytest.mark.parametrize(("state", "label"), [("failed", "Start again"), ("stopped", "Start again")])
def test_ended_runs_show_the_reason_and_a_way_on(app, workspace, prepared, state, label):
    run = runs(workspace).create(
        "clear",
        dataset=prepared.id,
        config=clear_config().model_dump(mode="json"),
        title="Train CLEAR",
        lane="training",
    )
    run.set_status(
        Status(
            state=state, error=Failure(message="The loss became nan.", hint="Lower it.") if state == "failed" else None
        )
    )
    (run.folder / "log.txt").write_text("details")
    at = app("clear", dataset=prepared.id)
    assert ("The loss became nan." in at.error[0].value) if state == "failed" else ("was stopped" in texts(at))
    assert at.code[0].value == "details"
    button(at, label).click()
    at.run()
    assert run.status.state == "queued"


def test_a_run_can_be_discarded(app, workspace, prepared):
    run = runs(workspace).create(
        "clear",
        dataset=prepared.id,
        config=clear_config().model_dump(mode="json"),
        title="Train CLEAR",
        lane="training",
    )
    run.set_status(Status(state="stopped"))
    at = app("clear", dataset=prepared.id)
    button(at, "Discard").click()
    at.run()
    assert runs(workspace).list() == []
    assert not at.exception


def test_datasets_are_renamed_duplicated_and_deleted_after_a_tick(app, workspace, imported):
    at = app("home")
    next(t for t in at.text_input if t.label == "Name").input("renamed")
    at.run()
    button(at, "Rename").click()
    at.run()
    assert workspace.open(imported.id).name == "renamed"
    button(at, "Duplicate").click()
    at.run()
    assert len(workspace.datasets()) == 2
    delete = next(b for b in at.button if b.key == f"delete.{imported.id}")
    assert delete.disabled
    next(c for c in at.checkbox if c.key == f"sure.{imported.id}").check()
    at.run()
    next(b for b in at.button if b.key == f"delete.{imported.id}").click()
    at.run()
    assert [d.name for d in workspace.datasets()] == ["renamed copy"]


def test_an_unexpected_error_shows_an_id_and_keeps_the_page(app, imported, monkeypatch):
    monkeypatch.setattr("scapp.ui.qc.filters.summary", lambda dataset: 1 / 0)
    at = app("upload", dataset=imported.id)
    assert "Something went wrong" in at.error[0].value
    assert "Your data are safe" in at.error[0].value
    assert "ZeroDivision" not in at.error[0].value


def test_home_opens_a_dataset_where_the_work_goes_on(app, imported, prepared):
    for dataset, title in ((imported, "Upload & QC"), (prepared, "Train CLEAR")):
        at = app("home")
        at.button(key=f"open.{dataset.id}").click().run()
        assert not at.error, [error.value for error in at.error]
        assert title in [title.value for title in at.title]
        assert at.query_params["dataset"] in (dataset.id, [dataset.id])


def test_home_says_what_each_dataset_takes_on_disk(app, imported, prepared):
    rows = [row.value for row in app("home").markdown if "on disk" in row.value]
    assert len(rows) == 2
    assert all("shared with other datasets" in row for row in rows)


def test_home_starts_an_example(app, workspace):
    at = app("home")
    at.button(key="home.example.simulated").click().run()
    assert not at.error, [error.value for error in at.error]
    assert "Upload & QC" in [title.value for title in at.title]
    (run,) = runs(workspace).list()
    assert run.config.config["example"] == "simulated"


def test_a_page_offers_its_data_in_one_menu(app, workspace, prepared, tmp_path):
    run_step(workspace, "map", {"representation": "pca"}, prepared.id, tmp_path / "map")
    run_step(workspace, "markers", {"groupby": "leiden_pca"}, prepared.id, tmp_path / "markers")
    at = app("map", dataset=prepared.id)
    at.session_state["map.tab"] = "Marker genes"
    at.run()
    labels = [b.label for b in at.get("download_button")]
    assert [label for label in labels if label.startswith("Markers")]
    assert all(label.endswith("(CSV)") for label in labels)
    assert len(labels) == len(set(labels))
    # the format of figures, and the page as Python
    assert "image_format" in [control.key for control in at.segmented_control]
    assert any('"markers"' in code.value for code in at.code)
