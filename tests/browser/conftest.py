"""One server and one warm worker for the browser suite."""

import os
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
from pathlib import Path
from typing import Any

import psutil
import pytest

from scapp.data.config import SimulationConfig
from scapp.data.simulated.simulate import simulate

ROOT = Path(__file__).resolve().parents[2]
CHROMIUM = shutil.which("chromium")
# A fresh clone on a cold disk takes over a minute until its worker has read scanpy and torch; a slow machine is no
# failure, so each wait is as long as the slowest machine seen needs, three times over.
PATIENCE = 300_000  # milliseconds
ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


TOKEN = "of-the-browser-tests"


class Server:
    """The app as a user starts it, on a free port and its own workspace."""

    def __init__(self, folder: Path) -> None:
        self.workspace = folder / "workspace"
        self.log = folder / "server.log"
        with socket.socket() as free:
            free.bind(("localhost", 0))
            self.port = free.getsockname()[1]
        self.address = f"http://localhost:{self.port}"
        self.process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        chosen = {"SCAPP_WORKSPACE": str(self.workspace), "SCAPP_THREADS": "1", "SCAPP_TOKEN": TOKEN}
        environment = {**os.environ, **chosen}
        options = ["--server.port", str(self.port)]
        with open(self.log, "ab") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "streamlit", "run", "app.py", *options],
                cwd=ROOT,
                env=environment,
                stdout=log,
                stderr=log,
            )
        end = time.monotonic() + 180
        while time.monotonic() < end:
            try:
                urllib.request.urlopen(f"{self.address}/_stcore/health").close()
            except OSError:
                time.sleep(0.1)
            else:
                return
        raise AssertionError(self.log.read_text())

    def stop(self) -> None:
        assert self.process is not None
        self.process.terminate()
        self.process.wait(60)

    def end(self) -> None:
        self.stop()
        for process in psutil.process_iter(["cmdline"]):
            if str(self.workspace) in " ".join(process.info["cmdline"] or []):
                process.kill()


@pytest.fixture(scope="session")
def server(tmp_path_factory):
    if CHROMIUM is None:
        pytest.skip("no chromium on the path: install Debian's package chromium to run the browser tests")
    server = Server(tmp_path_factory.mktemp("browser"))
    server.start()
    yield server
    server.end()
    complaints = [line for line in server.log.read_text().splitlines() if "Error" in line or "Traceback" in line]
    assert complaints == []


def _note(errors: list[str], message: Any) -> None:
    """Keep a console error, but not Streamlit's own: below a page's address it asks for its health at two wrong
    places before the right one, and while the server restarts its timers find nobody to talk to."""
    said = ("/_stcore/", "disconnected from server", "Is Streamlit still running?", "WebSocket is already in CLOSING")
    own = any(words in text for words in said for text in (message.location.get("url", ""), message.text))
    if message.type == "error" and not own:
        errors.append(f"{message.text} {message.location.get('url', '')}")


@pytest.fixture
def open_browser(server, tmp_path):
    """Open a browser window; at the end its console must hold no error."""
    from playwright.sync_api import sync_playwright

    errors: list[str] = []
    contexts = []
    with sync_playwright() as playwright:

        def open_window(theme="light", *, known=True):
            context = playwright.chromium.launch_persistent_context(
                tmp_path / f"profile{len(contexts)}",
                executable_path=CHROMIUM,
                args=ARGUMENTS,
                viewport={"width": 1440, "height": 900},
                color_scheme=theme,
                accept_downloads=True,
            )
            contexts.append(context)
            if known:
                context.add_cookies([{"name": f"scapp_{server.port}", "value": TOKEN, "url": server.address}])
            page = context.pages[0]
            page.set_default_timeout(PATIENCE)
            # who is not let in sees that in the console as well
            page.on("console", lambda message: known and _note(errors, message))
            page.on("pageerror", lambda error: errors.append(str(error)))
            return page

        yield open_window
        for context in contexts:
            context.close()
    assert errors == []


@pytest.fixture(scope="session")
def upload(tmp_path_factory):
    """A file the app has never seen: 300 cells of 3 types with labels."""
    path = tmp_path_factory.mktemp("upload") / "my cells.h5ad"
    simulate(SimulationConfig(n_cells=300, n_genes=300, n_types=3, type_strength=2, marker_share=0.3)).write_h5ad(path)
    return path


def pytest_collection_modifyitems(items):
    """The main job begins with an empty workspace, so it goes before all that leave something in it."""
    items.sort(key=lambda item: "test_main_job" not in item.nodeid)
