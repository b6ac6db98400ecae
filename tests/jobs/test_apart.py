"""What a file makes the reading process do harms nothing else."""

import os
import sys
import time
from pathlib import Path

import pytest

from scapp.jobs.apart import OPEN_FILES, TEMPORARY, carry_out_apart
from scapp.workspace.runs.run import Run, RunStore
from tests.jobs import apart_work

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="limits are set on Linux alone")


@pytest.fixture
def run(tmp_path: Path) -> Run:
    return RunStore(tmp_path).create("import", dataset=None, config={}, title="Import", lane="light")


def test_the_process_is_another_one_with_limits_and_a_folder_of_its_own(run: Run, tmp_path: Path) -> None:
    found = carry_out_apart(apart_work.limits, run, tmp_path)
    assert found["pid"] != os.getpid()
    assert Path(found["temporary"]).parent == run.folder / TEMPORARY
    assert not (run.folder / TEMPORARY).exists()
    assert (found["files"], found["cores"]) == (OPEN_FILES, 0)
    assert 3600 <= found["seconds"] <= 3600 * (os.cpu_count() or 1) + 1
    assert 0 < found["memory"] < 2**45


def test_a_crash_is_a_damaged_file_and_leaves_nothing_behind(run: Run, tmp_path: Path) -> None:
    found = carry_out_apart(apart_work.crash, run, tmp_path)
    assert found["state"] == "failed"
    assert "file is damaged" in found["error"]["message"]
    assert not found["error"]["resumable"]
    assert not (run.folder / TEMPORARY).exists()


def test_memory_ends_at_its_limit(run: Run, tmp_path: Path) -> None:
    assert carry_out_apart(apart_work.fill_the_memory, run, tmp_path) == {"refused": True}


def test_what_hangs_is_ended(run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SCAPP_IMPORT_MINUTES", "0.02")
    began = time.monotonic()
    found = carry_out_apart(apart_work.sleep, run, tmp_path)
    assert "made no progress" in found["error"]["message"]
    assert time.monotonic() - began < 30
