import random
import signal
import subprocess
import sys
import time
from datetime import timedelta

import numpy as np
import pandas as pd
import pytest
from scipy import sparse

from scapp.core import files, keys
from scapp.core.errors import ConfigError, DataError, StaleInputError
from scapp.core.processes import started_at
from scapp.core.provenance import fingerprint
from scapp.workspace.datasets.staging import new_provenance
from scapp.workspace.datasets.store import Workspace

VALUES = {
    keys.OBS_NAMES: pd.Index(["a", "b", "c"]),
    keys.VAR_NAMES: pd.Index([f"g{i}" for i in range(4)]),
    keys.COUNTS: sparse.csr_matrix(np.arange(12, dtype=np.float32).reshape(3, 4)),
}


@pytest.fixture
def dataset(workspace):
    return workspace.create("first", VALUES, provenance=new_provenance("import"))


def commit(workspace, dataset, values, **more):
    return workspace.commit(dataset.id, values, provenance=new_provenance("test"), **more)


@pytest.mark.parametrize(
    "value",
    [
        np.arange(5.0),
        np.array([True, False]),
        np.arange(6, dtype=np.float32).reshape(3, 2),
        sparse.csr_matrix(np.eye(3)),
        sparse.csc_matrix(np.eye(3, dtype=np.float32)),
        pd.Categorical(["x", None, "y"], categories=["y", "x"]),
        np.array(["a", "ä/b"], dtype=object),
        {"a": {"b": 1.5}, "c": "text"},
        ["#ffffff", "#000000"],
        pd.DataFrame({"x": [1, 2]}),
    ],
    ids=lambda value: type(value).__name__,
)
def test_values_come_back_as_they_went_in(workspace, dataset, value):
    read = commit(workspace, dataset, {"uns/value": value}).read("uns/value")
    if isinstance(value, list):
        read = list(read)
    assert fingerprint(read) == fingerprint(value)


def test_create_open_and_list(workspace, dataset):
    again = workspace.open(dataset.id)
    assert (again.name, again.n_cells, again.n_genes) == ("first", 3, 4)
    assert list(again.names(keys.OBS_NAMES)) == ["a", "b", "c"]
    second = workspace.create("second", VALUES, provenance=new_provenance("import"), parent=dataset)
    assert [d.id for d in workspace.datasets()] == [second.id, dataset.id]
    assert second.manifest.parent.id == dataset.id
    assert set(dataset.manifest.provenance) < set(second.manifest.provenance)


def test_a_gene_is_read_alone_and_equals_the_matrix(workspace, dataset):
    matrix = sparse.random(3, 4, density=0.5, format="csr", dtype=np.float32, random_state=0)
    written = commit(workspace, dataset, {keys.X: matrix})
    for gene in range(4):
        np.testing.assert_array_equal(written.gene(gene), matrix.toarray()[:, gene])
    with pytest.raises(DataError, match="no gene number 4"):
        written.gene(4)


def test_an_open_dataset_does_not_change_under_its_reader(workspace, dataset):
    old = commit(workspace, dataset, {"obs/x": np.zeros(3)})
    new = commit(workspace, dataset, {"obs/x": np.ones(3)})
    np.testing.assert_array_equal(old.read("obs/x"), np.zeros(3))
    np.testing.assert_array_equal(new.read("obs/x"), np.ones(3))
    assert (old.manifest.version, new.manifest.version) == (2, 3)


def test_writers_of_different_slots_lose_nothing(workspace, dataset):
    commit(workspace, dataset, {"obs/x": np.zeros(3)})
    both = commit(Workspace(workspace.root), dataset, {"obs/y": np.ones(3)})
    assert {"obs/x", "obs/y"} <= set(both.slots)


def test_a_result_made_from_changed_input_is_refused(workspace, dataset):
    first = commit(workspace, dataset, {"obs/x": np.zeros(3)})
    read = {"obs/x": first.slots["obs/x"].fingerprint}
    commit(workspace, dataset, {"obs/x": np.ones(3)})
    with pytest.raises(StaleInputError, match="obs/x was changed"):
        commit(workspace, dataset, {"obs/z": np.ones(3)}, inputs=read)
    assert "obs/z" not in workspace.open(dataset.id)
    commit(workspace, dataset, {"obs/x": np.zeros(3)})
    assert "obs/z" in commit(workspace, dataset, {"obs/z": np.ones(3)}, inputs=read)


def last(dataset, slot):
    return dataset.slots[slot].provenance


