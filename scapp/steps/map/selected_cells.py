"""What a selection means in a dataset."""

import numpy as np
import pandas as pd

from scapp.analysis.map.selection import Selection, selected
from scapp.core.errors import ConfigError, DataError
from scapp.steps.step import Reading


def selected_cells(reading: Reading, selection: Selection, what: str = "The selection") -> np.ndarray:
    """Which cells a selection means, bool, shape (n_cells,).

    Raises
    ------
    DataError
        No cell is selected, or its map is not there.
    """
    points = np.asarray(reading.read(f"obsm/{selection.map}")) if selection.polygons else None
    column = reading.column(selection.column) if selection.groups else None
    values = None if column is None else pd.Series(column)
    members = selected(selection, reading.n_cells, points, values)
    if not members.any():
        raise DataError(f"{what} holds no cell.", hint="Draw around some cells on the map, then try again.")
    return members


def checked_column(name: str) -> str:
    """Name of an annotation that a user gave, without spaces around it.

    Raises
    ------
    ConfigError
        It is empty, long, or holds a slash, which files cannot keep.
    """
    name = " ".join(name.split())
    if not name or len(name) > 60 or "/" in name or name == "_index":
        raise ConfigError(
            f"'{name[:60]}' cannot be the name of an annotation: 1 to 60 characters without a slash are needed.",
            hint="Type another name, such as cell_type.",
        )
    return name
