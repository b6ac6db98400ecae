"""What a step gives gets into the dataset, wherever the step worked, and is written once."""

import errno
import os
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from scapp.clear.config import clear_config
from scapp.core import keys
from scapp.core.errors import DataError
from scapp.jobs import launch
from scapp.jobs.session import Session
from scapp.steps.catalogue import step
from scapp.workspace.datasets.staging import SameAs, new_provenance
from tests.conftest import run_step

TINY = clear_config(hidden=16, dim=8, batch_size=32, epochs=2).model_dump()


@pytest.fixture
def another_file_system(workspace, monkeypatch):
    """Renames between the workspace and everywhere else fail, as between two file systems."""
    rename = os.replace

    def inside(path):
        return Path(path).resolve().is_relative_to(workspace.root.resolve())

    def refuse(source, target, **more):
        if inside(source) != inside(target):
            raise OSError(errno.EXDEV, "Invalid cross-device link")
        return rename(source, target, **more)

    monkeypatch.setattr(os, "replace", refuse)
    monkeypatch.setattr(os, "rename", refuse)


def test_steps_by_hand_work_where_the_temporary_folder_is_another_file_system(workspace, prepared, another_file_system):
    config = step("colours").config.build({"column": "cell_type", "colours": {"Type 1": "#112233"}})
    launch.run_now(workspace.root, "colours", config, prepared)
    assert workspace.open(prepared.id).read(keys.colours("cell_type"))[0] == "#112233"


def test_a_session_may_put_files_elsewhere_and_still_commit(workspace, prepared, tmp_path, another_file_system):
    pytest.importorskip("torch")
    session = Session(workspace.root, threads=1)
    data = session.run("clear", prepared, folder=tmp_path / "elsewhere", **TINY)
    assert keys.representation("clear") in data
    assert (tmp_path / "elsewhere" / "model.safetensors").exists()


def test_a_result_from_changed_input_is_kept_elsewhere_and_taken_from_there(workspace, prepared, another_file_system):
    old = dict.fromkeys([keys.obs("cell_type")], "of something else")
    place = workspace.root.parent / "kept"
    values = {keys.obs("made"): np.arange(150), keys.obs("also"): SameAs(keys.obs("made"))}
    from scapp.core.errors import StaleInputError

    with pytest.raises(StaleInputError):
        workspace.commit(prepared.id, values, provenance=new_provenance("test"), inputs=old, keep=place)
    assert keys.obs("made") not in workspace.open(prepared.id)
    done = workspace.adopt_kept(prepared.id, place)
    assert done.read(keys.obs("made")).tolist() == done.read(keys.obs("also")).tolist() == list(range(150))
    assert not place.exists()


def test_a_run_of_clear_stores_its_embedding_once(workspace, prepared, tmp_path):
    pytest.importorskip("torch")
    from scapp.steps.engine import Machine, execute

    folder = tmp_path / "clear"
    folder.mkdir()
    record = step("clear")
    before = len(list((prepared.folder / "elements").iterdir()))
    from scapp.core.step_context import QuietContext

    execute(
        record,
        record.config.build(TINY),
        QuietContext(),
        workspace=workspace,
        dataset_id=prepared.id,
        folder=folder,
        machine=Machine("cpu", 1),
        run_id="20260101-000000-abcdef",
    )
    done = workspace.open(prepared.id)
    own, chosen = done.slots[keys.representation("clear_abcdef")], done.slots[keys.representation("clear")]
    assert own.element == chosen.element
    # the embedding, and what stands beside what in it
    assert len(list((done.folder / "elements").iterdir())) == before + 2
    outputs = done.manifest.provenance[chosen.provenance].outputs
    assert outputs[keys.representation("clear")] == own.fingerprint


@pytest.mark.parametrize("fault", [None, "near chance"])
def test_a_training_that_has_learnt_nothing_does_not_take_the_place_of_another(
    workspace, prepared, tmp_path, monkeypatch, fault
):
    pytest.importorskip("torch")
    from scapp.core.step_context import QuietContext
    from scapp.steps import clear
    from scapp.steps.engine import Machine, execute

    monkeypatch.setattr(clear, "fault_of", lambda last: fault)
    chosen = []
    for number in (1, 2):
        folder = tmp_path / str(number)
        folder.mkdir()
        execute(
            step("clear"),
            step("clear").config.build({**TINY, "seed": number}),
            QuietContext(),
            workspace=workspace,
            dataset_id=prepared.id,
            folder=folder,
            machine=Machine("cpu", 1),
            run_id=f"20260101-000000-00000{number}",
        )
        done = workspace.open(prepared.id).slots
        own = done[keys.representation(f"clear_00000{number}")].fingerprint
        chosen.append(done[keys.representation("clear")].fingerprint == own)
    # the first is all there is; the second replaces it if it has learnt
    assert chosen == [True, fault is None]


