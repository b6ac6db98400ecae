"""Runs in real worker processes: done, stopped, resumed, killed, silent, refused."""

import errno
import os
import shutil
import signal
import time
from socket import gethostname

import numpy as np
import psutil
import pytest

from scapp.clear.config import clear_config
from scapp.core import files, keys
from scapp.core.environment import Environment
from scapp.core.errors import ConfigError
from scapp.jobs import launch
from scapp.jobs.deaths import death
from scapp.jobs.executor import carry_out, explain
from scapp.jobs.lanes import Lane
from scapp.jobs.supervisor import Supervisor, _record
from scapp.steps.catalogue import step
from scapp.steps.engine import adopt_result
from scapp.workspace.datasets.staging import new_provenance
from scapp.workspace.datasets.store import Workspace
from scapp.workspace.runs.run import Run, RunStore
from tests.conftest import run_step

LONG = {"hidden": 64, "dim": 8, "batch_size": 32, "queue_size": 64, "epochs": 3000}
SHORT = {**LONG, "epochs": 40}


def wait(condition, seconds=60.0):
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if condition():
            return
        time.sleep(0.05)
    raise AssertionError("waited in vain")


@pytest.fixture(scope="module")
def root(tmp_path_factory, study_file):
    """One workspace and one warm worker for the module."""
    root = tmp_path_factory.mktemp("worker")
    workspace = Workspace(root)
    values = {"path": str(study_file), "name": "study"}
    imported = run_step(workspace, "import", values, None, root / "import")["dataset"]
    values = {"min_genes": 0, "min_cells": 0, "n_top_genes": 100}
    prepared = run_step(workspace, "prepare", values, imported, root / "prepare")["dataset"]
    (root / "prepared").write_text(prepared)
    yield root
    for process in psutil.process_iter(["cmdline"]):
        if str(root) in " ".join(process.info["cmdline"] or []):
            process.kill()


@pytest.fixture
def dataset(root):
    return Workspace(root).duplicate((root / "prepared").read_text(), "copy")


def submit(root, dataset, **changes):
    return launch.submit(root, "clear", clear_config(**{**LONG, **changes}), dataset)


def epochs(run):
    return len(run.metrics)


def executor_of(run):
    children = psutil.Process(run.status.pid).children()
    assert len(children) == 1
    return children[0]


def _taken(root, run):
    """What the page does while a run is queued: see to a worker about once a second."""
    if run.status.state == "queued":
        launch.ensure_worker(root, run.config.lane)
        time.sleep(1)
    return run.observe().state == "running"


def test_a_run_is_carried_out_and_committed(root, dataset):
    run = submit(root, dataset, **SHORT)
    wait(lambda: run.observe().state == "done")
    done = Workspace(root).open(dataset.id)
    assert done.read(keys.representation("clear")).shape == (150, 114)  # PCA's 50 beside the 64
    record = done.manifest.provenance[done.slots[keys.representation("clear")].provenance]
    assert (record.step, record.seed, record.device, record.threads) == ("clear", 0, "cpu", 1)
    assert record.inputs[keys.X] == dataset.slots[keys.X].fingerprint
    assert epochs(run) == 40
    assert "start clear" in run.log
    assert sorted(run.status.result["files"]) == ["model.json", "model.safetensors"]


def test_stop_resume_and_kill_end_with_the_uninterrupted_result(root, dataset):
    reference = submit(root, dataset, epochs=400)
    wait(lambda: reference.observe().state == "done", 120)
    expected = Workspace(root).open(dataset.id).read(keys.representation("clear"))

    run = submit(root, dataset, epochs=400)
    wait(lambda: epochs(run) > 20)
    asked = time.monotonic()
    run.request_stop()
    wait(lambda: run.observe().state == "stopped")
    assert time.monotonic() - asked < 5
    assert run.has_checkpoint
    stopped_at = epochs(run)
    assert stopped_at < 400

    launch.resume(root, run)
    wait(lambda: epochs(run) > stopped_at + 20)
    executor_of(run).kill()
    wait(lambda: run.observe().state == "failed")
    assert "signal 9" in run.status.error.message
    assert "memory" in run.status.error.message

    launch.resume(root, run)
    wait(lambda: run.observe().state == "done", 120)
    result = Workspace(root).open(dataset.id).read(keys.representation("clear"))
    np.testing.assert_array_equal(result, expected)


