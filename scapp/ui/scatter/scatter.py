"""The map of many cells in the browser: bytes in, a selection out. scatter.js draws it."""

import hashlib
import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import streamlit as st

from scapp.plotting.map.points import MISSING, marker_size
from scapp.plotting.palette import palette
from scapp.plotting.theme import MUTED, SEQUENTIAL

_HERE = Path(__file__).parent
_HTML = """
<div class="scatter">
  <div class="main">
    <div class="tools">
      <button data-do="lasso" title="Draw around cells to select them">Lasso</button>
      <button data-do="box" title="Draw a box around cells to select them">Box</button>
      <button data-do="pan" title="Move the map">Pan</button>
      <button data-do="in" title="Zoom in (or turn the wheel)" aria-label="Zoom in">+</button>
      <button data-do="out" title="Zoom out" aria-label="Zoom out">−</button>
      <button data-do="reset" title="The whole map (or double-click)">Reset</button>
      <button data-do="clear" title="Forget what is selected">Clear selection</button>
      <button data-do="png" title="Save as a picture">PNG</button>
    </div>
    <div class="row"><div class="y"></div><div class="frame">
      <canvas class="points"></canvas><canvas class="overlay" role="img"></canvas><div class="tip" hidden></div>
    </div></div>
    <div class="x"></div>
  </div>
  <div class="legend"></div>
</div>
"""
LEVELS = 256
_component: Any = None


def _mounted() -> Any:
    """The component, registered when it is first needed."""
    global _component
    if _component is None:
        _component = st.components.v2.component(
            "scapp_scatter",
            html=_HTML,
            css=(_HERE / "scatter.css").read_text(),
            js=(_HERE / "scatter.js").read_text(),
        )
    return _component


def pack(
    points: np.ndarray,
    colour: pd.Series | None,
    *,
    title: str,
    colours: list[str] | None,
    axes: str,
    height: int,
    name: str,
    alt: str,
) -> bytes:
    """Everything that the browser draws, as bytes.

    Places are 16-bit shares of the map's extent: a 65,000th of it, far below a pixel. Groups are drawn in one mixed
    order, so that none hides another; values on a scale from the lowest up, so that few high ones stay visible.
    """
    low, high = points.min(axis=0), points.max(axis=0)
    span = np.where(high > low, high - low, 1)
    places = np.rint((points - low) / span * 65535).astype(np.uint16)
    header: dict[str, Any] = {"n": len(points), "bounds": [low.tolist(), high.tolist()], "title": title, "axes": axes}
    header |= {"height": height, "size": marker_size(len(points)), "file": name, "alt": alt}
    header["id"] = hashlib.blake2b(places.tobytes(), digest_size=8).hexdigest()
    if colour is None or isinstance(colour.dtype, pd.CategoricalDtype):
        codes, order, words = _groups(colour, len(points), colours)
    else:
        codes, order, words = _scale(colour.to_numpy(dtype=float))
    text = json.dumps(header | words).encode()
    text += b" " * (-len(text) % 4)
    return len(text).to_bytes(4, "little") + text + places[order].tobytes() + codes[order].tobytes()


def _groups(colour: pd.Series | None, n_cells: int, colours: list[str] | None) -> tuple[np.ndarray, np.ndarray, dict]:
    if colour is None:
        colour, colours = pd.Series(pd.Categorical(["cells"] * n_cells)), [MUTED]
    names = [str(name) for name in colour.cat.categories]
    hues = [*(colours or palette(len(names))), MUTED]
    codes = colour.cat.codes.to_numpy()
    codes = np.where(codes < 0, len(names), codes).astype(np.uint16)
    counts = np.bincount(codes, minlength=len(names) + 1).tolist()
    order = np.random.default_rng(0).permutation(n_cells)
    return codes, order, {"names": [*names, MISSING], "counts": counts, "colours": hues}


def _scale(values: np.ndarray) -> tuple[np.ndarray, np.ndarray, dict]:
    from plotly.colors import sample_colorscale

    known = values[np.isfinite(values)]
    low, high = (float(known.min()), float(known.max())) if len(known) else (0.0, 1.0)
    shares = (np.nan_to_num(values, nan=low) - low) / ((high - low) or 1)
    codes = np.clip(np.rint(shares * (LEVELS - 1)), 0, LEVELS - 1).astype(np.uint16)
    steps = [[int(part) for part in text[4:-1].split(",")] for text in sample_colorscale(SEQUENTIAL, LEVELS)]
    hues = [f"#{red:02x}{green:02x}{blue:02x}" for red, green, blue in steps]
    return (
        codes,
        np.argsort(codes, kind="stable"),
        {"names": None, "counts": [], "colours": hues, "values": [low, high]},
    )


def show_scatter(packed: bytes, *, key: str) -> list[list[tuple[float, float]]]:
    """Draw what was packed; polygons that were drawn on it, in the map's coordinates."""
    result = _mounted()(data=packed, key=key, height="content", on_selection_change=lambda: None)
    selection = result.selection or {}
    return [[(float(x), float(y)) for x, y in polygon] for polygon in selection.get("polygons", [])]