def test_choosing_another_run_writes_nothing_and_takes_its_map_along(workspace, prepared, tmp_path):
    rng = np.random.default_rng(0)
    values = {keys.representation(name): rng.normal(size=(150, 4)).astype(np.float32) for name in ("clear", "clear_b")}
    workspace.commit(prepared.id, values, provenance=new_provenance("clear"))
    for name in ("clear", "clear_b"):
        run_step(workspace, "map", {"representation": name}, prepared.id, tmp_path / name)
    before = workspace.open(prepared.id)
    elements = set((before.folder / "elements").iterdir())
    assert before.slots[keys.umap()].element == before.slots[keys.umap("clear")].element
    launch.run_now(workspace.root, "choose", step("choose").config.build({"representation": "clear_b"}), before)
    done = workspace.open(prepared.id)
    assert set((done.folder / "elements").iterdir()) == elements
    for general, own in (
        (keys.umap(), keys.umap("clear_b")),
        (keys.clusters("leiden"), keys.clusters("leiden", "clear_b")),
    ):
        assert done.slots[general].element == done.slots[own].element
    # and back again: the slots get what they held
    choice = done.slots[keys.representation("clear")].provenance
    back = workspace.undo(prepared.id, choice)
    assert back.slots[keys.umap()].element == before.slots[keys.umap()].element


def test_a_map_of_pca_leaves_the_one_of_the_chosen_run(workspace, prepared, tmp_path):
    rng = np.random.default_rng(0)
    values = {keys.representation("clear"): rng.normal(size=(150, 4)).astype(np.float32)}
    run_step(workspace, "map", {"representation": "pca"}, prepared.id, tmp_path / "alone")
    alone = workspace.open(prepared.id)
    assert alone.slots[keys.umap()].element == alone.slots[keys.umap("pca")].element
    workspace.commit(prepared.id, values, provenance=new_provenance("clear"))
    for name in ("clear", "pca"):
        run_step(workspace, "map", {"representation": name, "resolution": 0.5}, prepared.id, tmp_path / name)
    run_step(workspace, "cluster", {"representation": "pca", "resolution": 2.0}, prepared.id, tmp_path / "cluster")
    done = workspace.open(prepared.id)
    assert done.slots[keys.umap()].element == done.slots[keys.umap("clear")].element
    assert done.slots[keys.clusters("leiden")].element == done.slots[keys.clusters("leiden", "clear")].element


def test_work_for_the_worker_is_not_done_in_the_page(workspace, prepared):
    with pytest.raises(ValueError, match="work for the worker"):
        launch.run_now(workspace.root, "map", step("map").config.build({"representation": "pca"}), prepared)


def test_cells_without_a_batch_are_no_batch(workspace, prepared, tmp_path):
    pytest.importorskip("torch")
    batches = pd.Categorical(np.where(np.arange(150) < 10, None, np.asarray(prepared.read(keys.obs("batch")), str)))
    workspace.commit(prepared.id, {keys.obs("partly"): batches}, provenance=new_provenance("import"))
    with pytest.raises(DataError, match="10 cells have no 'partly'"):
        run_step(workspace, "clear", {**TINY, "batch_key": "partly"}, prepared.id, tmp_path / "clear")


def test_a_step_records_what_it_read_and_what_came_of_it(workspace, imported, tmp_path):
    made = run_step(workspace, "prepare", {"min_genes": 0, "min_cells": 0, "n_pcs": 50}, imported.id, tmp_path / "p")
    record = list(workspace.open(made["dataset"]).manifest.provenance.values())[-1]
    assert record.inputs[keys.COUNTS] == imported.fingerprint(keys.COUNTS)
    # 200 genes and 2,000 asked for
    assert (record.config["n_top_genes"], record.result["n_highly_variable"]) == (2000, 200)
    assert record.result["normalised"] is True
