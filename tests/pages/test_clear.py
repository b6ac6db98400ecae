"""Runs of a dataset: listed, compared, chosen; and another dataset opened from the sidebar."""

import json

import numpy as np

from scapp.clear.config import clear_config
from scapp.core import files, keys
from scapp.jobs.session import Session
from scapp.workspace.runs.run import Status
from tests.conftest import run_step
from tests.pages.conftest import TINY, button, runs, texts


def second_run(workspace, dataset):
    config = clear_config(**TINY, seed=3)
    run = runs(workspace).create(
        "clear", dataset=dataset.id, config=config.model_dump(mode="json"), title="Train CLEAR", lane="training"
    )
    session = Session(workspace.root, threads=1)
    session.run("clear", dataset, run_id=run.id, **config.model_dump())
    for epoch in (1, 2):
        files.append_json_line(
            run.folder / "metrics.jsonl",
            {
                "epoch": epoch,
                "epochs": 3,
                "loss": 3.0,
                "chance": 4.0,
                "accuracy": 0.2,
                "spread": 0.5,
                "learning_rate": 1.0,
                "cells_per_s": 9.0,
                "seconds": 1.0,
            },
        )
    run.set_status(Status(state="done", result=session.summary))
    return run


def test_runs_are_listed_and_one_is_chosen(app, workspace, trained, monkeypatch):
    # three epochs learn little, and such runs do not become X_clear by themselves
    monkeypatch.setattr("scapp.steps.clear.fault_of", lambda last: None)
    second = second_run(workspace, trained)
    at = app("clear", dataset=trained.id)
    table = next(frame.value for frame in at.dataframe if "is X_clear" in frame.value)
    assert len(table) == 2
    assert table.loc[table["run"] == second.status.result["representation"], "is X_clear"].item() == "yes"
    assert {"epochs", "seed", "loss", "spread"} <= set(table.columns)
    # train once more: now the second run is one of the others
    Session(workspace.root, threads=1).run(
        "clear", trained, run_id="20260101-000000-000000", **clear_config(**TINY, seed=8).model_dump()
    )
    at = app("clear", dataset=trained.id)
    chooser = next(s for s in at.selectbox if s.label == "Another run")
    chooser.set_value(second.id)
    at.run()
    button(at, "Use it as X_clear").click()
    at.run()
    assert not at.error
    done = workspace.open(trained.id)
    own = done.read(keys.representation(second.status.result["representation"]))
    np.testing.assert_array_equal(done.read(keys.representation("clear")), own)


def test_another_dataset_is_opened_from_the_sidebar(app, workspace, trained):
    copy = workspace.duplicate(trained.id, "the copy")
    at = app("map", dataset=trained.id)
    next(s for s in at.sidebar.selectbox if s.label == "Dataset").set_value(copy.id)
    at.run()
    assert "the copy" in texts(at)
    assert at.query_params["dataset"] in (copy.id, [copy.id])


def test_a_finished_run_is_replayed_and_taken_apart(app, workspace, trained):
    at = app("clear", dataset=trained.id)
    assert "Curves" in [tab.label for tab in at.tabs]
    run = runs(workspace).list(step="clear")[0]
    at.session_state[f"run.tab.{run.id}"] = "Replay by epoch"
    at.run()
    assert not at.error
    assert "press **Play**" in texts(at)
    at.session_state[f"run.tab.{run.id}"] = "One cell's loss"
    at.run()
    assert not at.error
    before = next(text for text in texts(at).split("\n") if text.startswith("At temperature"))
    next(s for s in at.slider if s.label == "Temperature").set_value(2.0)
    at.run()
    after = next(text for text in texts(at).split("\n") if text.startswith("At temperature 2 "))
    assert before != after
    next(s for s in at.select_slider if s.label == "Epoch").set_value(0)
    next(s for s in at.selectbox if s.label == "Cell").set_value(1)
    at.run()
    assert not at.error


