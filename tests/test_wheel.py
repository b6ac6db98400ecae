"""The wheel in a fresh environment outside the clone: command line, API, exported script, web app."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

import pytest

from scapp import __version__
from scapp.data.config import SimulationConfig
from scapp.data.simulated.simulate import simulate
from scapp.reports.script import as_python, script_of
from tests.conftest import run_step

pytestmark = pytest.mark.wheel
ROOT = Path(__file__).resolve().parents[1]


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """A fresh environment that holds the wheel and what it needs, as pinned; not below the clone."""
    folder = tmp_path_factory.mktemp("wheel")
    built = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--wheel-dir", str(folder), str(ROOT)]
    subprocess.run(built, check=True, cwd=folder)
    wheel = next(folder.glob("*.whl"))
    assert wheel.stat().st_size < 2e6
    subprocess.run([sys.executable, "-m", "venv", str(folder / "venv")], check=True)
    pip = [str(folder / "venv" / "bin" / "python"), "-m", "pip", "install", "--quiet", str(wheel)]
    subprocess.run([*pip, "--constraint", str(ROOT / "requirements.txt")], check=True, cwd=folder)
    return folder


@pytest.fixture(scope="module")
def cells(tmp_path_factory):
    path = tmp_path_factory.mktemp("cells") / "cells.h5ad"
    simulate(SimulationConfig(n_cells=300, n_genes=200, n_types=3, type_strength=2)).write_h5ad(path)
    return path


def run(place, *command, ok=True):
    """Run a command of the fresh environment, away from the clone; what it printed."""
    environment = {k: v for k, v in os.environ.items() if k not in ("PYTHONPATH", "SCAPP_WORKSPACE")}
    environment["HOME"] = str(place)
    words = [str(place / "venv" / "bin" / command[0]), *map(str, command[1:])]
    found = subprocess.run(words, cwd=place, env=environment, capture_output=True, text=True, check=False)
    assert (found.returncode == 0) == ok, found.stdout + found.stderr
    return found.stdout


def test_it_says_its_version_and_installs_no_top_level_module_of_the_app(place):
    assert run(place, "scapp", "--version") == f"scapp {__version__}\n"
    assert run(place, "python", "-m", "scapp", "--version") == f"scapp {__version__}\n"
    code = "import importlib.util as u; print([n for n in ('app', 'pages', 'tests', 'docs') if u.find_spec(n)])"
    assert run(place, "python", "-c", code) == "[]\n"
    assert json.loads(run(place, "scapp", "doctor"))["scapp"] == __version__


def test_it_trains_clear(place, cells):
    said = run(place, "scapp", "clear", cells, "-o", place / "out.h5ad", "--epochs", 2, "--hidden", 16, "--dim", 8)
    assert json.loads(said.splitlines()[-1])["n_cells"] == 300
    code = f"import anndata; print(anndata.read_h5ad({str(place / 'out.h5ad')!r}).obsm['X_clear'].shape)"
    assert run(place, "python", "-c", code) == "(300, 66)\n"  # PCA's 50 beside the 16


def test_a_scanpy_user_finds_the_api(place):
    code = (
        "import scapp; a = scapp.datasets.simulate(80, 100, 2); scapp.pp.prepare(a);"
        "scapp.tl.clear(a, epochs=1, settings={'hidden': 8, 'dim': 4}, progress=False); print(a.obsm['X_clear'].shape)"
    )
    assert run(place, "python", "-c", code) == "(80, 58)\n"  # PCA's 50 beside the 8


def test_an_exported_script_makes_the_dataset_again(place, cells, workspace, tmp_path):
    id = run_step(workspace, "import", {"path": str(cells), "name": "cells"}, None, tmp_path / "i")["dataset"]
    id = run_step(workspace, "prepare", {"min_genes": 0, "min_cells": 0}, id, tmp_path / "p")["dataset"]
    (place / "again.py").write_text(as_python(script_of(workspace.open(id))))
    said = run(place, "python", "again.py", cells)
    assert "equal to the app" in said
    assert "differs from the app" not in said


def test_the_app_starts_from_anywhere(place):
    with socket.socket() as free:
        free.bind(("localhost", 0))
        port = free.getsockname()[1]
    command = [str(place / "venv" / "bin" / "scapp"), "app", "--port", str(port), "--workspace", str(place / "work")]
    environment = {k: v for k, v in os.environ.items() if k != "PYTHONPATH"} | {"HOME": str(place)}
    environment["SCAPP_TOKEN"] = "off"
    with open(place / "app.log", "wb") as log:
        process = subprocess.Popen(command, cwd=place, env=environment, stdout=log, stderr=log, start_new_session=True)
    try:
        end = time.monotonic() + 120
        while True:
            try:
                page = urllib.request.urlopen(f"http://localhost:{port}/").read().decode()
                break
            except OSError:
                assert time.monotonic() < end, (place / "app.log").read_text()
                time.sleep(0.2)
        assert "<title>" in page
        # the settings beside the installed app.py were read: without them it would listen to every computer
        assert "localhost" in (place / "app.log").read_text()
        assert "Network URL" not in (place / "app.log").read_text()
    finally:
        os.killpg(process.pid, signal.SIGTERM)
        process.wait(30)
    # what the page holds, without a browser
    code = (
        "from streamlit.testing.v1 import AppTest; from scapp.core.installation import PACKAGE;"
        "from scapp.ui.kit.routing import page_file;"
        "at = AppTest.from_file(str(PACKAGE / 'ui' / 'start.py'), default_timeout=60).run();"
        "print(at.title[0].value, len(at.exception));"
        "at.switch_page(str(page_file('upload'))).run(); print(at.title[0].value, len(at.exception))"
    )
    assert run(place, "python", "-c", code).splitlines()[-2:] == ["scapp 0", "Upload & QC 0"]