def test_a_step_is_taken_back_and_brought_back_until_swept(workspace, dataset):
    first, second = (commit(workspace, dataset, {"obs/x": np.full(3, value)}) for value in (1.0, 2.0))
    assert workspace.undo(dataset.id, last(second, "obs/x")).read("obs/x")[0] == 1
    with pytest.raises(DataError, match="taken back or replaced already"):
        workspace.undo(dataset.id, last(second, "obs/x"))
    assert "obs/x" not in workspace.undo(dataset.id, last(first, "obs/x"))
    assert workspace.bring_back(dataset.id, last(second, "obs/x")).read("obs/x")[0] == 2
    assert workspace.bring_back(dataset.id, last(first, "obs/x")).read("obs/x")[0] == 1
    assert workspace.sweep(dataset.id) == 0
    assert workspace.sweep(dataset.id, keep=timedelta(0)) == 1
    with pytest.raises(DataError, match="not kept any longer"):
        workspace.bring_back(dataset.id, last(second, "obs/x"))
    assert workspace.open(dataset.id).read("obs/x")[0] == 1


def test_sweep_removes_orphans_and_spares_living_writers(workspace, dataset):
    (dataset.folder / "elements" / "0123456789abcdef").mkdir()
    (dataset.folder / "staging" / "999999999-1-x").mkdir(parents=True)
    import os

    alive = dataset.folder / "staging" / f"{os.getpid()}-{int(started_at(os.getpid()))}-x"
    alive.mkdir()
    assert workspace.sweep(dataset.id) == 2
    assert alive.exists()


def test_rename_duplicate_delete(workspace, dataset):
    assert workspace.rename(dataset.id, "  new   name ").name == "new name"
    copy = workspace.duplicate(dataset.id, "copy")
    commit(workspace, copy, {"obs/x": np.zeros(3)})
    assert "obs/x" not in workspace.open(dataset.id)
    workspace.delete(dataset.id)
    with pytest.raises(DataError, match="may have been deleted"):
        workspace.open(dataset.id)
    np.testing.assert_array_equal(workspace.open(copy.id).read(keys.COUNTS).toarray(), VALUES[keys.COUNTS].toarray())
    with pytest.raises(ConfigError, match="1 to 120"):
        workspace.rename(copy.id, "  ")


@pytest.mark.parametrize("id", ["../../etc", "", "x" * 16, "0123456789ABCDEF"])
def test_ids_are_never_paths(workspace, id):
    with pytest.raises(DataError, match="not the id"):
        workspace.open(id)


def test_missing_slots_name_what_is_there(dataset):
    with pytest.raises(DataError, match=r"no X; it holds obs_names, var_names, layers/counts") as caught:
        dataset.read(keys.X)
    assert "Upload & QC" in caught.value.hint


def test_another_format_is_refused(workspace, dataset):
    path = dataset.folder / "manifest.json"
    files.write_json(path, {**files.read_json(path), "format": 99})
    with pytest.raises(DataError, match="format 99"):
        workspace.open(dataset.id)


def start_writer(workspace, dataset, slot):
    command = [sys.executable, "-m", "tests.workspace.datasets.writer", str(workspace.root), dataset.id, slot]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True)


def test_kill_9_at_random_moments_leaves_a_whole_dataset(workspace, dataset):
    """Twenty kills; a reader checks all the time that both slots of a commit belong together."""
    generator = random.Random(0)
    reads = 0
    for _ in range(20):
        writer = start_writer(workspace, dataset, "obs/x")
        assert writer.stdout.readline().strip() == "1"
        end = time.monotonic() + generator.uniform(0.0, 0.15)
        while time.monotonic() < end:
            reads += _check_whole(workspace, dataset, "obs/x")
        writer.send_signal(signal.SIGKILL)
        writer.wait()
        writer.stdout.close()
        reads += _check_whole(workspace, dataset, "obs/x")
    assert reads >= 20
    workspace.sweep(dataset.id, keep=timedelta(0))
    assert not list((dataset.folder / "staging").iterdir())
    assert _check_whole(workspace, dataset, "obs/x")


def _check_whole(workspace, dataset, slot):
    current = workspace.open(dataset.id)
    value, twin = current.read(slot), current.read(f"{slot}_twin")
    assert len(set(value)) == 1
    np.testing.assert_array_equal(value, twin)
    return 1


def test_two_writing_processes_both_get_through(workspace, dataset):
    writers = {slot: start_writer(workspace, dataset, slot) for slot in ("obs/x", "obs/y")}
    last = {}
    for slot, writer in writers.items():
        for _ in range(5):
            last[slot] = int(writer.stdout.readline())
    for writer in writers.values():
        writer.kill()
        writer.wait()
        writer.stdout.close()
    current = workspace.open(dataset.id)
    for slot, number in last.items():
        assert current.read(slot)[0] >= number
        _check_whole(workspace, dataset, slot)


def test_taking_back_refuses_to_lose_what_was_there_before(workspace, dataset):
    for value in (1.0, 2.0):
        done = commit(workspace, dataset, {"obs/x": np.full(3, value)})
    workspace.sweep(dataset.id, keep=timedelta(0))
    with pytest.raises(DataError, match="held before are not kept any longer"):
        workspace.undo(dataset.id, last(done, "obs/x"))
    assert workspace.open(dataset.id).read("obs/x")[0] == 2
