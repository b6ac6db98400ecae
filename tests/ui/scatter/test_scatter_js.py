"""The browser's half of the map of many cells, by node: what was packed is unpacked, and places are where they are."""

import json
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from scapp.ui.scatter import scatter

NODE = shutil.which("node")
pytestmark = pytest.mark.skipif(NODE is None, reason="no node on the path: install Debian's package nodejs")
SOURCE = Path(scatter.__file__).parent / "scatter.js"

# A Scatter without its canvases: the map is 800 x 400 pixels on the screen.
BEGIN = """
import { readFileSync } from "node:fs"
import { Scatter, unpack } from "./scatter.mjs"
globalThis.requestAnimationFrame = (call) => call()
const found = unpack(new Uint8Array(readFileSync("packed.bin")))
const s = Object.assign(Object.create(Scatter.prototype), found, {
  overlay: { clientWidth: 800, clientHeight: 400 }, zoom: 1, centre: [0.5, 0.5], hidden: new Set(), polygons: [],
  path: [], tool: "lasso", tip: { style: {} }, draw() {}, sketch() {},
  setStateValue(name, value) { this.told = value },
})
const say = (value) => console.log(JSON.stringify(value))
"""


@pytest.fixture
def points():
    """Twice as wide as high, with corners that are exact."""
    rng = np.random.default_rng(0)
    inside = rng.uniform([0, 0], [20, 10], size=(200, 2))
    return np.vstack([[[0, 0], [20, 10]], inside]).astype(np.float32)


@pytest.fixture
def run(points, tmp_path):
    shutil.copy(SOURCE, tmp_path / "scatter.mjs")
    groups = pd.Series(pd.Categorical(np.where(points[:, 0] > 10, "right", "left")))
    packed = scatter.pack(
        points, groups, title="side", colours=["#102030", "#405060"], axes="UMAP", height=400, name="f", alt="a"
    )
    (tmp_path / "packed.bin").write_bytes(packed)

    def run_lines(code):
        (tmp_path / "test.mjs").write_text(BEGIN + code)
        done = subprocess.run([NODE, "test.mjs"], cwd=tmp_path, capture_output=True, text=True, timeout=60, check=False)
        assert done.returncode == 0, done.stderr
        return [json.loads(line) for line in done.stdout.splitlines()]

    return run_lines


def test_what_was_packed_is_unpacked(run, points):
    header, places, codes = run("say(found.header); say([...found.places]); say([...found.codes])")
    assert (header["n"], header["title"], header["names"][:2]) == (202, "side", ["left", "right"])
    low, high = np.array(header["bounds"])
    back = low + np.array(places).reshape(-1, 2) / 65535 * (high - low)
    order = np.random.default_rng(0).permutation(202)
    np.testing.assert_allclose(back, points[order], atol=2e-4)
    assert codes == (points[order][:, 0] > 10).astype(int).tolist()


def test_pixels_and_the_map_are_each_others_inverse_at_any_zoom(run):
    first, again, corners = run(
        "say([0.2, 0.7].map((v, i) => s.toMap(s.toPixel([0.2, 0.7]))[i] - v));"
        "s.zoomAt([100, 300], 3); say([0.2, 0.7].map((v, i) => s.toMap(s.toPixel([0.2, 0.7]))[i] - v));"
        "s.zoom = 1; s.centre = [0.5, 0.5]; say([s.toPixel([0, 0]), s.toPixel([1, 1])])"
    )
    np.testing.assert_allclose([first, again], 0, atol=1e-9)
    # 20 x 10 on 800 x 400: 96% of the width, y upwards
    np.testing.assert_allclose(corners, [[16, 392], [784, 8]])


def test_zooming_keeps_the_place_under_the_pointer(run):
    before, after, zoom = run("say(s.toMap([650, 90])); s.zoomAt([650, 90], 4); say(s.toMap([650, 90])); say(s.zoom)")
    np.testing.assert_allclose(before, after)
    assert zoom == 4


def test_a_lasso_and_a_box_come_back_in_the_maps_own_coordinates(run):
    lasso, box, nothing = run(
        "s.path = [[16, 392], [400, 392], [400, 8]]; s.finish(); say(s.told);"
        "s.tool = 'box'; s.path = [[16, 392], [400, 200]]; s.finish(); say(s.told);"
        "s.told = null; s.tool = 'lasso'; s.path = [[1, 1]]; s.finish(); say(s.told)"
    )
    np.testing.assert_allclose(lasso["polygons"][0], [[0, 0], [10, 0], [10, 10]], atol=1e-9)
    np.testing.assert_allclose(box["polygons"][0], [[0, 0], [10, 0], [10, 5], [0, 5]], atol=1e-9)
    assert nothing is None


def test_a_long_lasso_is_thinned_and_keeps_its_shape(run):
    (selection,) = run(
        "for (let i = 0; i < 5000; i++) s.path.push([400 + 100 * Math.cos(i / 796), 200 + 100 * Math.sin(i / 796)]);"
        "s.finish(); say(s.told)"
    )
    polygon = np.array(selection["polygons"][0])
    assert 300 <= len(polygon) <= 400
    np.testing.assert_allclose(np.linalg.norm(polygon - [10, 5], axis=1), 100 / 768 * 20, rtol=1e-6)


def test_hovering_names_the_nearest_cell_that_is_shown(run):
    shown, hidden, empty = run(
        "s.hover(s.toPixel([1, 1])); say([s.tip.hidden, s.tip.textContent]);"
        "s.hidden = new Set([1]); s.tip.textContent = ''; s.hover(s.toPixel([1, 1])); say(s.tip.textContent);"
        "s.hidden = new Set(); s.hover([790, 395]); say(s.tip.hidden)"
    )
    assert shown == [False, "right"]
    assert hidden == ""
    assert empty is True


def test_another_map_forgets_the_selection_and_another_colour_keeps_it(run):
    same, other = run(
        "Object.assign(s, { gl: new Proxy({}, { get: () => () => null }), buffers: [], frame: { style: {} },"
        " root: { querySelector: () => ({}) , querySelectorAll: () => [] }, list() {}, mark() {} });"
        "s.overlay.setAttribute = () => {};"
        "const bytes = new Uint8Array(readFileSync('packed.bin'));"
        "s.polygons = [[[0, 0], [1, 0], [1, 1]]]; s.update(bytes, s.setStateValue); say(s.polygons.length);"
        "s.header = { ...s.header, id: 'another' }; s.update(bytes, s.setStateValue); say(s.polygons.length)"
    )
    assert (same, other) == (1, 0)
