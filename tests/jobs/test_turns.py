"""Runs of a class are carried out in turn, by the workers of whoever holds it, within limits."""

import os
import random
import time
from socket import gethostname

import pytest

from scapp.core.environment import Environment
from scapp.core.errors import ConfigError
from scapp.core.processes import started_at
from scapp.jobs import held_class, launch
from scapp.jobs.lanes import Lane
from scapp.jobs.supervisor import Supervisor
from scapp.jobs.turns import Turns, lane_of, server_of
from scapp.steps.config import ImportRequest
from scapp.workspace.classroom import Classroom, Limits
from scapp.workspace.datasets.store import Workspace
from scapp.workspace.runs.run import Part, RunStore, Status

SEATS = 30


@pytest.fixture
def room(tmp_path):
    room = Classroom(tmp_path)
    room.begin("abc-def", 1.0, Limits(seats=SEATS, runs=3))
    return room


def queue(root, lane="training", **options):
    return RunStore(root).create("clear", dataset=None, config={}, title="t", lane=lane, **options)


def serve(turns, n):
    """What a worker takes if each run is done at once; ids of workspaces in order."""
    order = []
    for _ in range(n):
        run = turns.next()
        turns.take(run)
        run.set_status(Status(state="done"))
        order.append(run.root.name)
    return order


def test_names_of_workers_and_whose_they_are(room):
    member = room.workspace(room.join("one").id)
    assert [lane_of(name) for name in ("light", "training-2")] == ["light", "training"]
    assert server_of(member) == server_of(room.root) == room.root


def test_one_workspace_is_served_in_order(tmp_path):
    turns = Turns(tmp_path, "training")
    assert turns.next() is None
    first, second = queue(tmp_path), queue(tmp_path)
    ids = sorted([first.id, second.id])  # ids tell seconds only
    assert turns.next().id == ids[0]
    assert len(serve(turns, 2)) == 2
    assert turns.next() is None


def test_who_asks_for_much_waits_for_the_others(room):
    greedy, modest = (room.workspace(room.join(secret).id) for secret in ("a", "b"))
    for _ in range(3):
        queue(greedy)
    queue(modest)
    order = serve(Turns(room.root, "training"), 4)
    assert sorted(order[:2]) == sorted([greedy.name, modest.name])
    assert order[2:] == [greedy.name, greedy.name]


def test_one_run_of_a_browser_is_at_work_at_a_time(room):
    member = room.workspace(room.join("a").id)
    turns = Turns(room.root, "training")
    queue(member), queue(member)
    run = turns.next()
    turns.take(run)
    mine = {"pid": os.getpid(), "pid_started": started_at(os.getpid()), "host": gethostname()}
    run.set_status(Status(state="running", **mine))
    assert turns.next() is None
    queue(room.root)
    assert turns.next().root == room.root
    run.set_status(Status(state="done"))
    assert turns.next() is not None


def test_with_thirty_browsers_the_longest_wait_is_under_three_times_the_mean(room):
    """Each asks for a run, and for the next a while after it was done; time is counted in runs of the one worker."""
    draw = random.Random(0)
    roots = [room.workspace(room.join(str(number)).id) for number in range(SEATS)]
    asks_at = {root: draw.randrange(SEATS) for root in roots}
    turns, waits, since = Turns(room.root, "training"), [], {}
    for now in range(12 * SEATS):
        for root, at in list(asks_at.items()):
            if at <= now:
                since[queue(root).id] = now
                del asks_at[root]
        run = turns.next()
        if run is None:
            continue
        turns.take(run)
        run.set_status(Status(state="done"))
        waits.append(now - since.pop(run.id))
        asks_at[run.root] = now + 1 + draw.randrange(SEATS // 3)
    assert len(waits) > 8 * SEATS
    assert max(waits) < 3 * sum(waits) / len(waits)


def test_limits_are_those_of_the_class_and_nobody_elses(room, study_file, monkeypatch):
    monkeypatch.setattr(launch, "ensure_worker", lambda *_: None)
    member = room.workspace(room.join("a").id)
    request = ImportRequest(path=str(study_file), name="study")
    for root in (room.root, member):
        for _ in range(3):
            launch.submit(root, "import", request)
    launch.submit(room.root, "import", request)
    with pytest.raises(ConfigError, match="3 of your runs"):
        launch.submit(member, "import", request)
    followed = Part(stage="prepare", after="another")
    assert launch.submit(member, "import", request, part=followed).config.part.after == "another"
    stopped = RunStore(member).list()[0]
    stopped.set_status(Status(state="stopped"))
    with pytest.raises(ConfigError, match="3 of your runs"):
        launch.resume(member, stopped)
    for run in RunStore(member).list():
        run.set_status(Status(state="done"))
    held_class.check_limits(member, coming_bytes=400_000_000)
    with pytest.raises(ConfigError, match="500 MB"):
        held_class.check_limits(member, coming_bytes=600_000_000)
    held_class.check_limits(room.root, coming_bytes=600_000_000)


def test_a_class_has_as_many_workers_as_it_was_given_and_they_share_the_threads(monkeypatch, tmp_path):
    started = []
    monkeypatch.setattr(launch, "_ensure_one", lambda root, name: started.append((root, name)))
    monkeypatch.setenv("SCAPP_THREADS", "4")
    launch.ensure_worker(tmp_path, "training")
    monkeypatch.setenv("SCAPP_MODE", "class")
    launch.ensure_worker(tmp_path, "training")
    assert started == [(tmp_path, name) for name in ("training", "training-1", "training-2")]
    assert Environment().n_worker_threads == 2
    monkeypatch.setenv("SCAPP_CLASS_WORKERS", "8")
    assert Environment().n_worker_threads == 1


def wait(condition, seconds=120.0):
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.1)


