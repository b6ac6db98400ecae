"""kill -9 at random moments of whoever works: a session, an executor, a supervisor, the server.

A trial holds when every dataset is whole afterwards (each value equal to its fingerprint), the run ends as done once it
is resumed, and its result is there once.
"""

import os
import random
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import psutil

from benchmarks.campaigns.tally import Tally, must
from scapp.core.installation import app_folder
from scapp.data.config import SimulationConfig
from scapp.data.simulated.simulate import simulate
from scapp.jobs.launch import ensure_worker, resume
from scapp.jobs.session import Session
from scapp.steps.config import ImportRequest
from scapp.workspace.datasets.store import Workspace
from scapp.workspace.inspection import inspect
from scapp.workspace.runs.run import ACTIVE, Run, RunStore

PATIENCE = 90.0
SESSION = """
import sys
from scapp import Session
session = Session(sys.argv[1])
data = session.run("import", path=sys.argv[2], name="mine")
print("ready", flush=True)
for seed in range(1000):
    data = session.run("cluster", data, representation="pca", method="kmeans", n_clusters=3, seed=seed)
"""


def campaign(n: int, seed: int) -> Tally:
    tally, generator = Tally("kill"), random.Random(seed)
    kinds: dict[str, Callable[[Path, Path, random.Random], None]] = {
        "session": _session,
        "executor": _executor,
        "supervisor": _supervisor,
        "server": _server,
    }
    with tempfile.TemporaryDirectory() as name:
        root, file = Path(name) / "workspace", Path(name) / "study.h5ad"
        simulate(SimulationConfig(n_cells=300, n_genes=400, n_types=3)).write_h5ad(file)
        prepared = _prepared(root, file)
        try:
            for number in range(n):
                kind = list(kinds)[number % len(kinds)]
                with tally.trial(kind, f"trial {number}"):
                    kinds[kind](root, prepared if kind == "session" else file, generator)
                    n_datasets, damages = inspect(root)
                    must(not damages, f"{damages[:2]} of {n_datasets} datasets")
        finally:
            for process in _belonging_to(root):
                process.kill()
    return tally


def _prepared(root: Path, file: Path) -> Path:
    """The study with components, as a file that a session can cluster."""
    session = Session(root)
    data = session.run("import", path=str(file), name="study")
    data = session.run("prepare", data, min_genes=0, min_cells=0, n_top_genes=100)
    session.write(data, file.with_name("prepared.h5ad"))
    return file.with_name("prepared.h5ad")


def _session(root: Path, file: Path, generator: random.Random) -> None:
    script = [sys.executable, "-c", SESSION, str(root), str(file)]
    process = subprocess.Popen(script, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    assert process.stdout is not None
    must(process.stdout.readline().strip() == "ready", "the session did not start")
    time.sleep(generator.uniform(0, 1.5))
    process.kill()
    process.wait()
    process.stdout.close()


def _queued(root: Path, file: Path, generator: random.Random) -> Run:
    name = f"import {generator.randrange(10**9)}"
    config = ImportRequest(path=str(file), name=name).model_dump(mode="json")
    return RunStore(root).create("import", dataset=None, config=config, title="Import", lane="light")


def _executor(root: Path, file: Path, generator: random.Random) -> None:
    _killed_while_working(root, _queued(root, file, generator), generator, lambda pid: psutil.Process(pid).children())


def _supervisor(root: Path, file: Path, generator: random.Random) -> None:
    _killed_while_working(root, _queued(root, file, generator), generator, lambda pid: [psutil.Process(pid)])


def _killed_while_working(
    root: Path, run: Run, generator: random.Random, victims: Callable[[int], list[psutil.Process]]
) -> None:
    ensure_worker(root, "light")
    _wait(lambda: run.status.state != "queued", "the run was not taken")
    time.sleep(generator.uniform(0, 0.7))
    pid = run.status.pid
    try:
        for victim in victims(pid) if pid is not None else []:
            victim.kill()
    except psutil.NoSuchProcess:
        pass  # it was quicker
    _settle(root, run)


def _server(root: Path, file: Path, generator: random.Random) -> None:
    """The server alone sees to it that a queued run is taken; killed, the next one does."""
    for process in _belonging_to(root):
        process.kill()
    run = _queued(root, file, generator)
    first = _start_server(root)
    time.sleep(generator.uniform(0, 6))
    first.kill()
    first.wait()
    second = _start_server(root)
    try:
        _wait(lambda: run.observe().state not in ACTIVE, "no server saw to the run")
    finally:
        second.kill()
        second.wait()
    _settle(root, run)


def _start_server(root: Path) -> "subprocess.Popen[bytes]":
    port = str(20_000 + os.getpid() % 20_000)
    script = [sys.executable, "-m", "streamlit", "run", str(app_folder() / "app.py"), "--server.port", port]
    environment = {**os.environ, "SCAPP_WORKSPACE": str(root), "SCAPP_TOKEN": "off"}
    quiet = subprocess.DEVNULL
    server = subprocess.Popen([*script, "--server.headless", "true"], env=environment, stdout=quiet, stderr=quiet)
    return server


def _settle(root: Path, run: Run) -> None:
    """See the run through, as a user does with 'Resume'; its result is there once."""
    for _ in range(5):
        _wait(lambda: _ended(root, run), "the run did not end")
        if run.observe().state == "done":
            break
        resume(root, run)
    observed = run.observe()
    must(observed.state == "done", f"the run is {observed.state}: {observed.error}")
    workspace = Workspace(root)
    made = [dataset for dataset in workspace.datasets() if dataset.name == run.config.config["name"]]
    must(len(made) == 1, f"{len(made)} datasets were made")
    must(made[0].id == observed.result["dataset"], "the run names another dataset")
    workspace.delete(made[0].id)


def _ended(root: Path, run: Run) -> bool:
    """Look as the server does once a second."""
    ensure_worker(root, "light")
    return run.observe().state not in ACTIVE


def _wait(condition: Callable[[], bool], otherwise: str) -> None:
    end = time.monotonic() + PATIENCE
    while not condition():
        must(time.monotonic() < end, otherwise)
        time.sleep(0.1)


def _belonging_to(root: Path) -> list[psutil.Process]:
    found = []
    for process in psutil.process_iter(["cmdline"]):
        if str(root) in " ".join(process.info["cmdline"] or []) and process.pid != os.getpid():
            found.append(process)
    return found
