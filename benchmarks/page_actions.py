"""What an action on a page costs when nobody else is there, beside a Streamlit app of one line.

    python -m benchmarks.page_actions

Draws each page anew, without an open dataset, over the websocket that browsers use.
"""

import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import psutil
import requests

from benchmarks.streamlit_session import ScreenlessBrowser, ScreenlessPage
from scapp.ui.kit.routing import PAGES
from tests.browser.conftest import TOKEN, Server

REPEATS = 20


def measured(page: ScreenlessPage, process: psutil.Process) -> tuple[float, float]:
    """Median seconds of drawing a page anew, and the processor's seconds for each."""
    for _ in range(3):
        page.rerun()
    before = sum(process.cpu_times()[:2])
    seconds = [page.rerun() for _ in range(REPEATS)]
    return statistics.median(seconds), (sum(process.cpu_times()[:2]) - before) / REPEATS


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        script = Path(folder) / "one_line.py"
        script.write_text("import streamlit as st; st.write('one line')\n")
        port = 8599
        other = subprocess.Popen(
            [sys.executable, "-m", "streamlit", "run", str(script), "--server.port", str(port)],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        server = Server(Path(folder) / "scapp")
        server.workspace.parent.mkdir()
        server.start()
        try:
            while True:
                try:
                    requests.get(f"http://localhost:{port}/_stcore/health", timeout=1)
                    break
                except requests.ConnectionError:
                    time.sleep(0.1)
            peer = measured(ScreenlessBrowser(f"http://localhost:{port}").open(""), psutil.Process(other.pid))
            print(f"{'one line':<12} {peer[0]:.3f} s, processor {peer[1]:.3f} s")
            browser = ScreenlessBrowser(server.address)
            browser.knows(TOKEN)
            assert server.process is not None
            for record in PAGES:
                took = measured(browser.open(record.id), psutil.Process(server.process.pid))
                print(f"{record.id:<12} {took[0]:.3f} s ({took[0] / peer[0]:.1f} x), processor {took[1]:.3f} s")
        finally:
            other.terminate()
            server.end()


if __name__ == "__main__":
    main()