def test_two_browsers_share_workers_and_the_end_of_the_class_ends_them(room, study_file, monkeypatch):
    pytest.importorskip("torch")
    for name, value in {"MODE": "class", "CLASS_WORKERS": "1", "WORKER_IDLE_SECONDS": "60"}.items():
        monkeypatch.setenv(f"SCAPP_{name}", value)
    members = [room.workspace(room.join(secret).id) for secret in ("a", "b")]
    runs = [
        launch.submit(root, "import", ImportRequest(path=str(study_file), name=f"of {root.name}")) for root in members
    ]
    wait(lambda: all(run.observe().state == "done" for run in runs))
    for root, run in zip(members, runs, strict=True):
        assert [dataset.name for dataset in Workspace(root).datasets()] == [f"of {root.name}"]
        assert run.status.pid == runs[0].status.pid
    assert Workspace(room.root).datasets() == []
    working = RunStore(members[0]).create("import", dataset=None, config={}, title="t", lane="none")
    working.set_status(runs[0].status.model_copy(update={"state": "running"}))
    held_class.end_class(room.root)
    wait(lambda: not Lane(room.root, "light-1").is_taken())
    assert not any(root.exists() for root in members)


def test_a_class_that_is_over_is_deleted_and_followed_where_classes_are_held(room, monkeypatch):
    monkeypatch.setenv("SCAPP_WORKSPACE", str(room.root))
    monkeypatch.setenv("SCAPP_TOKEN", "t")
    member = room.workspace(room.join("a").id)
    held_class.look_after_class(room.root)
    assert member.exists()
    room._write(room.register.model_copy(update={"ends": 1.0}))
    held_class.look_after_class(room.root)
    assert not member.exists()
    assert room.register is None, "a server of the other mode holds none"
    monkeypatch.setenv("SCAPP_MODE", "class")
    monkeypatch.setenv("SCAPP_CLASS_CODE", "abc-def")
    held_class.look_after_class(room.root)
    assert room.register.code != "abc-def", "that one is on the wall of the class before"


def test_where_the_file_of_a_class_is_damaged_ones_own_runs_go_on(room):
    queue(room.workspace(room.join("a").id))
    own = queue(room.root)
    (room.folder / "class.json").write_text("{")
    turns = Turns(room.root, "training")
    assert turns.workspaces() == [room.root]
    assert turns.next().id == own.id


def test_a_run_that_takes_too_long_is_ended_with_a_sentence(room, study_file, monkeypatch):
    pytest.importorskip("torch")
    monkeypatch.setattr(launch, "ensure_worker", lambda *_: None)
    room.begin("", 1.0, Limits(minutes=0.001))
    member = room.workspace(room.join("a").id)
    run = launch.submit(member, "import", ImportRequest(path=str(study_file), name="study"))
    Supervisor(room.root, "light-1", Environment(worker_idle_seconds=0.5)).work()
    ended = run.observe()
    assert ended.state == "failed"
    assert "0.001 minutes" in ended.error.message
