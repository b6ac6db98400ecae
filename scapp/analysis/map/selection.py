"""Which cells a user means: inside polygons drawn on a map, of some groups, or both."""

from collections.abc import Iterable, Sequence

import numpy as np
import pandas as pd

from scapp.core.config import Config

Polygon = Sequence[tuple[float, float]]


class Selection(Config):
    """Some cells of a dataset, in words that still mean something after everything was computed again.

    Parameters
    ----------
    map
        Key in obsm of the map that was drawn on, such as ``X_umap_clear``.
    polygons
        Corners (x, y) on it; no polygon means every cell.
    column, groups
        Only cells of these groups of an annotation; no group means all.
    """

    map: str = ""
    polygons: tuple[tuple[tuple[float, float], ...], ...] = ()
    column: str = ""
    groups: tuple[str, ...] = ()


def inside(points: np.ndarray, polygons: Iterable[Polygon]) -> np.ndarray:
    """Which points lie in any of the polygons, bool, shape (n_cells,)."""
    from matplotlib.path import Path

    members = np.zeros(len(points), dtype=bool)
    for polygon in polygons:
        if len(polygon) >= 3:
            members |= Path(polygon).contains_points(points)
    return members


def selected(selection: Selection, n_cells: int, points: np.ndarray | None, values: pd.Series | None) -> np.ndarray:
    """Which cells a selection means, bool, shape (n_cells,).

    Parameters
    ----------
    selection
        What was drawn and chosen.
    n_cells
        Of the dataset.
    points
        The map that it names, shape (n_cells, 2); needed with polygons.
    values
        The annotation that it names; needed with groups.
    """
    members = np.ones(n_cells, dtype=bool)
    if selection.polygons:
        assert points is not None
        members &= inside(points, selection.polygons)
    if selection.groups:
        assert values is not None
        members &= values.astype(str).isin(selection.groups).to_numpy()
    return members
