"""Colours of groups: a cell type has one, in whichever column of a dataset it is named."""

from collections.abc import Callable, Collection
from typing import Any

import pandas as pd

from scapp.core import keys
from scapp.plotting.palette import colours_by_name


def colours_of(column: str, slots: Collection[str], read: Callable[[str], Any]) -> dict[str, str]:
    """Group -> ``#rrggbb``: the one that is kept with the column, else that of the same name in a column of types.

    Parameters
    ----------
    column
        Of ``obs``.
    slots
        Those that are filled.
    read
        Reads a slot.
    """
    names = groups_of(read(keys.obs(column)))
    kept = _kept(column, names, slots, read)
    if kept is not None:
        return kept
    known: dict[str, str] = {}
    # a column takes its colours from those before it alone, so that no two ask each other
    before = keys.TYPE_COLUMNS[: keys.TYPE_COLUMNS.index(column)] if column in keys.TYPE_COLUMNS else keys.TYPE_COLUMNS
    for other in before:
        if keys.obs(other) in slots:
            for name, colour in colours_of(other, slots, read).items():
                known.setdefault(name, colour)
    return dict(zip(names, colours_by_name(names, known), strict=True))


def groups_of(values: Any) -> list[str]:
    """Names of the groups of a column, in their order."""
    series = pd.Series(values)
    if not isinstance(series.dtype, pd.CategoricalDtype):
        series = series.astype(str).astype("category")
    return [str(name) for name in series.cat.categories]


def _kept(column: str, names: list[str], slots: Collection[str], read: Callable[[str], Any]) -> dict[str, str] | None:
    """Colours that a person has chosen, or that came with the file; None where they do not fit any more."""
    slot = keys.colours(column)
    if slot not in slots:
        return None
    kept = [str(colour) for colour in read(slot)]
    return dict(zip(names, kept, strict=True)) if len(kept) == len(names) else None