def test_labels_are_compared_with_by_default_and_pca_wins_aloud(app, workspace, trained):
    at = app("clear", dataset=trained.id)
    button(at, "Train CLEAR").click()
    at.run()
    newest = runs(workspace).list(step="clear")[0]
    assert newest.config.config["label_key"] == "cell_type"
    found = {"label_key": "cell_type", "n_labels": 3, "ari": 0.4, "reference_ari": 0.9}
    result = runs(workspace).list(step="clear")[1].status.result
    newest.set_status(Status(state="done", result={**result, **found}))
    at = app("clear", dataset=trained.id)
    assert "PCA is better here" in texts(at)
    table = next(frame.value for frame in at.dataframe if "is X_clear" in frame.value)
    assert set(table["k-means ARI"].dropna()) == {0.4}


def test_what_to_expect_is_said_without_labels(app, workspace, trained):
    (run,) = runs(workspace).list(step="clear")
    result = {name: value for name, value in run.status.result.items() if name not in ("against_pca", "label_key")}
    run.set_status(Status(state="done", result=result))
    assert "are the same as in PCA" not in texts(app("clear", dataset=trained.id))  # a run of an earlier scapp
    for ours, tone in ((0.2, "markdown"), (0.099, "markdown"), (0.05, "warning")):
        compared = {"shared": 0.5, "n_cells": 150, "ours": ours, "theirs": 0.1, "n_unseen": 100}
        run.set_status(Status(state="done", result={**result, "against_pca": compared}))
        at = app("clear", dataset=trained.id)
        assert any("50% are the same as in PCA" in found.value for found in getattr(at, tone))
    assert "Known labels would say more" in texts(at)


def test_visible_batches_are_offered_and_chosen_with_one_click(app, workspace, prepared):
    at = app("clear", dataset=prepared.id)
    assert "of its own 'batch'" in texts(at).replace("\\", "")
    at.button(key="clear.offer").click().run()
    assert at.selectbox(key=f"clear.{prepared.id}.recommended.batch_key").value == "batch"
    assert not [b for b in at.button if b.key == "clear.offer"]
    button(at, "Train CLEAR").click().run()
    (run,) = runs(workspace).list(step="clear")
    assert run.config.config["batch_key"] == "batch"


def test_cells_are_placed_by_a_run_of_another_dataset(app, workspace, trained, imported):
    (run,) = runs(workspace).list(step="clear")
    other = workspace.duplicate(trained.id, "other")
    at = app("clear", dataset=trained.id)
    assert not [b for b in at.button if b.key == "apply.go"]  # its own run places nothing new
    at = app("clear", dataset=other.id)
    at.button(key="apply.go").click().run()
    assert not at.error, [error.value for error in at.error]
    (queued,) = runs(workspace).list(step="apply")
    assert (queued.config.dataset, queued.config.config["model"]) == (other.id, str(run.folder))


def test_placed_cells_are_shown_on_the_map_of_the_reference(app, workspace, trained, tmp_path):
    other = workspace.duplicate(trained.id, "other")
    at = app("clear", dataset=other.id)
    at.button(key="apply.go").click().run()
    (queued,) = runs(workspace).list(step="apply")
    config = queued.config.config
    assert config["onto"].endswith(trained.id)
    assert config["onto_map"] == "obsm/X_umap_clear"
    config = {**config, "model": str(tmp_path / "clear")}  # the run of the fixture keeps no model
    queued.set_status(Status(state="done", result=run_step(workspace, "apply", config, other.id, queued.folder)))
    at = app("clear", dataset=other.id)
    assert not at.exception
    assert "0.0% of the cells are farther from the reference's nearest cell" in texts(at)
    figure = json.loads(at.get("plotly_chart")[-1].proto.spec)
    assert [trace["name"] for trace in figure["data"]] == ["study · filtered (150)", "other (150)"]
    at.selectbox(key=f"placed.{other.id}").set_value("cell_type").run()
    assert not at.exception
    assert len(json.loads(at.get("plotly_chart")[-1].proto.spec)["data"]) == 4