def test_a_killed_supervisor_is_noticed_and_its_executor_ends(root, dataset):
    run = submit(root, dataset)
    wait(lambda: epochs(run) > 5)
    executor = executor_of(run)
    os.kill(run.status.pid, signal.SIGKILL)
    wait(lambda: run.observe().state == "failed")
    assert "killed" in run.observe().error.message
    wait(lambda: not executor.is_running() or executor.status() == psutil.STATUS_ZOMBIE, 10)
    launch.resume(root, run)
    wait(lambda: _taken(root, run))  # threads of a killed worker may hold its lock a moment longer
    run.request_stop()
    wait(lambda: run.observe().state == "stopped")


def test_looking_for_a_worker_does_not_disturb_one_that_starts(tmp_path):
    """The look used to take the worker's own lock for a moment: a starting supervisor then gave up."""
    lane = Lane(tmp_path, "light")
    assert not lane.is_taken()
    looks = [Lane(tmp_path, "light").is_taken() for _ in range(3)]
    lane.take()
    assert looks == [False] * 3
    assert Lane(tmp_path, "light").is_taken()
    lane.leave()
    assert not Lane(tmp_path, "light").is_taken()


def test_a_record_of_a_dead_worker_is_no_worker(tmp_path):
    (tmp_path / "locks").mkdir()
    files.write_json(tmp_path / "locks" / "worker-light.json", {"pid": 2**22, "started": 1.0, "host": gethostname()})
    assert not Lane(tmp_path, "light").is_taken()
    files.write_json(tmp_path / "locks" / "worker-light.json", {"pid": 1, "started": 1.0, "host": "another"})
    assert Lane(tmp_path, "light").is_taken()  # of another computer: it beat a moment ago


def test_a_run_that_is_queued_while_the_worker_goes_home_is_taken(root, dataset, monkeypatch):
    """Its lane still looks taken, so nobody starts a worker for it."""
    supervisor = Supervisor(root, "elsewhere", Environment(worker_idle_seconds=0.01))
    monkeypatch.setattr(supervisor, "_warm_child", lambda: None)
    taken, leave = [], supervisor._place.leave
    config = step("cluster").config.build({"representation": "pca", "method": "kmeans"}).model_dump(mode="json")

    def queue_then_leave():
        if not taken:
            RunStore(root).create("cluster", dataset=dataset.id, config=config, title="t", lane="elsewhere")
        leave()

    def take(run):
        taken.append(run.id)
        run.set_status(run.status.model_copy(update={"state": "done"}))

    monkeypatch.setattr(supervisor._place, "leave", queue_then_leave)
    monkeypatch.setattr(supervisor, "_take", take)
    supervisor.work()
    assert len(taken) == 1


def test_a_queued_run_is_taken_although_its_worker_was_killed_and_no_page_is_open(root, dataset):
    first = submit(root, dataset)
    wait(lambda: epochs(first) > 5)
    second = RunStore(root).create(
        "clear", dataset=dataset.id, config=clear_config(**SHORT).model_dump(mode="json"), title="t", lane="training"
    )
    os.kill(first.status.pid, signal.SIGKILL)
    stop = launch.keep_lanes(root)
    wait(lambda: second.observe().state == "done")
    stop.set()


def test_a_frozen_worker_is_silent_and_resume_replaces_it(root, dataset, monkeypatch):
    monkeypatch.setattr("scapp.workspace.runs.run.STALE_SECONDS", 3.0)
    run = submit(root, dataset)
    wait(lambda: epochs(run) > 5)
    frozen = psutil.Process(run.status.pid)
    frozen.suspend()
    wait(lambda: run.observe().state == "failed", 20)
    assert "sign of life" in run.observe().error.message
    run.queue_again()
    RunStore(root).announce(run)
    wait(lambda: not frozen.is_running() or frozen.status() == psutil.STATUS_ZOMBIE)
    wait(lambda: _taken(root, run))
    run.request_stop()
    wait(lambda: run.observe().state == "stopped")


def test_a_result_from_changed_input_is_kept_and_offered(root, dataset):
    run = submit(root, dataset, epochs=200)
    wait(lambda: epochs(run) > 5)
    workspace = Workspace(root)
    changed = dataset.read(keys.X) * 2
    workspace.commit(dataset.id, {keys.X: changed}, provenance=new_provenance("test"))
    wait(lambda: run.observe().state == "done")
    assert "older version" in run.status.result["stale"]
    assert keys.representation("clear") not in workspace.open(dataset.id)
    adopt_result(workspace, dataset.id, run.folder)
    assert workspace.open(dataset.id).read(keys.representation("clear")).shape == (150, 114)  # PCA's 50 beside the 64


