"""A disk that loses, changes or refuses what is written, and clocks that are wrong.

Lost chunk and bit flip: one file of a stored value is removed, or one bit of it changed. It holds when ``scapp doctor``
names the dataset, or every value is still what it was (a file that holds nothing of it, such as an index that can be
left out). Full disk: an import on a small file system ends as "The disk is full." or as done, and goes on once there is
room. Read-only: every page of a read-only workspace is opened, and what writes is refused with a sentence. Clock: the
heartbeat of a living worker is set hours before and after the present, and its run stays running; that of a dead one
ends as failed.
"""

import os
import random
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from streamlit.testing.v1 import AppTest

from benchmarks.campaigns.tally import Tally, must
from scapp.core.environment import Environment
from scapp.core.installation import PACKAGE
from scapp.core.processes import started_at
from scapp.core.provenance import fingerprint
from scapp.data.config import SimulationConfig
from scapp.data.simulated.simulate import simulate
from scapp.jobs.executor import carry_out
from scapp.jobs.session import Session
from scapp.steps.config import ImportRequest
from scapp.ui.kit.routing import PAGES, page_file
from scapp.workspace.datasets.store import Workspace
from scapp.workspace.inspection import inspect
from scapp.workspace.runs.run import RunStore, Status

STRANGE = "Something went wrong"


def campaign(n: int, seed: int) -> Tally:
    tally, generator = Tally("faults"), random.Random(seed)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        file = folder / "study.h5ad"
        simulate(SimulationConfig(n_cells=200, n_genes=300, n_types=3)).write_h5ad(file)
        kinds: dict[str, Callable[[Path, Path, random.Random], None]] = {
            "lost chunk": _lost_chunk,
            "bit flip": _bit_flip,
            "clock": _clock,
            "disk full": _disk_full,
            "read-only": _read_only,
        }
        whole = folder / "whole"
        session = Session(whole)
        data = session.run("import", path=str(file), name="study")
        session.run("prepare", data, min_genes=0, min_cells=0, n_top_genes=50)
        can_mount = _can_mount(folder)
        for number in range(n):
            kind = list(kinds)[number % len(kinds)]
            if kind in ("disk full", "read-only") and not can_mount:
                tally.skipped[f"{kind}: needs the right to mount a file system"] += 1
                continue
            with tally.trial(kind, f"trial {number}"):
                kinds[kind](whole, folder / f"trial{number}", generator)
    return tally


def _stored_file(root: Path, generator: random.Random) -> Path:
    files = sorted(path for path in root.glob("datasets/*/elements/**/*") if path.is_file())
    return generator.choice(files)


def _noticed(root: Path, before: dict[str, str]) -> None:
    _, damages = inspect(root)
    if damages:
        return
    after = _fingerprints(root)
    must(after == before, "a value changed, and nothing says so")


def _fingerprints(root: Path) -> dict[str, str]:
    return {
        f"{dataset.id}/{slot}": fingerprint(dataset.read(slot))
        for dataset in Workspace(root).datasets()
        for slot in dataset.slots
    }


def _lost_chunk(whole: Path, root: Path, generator: random.Random) -> None:
    shutil.copytree(whole, root)
    before = _fingerprints(root)
    _stored_file(root, generator).unlink()
    _noticed(root, before)
    shutil.rmtree(root)


def _bit_flip(whole: Path, root: Path, generator: random.Random) -> None:
    shutil.copytree(whole, root)
    before = _fingerprints(root)
    place = _stored_file(root, generator)
    content = bytearray(place.read_bytes())
    if content:
        content[generator.randrange(len(content))] ^= 1 << generator.randrange(8)
        place.write_bytes(bytes(content))
    _noticed(root, before)
    shutil.rmtree(root)


def _clock(whole: Path, root: Path, generator: random.Random) -> None:
    run = RunStore(root).create("map", dataset=None, config={}, title="Map", lane="none")
    me = {"pid": os.getpid(), "pid_started": started_at(os.getpid()), "host": socket.gethostname()}
    run.heartbeat()
    wrong = time.time() + generator.choice([-1, 1]) * generator.uniform(10, 280)
    run.set_status(Status(state="running", **me))
    os.utime(run.folder / "heartbeat", (wrong, wrong))
    must(run.observe().state == "running", "a living run was called dead for the time on its heartbeat")
    run.set_status(Status(state="running", **{**me, "pid": 2**22 - 3}))
    must(run.observe().state == "failed", "a dead run was called living for the time on its heartbeat")
    shutil.rmtree(root)


def _can_mount(folder: Path) -> bool:
    try:
        with _small_disk(folder / "probe", 64):
            return True
    except subprocess.CalledProcessError:
        return False


@contextmanager
def _small_disk(place: Path, kilobytes: int) -> Iterator[None]:
    place.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", f"size={kilobytes}k", "tmpfs", str(place)]
    subprocess.run(command, check=True, stderr=subprocess.DEVNULL)
    try:
        yield
    finally:
        subprocess.run(["umount", str(place)], check=True)


def _mounted_again(place: Path, how: str) -> None:
    subprocess.run(["mount", "-o", f"remount,{how}", str(place)], check=True)


def _disk_full(whole: Path, root: Path, generator: random.Random) -> None:
    with _small_disk(root, generator.randrange(60, 2_000)):
        config = ImportRequest(path=str(whole.with_name("study.h5ad")), name="study").model_dump(mode="json")
        try:
            run = RunStore(root).create("import", dataset=None, config=config, title="Import", lane="none")
        except OSError:
            return  # not even a run fits, and the page says so
        outcome = carry_out(run, Workspace(root), Environment())
        if outcome["state"] != "done":
            must("disk is full" in outcome["error"]["message"], f"a full disk is told as {outcome['error']['message']}")
            must(not Workspace(root).datasets(), "half a dataset is there")
        _mounted_again(root, "size=200m")
        again = carry_out(run, Workspace(root), Environment())
        must(again["state"] == "done", f"with room it still ends as {again}")
        n_datasets, damages = inspect(root)
        must(n_datasets == 1 and not damages, f"{n_datasets} datasets, {damages}")


def _read_only(whole: Path, root: Path, generator: random.Random) -> None:
    with _small_disk(root, 200_000):
        shutil.copytree(whole, root / "workspace")
        _mounted_again(root, "ro")
        os.environ["SCAPP_WORKSPACE"] = str(root / "workspace")
        try:
            dataset = Workspace(root / "workspace").datasets()[0]
            at = AppTest.from_file(str(PACKAGE / "ui" / "start.py"), default_timeout=120).run()
            must(any("read-only" in warning.value for warning in at.warning), "no page says that it is read-only")
            for name in [page.id for page in PAGES]:
                at.switch_page(str(page_file(name)))
                at.query_params["dataset"] = dataset.id
                at.run()
                _without_strangeness(at, name)
                pressable = [button for button in at.button if not button.disabled]
                if pressable:
                    generator.choice(pressable).click().run()
                    _without_strangeness(at, f"{name}, after a click")
        finally:
            del os.environ["SCAPP_WORKSPACE"]


def _without_strangeness(at: AppTest, where: str) -> None:
    found = [error.value for error in at.error if STRANGE in error.value] + [str(e.value) for e in at.exception]
    must(not found, f"{where}: {found[:1]}")
