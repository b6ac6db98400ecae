import os
import time

import numpy as np
import pytest

from scapp.core import keys
from scapp.core.errors import RunError
from scapp.core.processes import started_at
from scapp.workspace.datasets.staging import new_provenance
from scapp.workspace.datasets.store import Workspace
from scapp.workspace.runs.checkpoints import latest_checkpoint, write_checkpoint
from scapp.workspace.runs.results import write_summary
from scapp.workspace.runs.run import STALE_SECONDS, RunStore, Silences, Status
from tests.workspace.datasets.test_store import VALUES


@pytest.fixture
def store(tmp_path):
    return RunStore(tmp_path)


def make(store, **values):
    return store.create(
        "clear", **{"dataset": "d", "config": {"seed": 1}, "title": "Train", "lane": "training", **values}
    )


def running(**changes):
    import socket

    values = {
        "state": "running",
        "pid": os.getpid(),
        "pid_started": started_at(os.getpid()),
        "host": socket.gethostname(),
    }
    return Status(**{**values, **changes})


def test_a_new_run_is_queued_with_what_was_asked(store):
    run = store.open(make(store).id)
    assert run.status.state == "queued"
    assert run.config.config == {"seed": 1}
    assert (run.progress, run.metrics, run.log, run.has_checkpoint) == ({}, [], "", False)
    assert store.latest(dataset="d", step="clear").id == run.id
    assert store.latest(dataset="other", step="clear") is None


def test_the_longest_waiting_run_of_a_lane_is_next(store):
    first = make(store)
    time.sleep(1.1)
    make(store)
    other = make(store, lane="light")
    assert store.next_queued("training").id == first.id
    assert store.next_queued("light").id == other.id
    first.set_status(Status(state="done"))
    assert store.next_queued("training").id != first.id
    first.set_status(Status(state="queued"))
    assert store.next_queued("training").id != first.id
    store.announce(first)
    assert store.next_queued("training").id == first.id


def test_stopping_a_queued_run_ends_it_and_it_can_be_queued_again(store):
    run = make(store)
    run.request_stop()
    assert run.status.state == "stopped"
    run.queue_again()
    assert run.status.state == "queued"
    assert not run.stop_requested
    with pytest.raises(RunError, match="is queued"):
        run.queue_again()


def test_a_dead_worker_is_seen_through_its_pid_and_start_time(store):
    run = make(store)
    run.heartbeat()
    run.set_status(running())
    assert run.observe().state == "running"
    run.set_status(running(pid_started=started_at(os.getpid()) - 100))
    assert run.observe().state == "failed"
    assert "killed" in run.observe().error.message
    run.set_status(running(pid=2**22 - 3))
    assert run.observe().state == "failed"


def test_a_stale_heartbeat_fails_the_run_on_any_host(store):
    run = make(store)
    run.heartbeat()
    run.set_status(running(host="elsewhere"))
    assert run.observe().state == "running"
    old = time.time() - Silences.LONG_PAST - 5
    os.utime(run.folder / "heartbeat", (old, old))
    assert run.observe().state == "failed"
    assert "sign of life" in run.observe().error.message
    run.heartbeat()
    assert run.observe().state == "running"


def test_silence_is_told_by_a_steady_clock(tmp_path, monkeypatch):
    silences, file = Silences(), tmp_path / "heartbeat"
    assert silences.of(file) == 0
    file.touch()
    steady, moment = time.monotonic(), time.time()
    for offset in (-7200, 60, 7200):  # the clock was put forward or back, or is another computer's
        os.utime(file, (moment + offset, moment + offset))
        monkeypatch.setattr(time, "monotonic", lambda: steady)
        first = silences.of(file)
        assert (first > STALE_SECONDS) == (offset == -7200)
        monkeypatch.setattr(time, "monotonic", lambda: steady + 29)
        assert silences.of(file) == pytest.approx(max(first, 29), abs=5)
        monkeypatch.setattr(time, "monotonic", lambda: steady + 31)
        assert silences.of(file) > STALE_SECONDS
        file.touch()
        assert silences.of(file) == 0


def test_a_run_that_died_after_saving_its_result_is_done(store, tmp_path):
    workspace = Workspace(tmp_path)
    dataset = workspace.create("first", VALUES, provenance=new_provenance("import"))
    run = store.create("map", dataset=dataset.id, config={}, title="", lane="light")
    run.heartbeat()
    run.set_status(running(pid=2**22 - 3))
    write_summary(run.folder, {"clusters": 3})
    assert run.observe().state == "failed"
    workspace.commit(
        dataset.id, {keys.obs("leiden"): np.array([0, 1, 1])}, provenance=new_provenance("map", run=run.id)
    )
    observed = run.observe()
    assert observed.state == "done"
    assert observed.result == {"clusters": 3, "dataset": dataset.id}


def test_discard_refuses_active_runs_and_removes_others(store):
    run = make(store)
    with pytest.raises(RunError, match="queued"):
        store.discard(run.id)
    run.set_status(Status(state="failed"))
    store.discard(run.id)
    with pytest.raises(RunError, match="no run"):
        store.open(run.id)
    with pytest.raises(RunError):
        store.open("../../x")


def test_checkpoints_appear_whole_and_replace_each_other(tmp_path):
    assert latest_checkpoint(tmp_path) is None
    write_checkpoint(tmp_path, lambda folder: (folder / "a").write_text("1"))

    def failing(folder):
        (folder / "a").write_text("half")
        raise OSError("disk full")

    with pytest.raises(OSError, match="disk full"):
        write_checkpoint(tmp_path, failing)
    assert (latest_checkpoint(tmp_path) / "a").read_text() == "1"
    write_checkpoint(tmp_path, lambda folder: (folder / "a").write_text("2"))
    assert (latest_checkpoint(tmp_path) / "a").read_text() == "2"
    assert len(list(tmp_path.iterdir())) == 1
