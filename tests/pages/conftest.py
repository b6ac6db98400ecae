"""The app without a browser, and helpers to find what it shows."""

import numpy as np
import pytest
from streamlit.testing.v1 import AppTest

from scapp.clear.config import clear_config
from scapp.core.installation import PACKAGE
from scapp.ui.kit.routing import page_file
from scapp.workspace.runs.run import RunStore, Status
from scapp.workspace.runs.snapshots import write_snapshot
from tests.conftest import run_step

START = PACKAGE / "ui" / "start.py"
TINY = {"hidden": 16, "dim": 8, "batch_size": 32, "queue_size": 64, "epochs": 3}


@pytest.fixture
def app(workspace, monkeypatch):
    """The app on an empty workspace; no worker is started."""
    monkeypatch.setenv("SCAPP_WORKSPACE", str(workspace.root))
    started = []
    for place in ("scapp.jobs.launch.ensure_worker", "scapp.ui.kit.live.ensure_worker"):
        monkeypatch.setattr(place, lambda root, lane: started.append(lane))

    def open_page(id, **query):
        at = AppTest.from_file(str(START), default_timeout=60)
        for name, value in query.items():
            at.query_params[name] = value
        at.run()
        if id != "home":
            at.switch_page(str(page_file(id)))
            for name, value in query.items():
                at.query_params[name] = value
            at.run()
        assert not at.exception
        return at

    open_page.started = started
    return open_page


def texts(at):
    elements = [
        *at.markdown,
        *at.info,
        *at.error,
        *at.warning,
        *at.success,
        *at.title,
        *at.header,
        *at.subheader,
        *at.caption,
    ]
    return "\n".join(element.value for element in elements)


def button(at, label):
    found = [b for b in at.button if b.label == label]
    assert found, [b.label for b in at.button]
    return found[0]


def runs(workspace):
    return RunStore(workspace.root)


def frame(seed):
    """A snapshot of 150 cells, of which 10 were compared."""
    rng = np.random.default_rng(seed)
    similar = rng.uniform(-1, 1, (2, 10)).astype(np.float32)
    similar[[0, 1], [0, 5]] = np.nan
    return {
        "shown": np.arange(150, dtype=np.int32),
        "points": rng.normal(size=(150, 2)).astype(np.float32),
        "positive": np.arange(40, dtype=np.int32),
        "negative": np.arange(40, dtype=np.int32)[::-1],
        "anchors": np.array([0, 75], dtype=np.int32),
        "partners": np.array([0, 75], dtype=np.int32),
        "candidates": np.arange(0, 150, 15, dtype=np.int32),
        "own": np.array([0.9, 0.4], dtype=np.float32),
        "similar": similar,
    }


@pytest.fixture
def trained(workspace, prepared, tmp_path):
    """A dataset with CLEAR, a map and clusters, and a finished run in the store."""
    config = clear_config(**TINY)
    summary = run_step(workspace, "clear", config.model_dump(), prepared.id, tmp_path / "clear")
    run_step(workspace, "map", {"representation": "clear"}, prepared.id, tmp_path / "map")
    run = runs(workspace).create(
        "clear", dataset=prepared.id, config=config.model_dump(mode="json"), title="Train CLEAR", lane="training"
    )
    row = {
        "epoch": 1,
        "epochs": 3,
        "loss": 3.0,
        "chance": 4.0,
        "accuracy": 0.2,
        "spread": 0.5,
        "learning_rate": 1.0,
        "cells_per_s": 9.0,
        "seconds": 1.0,
    }
    from scapp.core import files

    files.append_json_line(run.folder / "metrics.jsonl", row)
    for epoch in (0, 1):
        write_snapshot(run.folder, epoch, frame(epoch))
    run.set_status(Status(state="done", result=summary))
    return workspace.open(prepared.id)
