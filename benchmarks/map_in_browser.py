"""How a map feels in a browser: seconds from an action to its picture, beside Plotly's own points in the same browser.

    python -m benchmarks.map_in_browser [N_CELLS ...]

Starts the app on a fresh workspace and drives a headless Chromium.
"""

import contextlib
import re
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import plotly.graph_objects as go
from playwright.sync_api import Page, sync_playwright

from benchmarks.big_maps import make_map
from scapp.core import keys
from scapp.workspace.datasets.store import Workspace
from tests.browser.conftest import ARGUMENTS, TOKEN, Server

REPEATS = 5
IDLE = "[data-testid=stApp][data-test-script-state=notRunning]"


def main() -> None:
    sizes = [int(text) for text in sys.argv[1:]] or [100_000, 1_000_000]
    with tempfile.TemporaryDirectory() as folder:
        server = Server(Path(folder))
        workspace = Workspace(server.workspace)
        made = {size: make_map(workspace, size) for size in sizes}
        server.start()
        try:
            for size, dataset in made.items():
                for name, seconds in measure(server, dataset.id).items():
                    print(f"{size:>9,} cells  {name:<28} {seconds:6.2f} s", flush=True)
                points = dataset.read(keys.umap("pca"))
                colours = [dataset.read(keys.obs(column)).codes for column in ("leiden_pca", "cell_type")]
                print(
                    f"{size:>9,} cells  {'Plotly alone: another colour':<28}"
                    f" {plotly(points, colours, Path(folder)):6.2f} s",
                    flush=True,
                )
        finally:
            server.stop()
            subprocess.run(["pkill", "-f", str(server.workspace)], check=False)


@contextlib.contextmanager
def browser(server: Server | None = None) -> Iterator[Page]:
    """A page of a headless Chromium, let in by a server where one is given."""
    with tempfile.TemporaryDirectory() as profile, sync_playwright() as playwright:
        context = playwright.chromium.launch_persistent_context(
            profile, executable_path=shutil.which("chromium"), args=ARGUMENTS, viewport={"width": 1440, "height": 900}
        )
        if server is not None:
            context.add_cookies([{"name": f"scapp_{server.port}", "value": TOKEN, "url": server.address}])
        yield context.pages[0]
        context.close()


def drawn(page: Page) -> None:
    page.wait_for_timeout(30)
    page.wait_for_selector(IDLE, timeout=120_000)
    page.evaluate("() => new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)))")


def timed(page: Page, action: Callable[[], object]) -> float:
    start = time.perf_counter()
    action()
    drawn(page)
    return time.perf_counter() - start


def measure(server: Server, dataset: str) -> dict[str, float]:
    """Median seconds of each action; the first drawing once, from the address to the picture."""
    with browser(server) as page:
        start = time.perf_counter()
        page.goto(f"{server.address}/map?dataset={dataset}")
        page.locator("canvas.overlay").wait_for(timeout=120_000)
        drawn(page)
        found = {"first drawing": time.perf_counter() - start}
        page.wait_for_timeout(2000)

        def colour(name: str) -> Callable[[], object]:
            def action() -> None:
                box = page.get_by_role("combobox", name="Colour by").first
                box.click()
                box.fill(name)
                page.get_by_role("option", name=name, exact=True).first.click()

            return action

        names = ("cell_type", "depth", "leiden_pca")
        found["another colour"] = statistics.median(timed(page, colour(name)) for name in names * 2)
        canvas = page.locator("canvas.overlay")
        canvas.scroll_into_view_if_needed()
        box = canvas.bounding_box()
        assert box is not None

        def zoom(amount: int) -> Callable[[], object]:
            def action() -> None:
                page.mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"] / 3)
                page.mouse.wheel(0, amount)

            return action

        found["zoom"] = statistics.median(timed(page, zoom(amount)) for amount in (-200, 200) * REPEATS)
        lassos = []
        for size in (0.3, 0.4, 0.5):
            page.mouse.move(box["x"] + 0.1 * box["width"], box["y"] + 0.1 * box["height"])
            page.mouse.down()
            for x, y in ((size, 0.1), (size, size), (0.1, size), (0.1, 0.1)):
                page.mouse.move(box["x"] + x * box["width"], box["y"] + y * box["height"], steps=3)
            lassos.append(timed(page, page.mouse.up))
            page.get_by_text(re.compile("cells selected$")).wait_for()
        found["lasso to counts"] = statistics.median(lassos)
        return found


def plotly(points, colours, folder: Path) -> float:
    """Median seconds that Plotly alone takes to draw other colours (one trace per group), without any server."""
    figures = []
    for codes in colours:
        figure = go.Figure()
        for code in range(codes.max() + 1):
            part = points[codes == code]
            figure.add_scattergl(x=part[:, 0], y=part[:, 1], mode="markers", marker={"size": 2})
        figures.append(figure)
    page_file = folder / "plotly.html"
    page_file.write_text(
        f"<html><body>{figures[0].to_html(full_html=False, include_plotlyjs=True, div_id='map')}"
        f"<script>const other = {figures[1].to_json()}, first = {figures[0].to_json()}</script></body></html>"
    )
    script = (
        "async (name) => { const f = name === 'other' ? other : first; const t = performance.now(); await"
        " Plotly.react('map', f.data, f.layout);await new Promise(d => requestAnimationFrame(() =>"
        " requestAnimationFrame(d))); return (performance.now() - t) / 1000 }"
    )
    with browser() as page:
        page.goto(page_file.as_uri(), timeout=180_000)
        page.wait_for_timeout(3000)
        return statistics.median(page.evaluate(script, name) for name in ("other", "first") * 2)


if __name__ == "__main__":
    main()