def test_failures_say_why_and_the_worker_goes_on(root, dataset, tmp_path):
    bad = tmp_path / "bad.csv"
    bad.write_text("x,a\nc,text\n")
    record = step("import")
    run = launch.submit(root, "import", record.config.build({"path": str(bad), "name": "bad"}))
    wait(lambda: run.observe().state == "failed")
    assert "none holds counts" in run.status.error.message
    again = launch.submit(
        root, "cluster", step("cluster").config.build({"representation": "pca", "method": "kmeans"}), dataset
    )
    wait(lambda: again.observe().state == "done")
    assert keys.clusters("kmeans", "pca") in Workspace(root).open(dataset.id)


def test_too_large_work_is_refused_before_it_is_queued(root, dataset, monkeypatch):
    monkeypatch.setattr("scapp.core.memory.psutil.virtual_memory", lambda: type("M", (), {"available": 1e6})())
    before = len(RunStore(root).list())
    with pytest.raises(ConfigError, match="GB of memory"):
        launch.submit(root, "clear", clear_config(), dataset)
    assert len(RunStore(root).list()) == before


def test_the_machines_faults_have_plain_words():
    assert explain(OSError(28, "No space left on device"))[0] == "The disk is full."
    assert "not enough memory" in explain(MemoryError())[0]
    assert "not enough memory" in explain(RuntimeError("CUDA out of memory"))[0]
    assert "signal 9" in death(-9, "clear").message
    assert "exit code 3" in death(3, "import").message
    crashed = death(-11, "import")
    assert "file is damaged" in crashed.message
    assert not crashed.resumable
    assert "ended unexpectedly" in death(-11, "clear").message


def test_the_end_of_a_run_is_written_as_soon_as_the_disk_has_room(tmp_path, monkeypatch):
    run = RunStore(tmp_path).create("clear", dataset=None, config={}, title="t", lane="training")
    write, attempts = Run.set_status, []

    def full_twice(self, status):
        attempts.append(status.state)
        if len(attempts) < 3:
            raise OSError(errno.ENOSPC, "No space left on device")
        write(self, status)

    monkeypatch.setattr(Run, "set_status", full_twice)
    monkeypatch.setattr("scapp.jobs.supervisor.time.sleep", lambda seconds: None)
    _record(run, run.status, "failed", error={"message": "The disk is full.", "hint": "Free some space."})
    assert len(attempts) == 3
    assert (run.status.state, run.status.error.message) == ("failed", "The disk is full.")


def test_a_full_disk_is_a_failed_run_with_its_reason(root, dataset, monkeypatch):
    if not shutil.which("mount") or os.geteuid() != 0:
        pytest.skip("needs root to mount a small file system")
    run = RunStore(root).create(
        "clear", dataset=dataset.id, config=clear_config(**SHORT).model_dump(mode="json"), title="t", lane="elsewhere"
    )
    small = run.folder.parent / run.id
    backup = root / "backup"
    shutil.copytree(small, backup)
    if os.system(f"mount -t tmpfs -o size=100k tmpfs {small} 2>/dev/null"):
        pytest.skip("may not mount here")
    try:
        shutil.copytree(backup, small, dirs_exist_ok=True)
        outcome = carry_out(run, Workspace(root), Environment())
    finally:
        os.system(f"umount {small}")
    assert outcome["state"] == "failed"
    assert outcome["error"]["message"] == "The disk is full."


def test_an_import_that_is_carried_out_twice_makes_one_dataset(root, study_file):
    """As when its executor is killed between the commit and the status, and the user clicks 'Resume'."""
    config = step("import").config.build({"path": str(study_file), "name": "twice"})
    run = RunStore(root).create("import", dataset=None, config=config.model_dump(mode="json"), title="t", lane="none")
    first = carry_out(run, Workspace(root), Environment())
    second = carry_out(run, Workspace(root), Environment())
    assert first["state"] == second["state"] == "done"
    assert first["result"] == second["result"]
    assert [d.name for d in Workspace(root).datasets()].count("twice") == 1
    # also where both compute, as when the first outlives its supervisor by half a second
    (run.folder / "summary.json").unlink()
    third = carry_out(run, Workspace(root), Environment())
    assert third["result"]["dataset"] == first["result"]["dataset"]
    assert [d.name for d in Workspace(root).datasets()].count("twice") == 1
