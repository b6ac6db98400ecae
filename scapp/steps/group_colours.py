"""Colours of groups: a cell type has one, in whichever column of a dataset it is named."""

from collections.abc import Callable, Collection
from typing import Any

import pandas as pd

from scapp.core import keys
from scapp.plotting.palette import colours_by_name


def colours_of(column: str, slots: Collection[str], read: Callable[[str], Any]) -> dict[str, str]:
    """Group -> ``#rrggbb``: the one that is kept with the column, else that of the same name in a column of types.

    Colours that are kept with any column of types hold for all columns; a name that no column knows gets a free one.

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
    known = _known(slots, read)
    if not set(names) & set(known):  # clusters and the like have the first colours
        return dict(zip(names, colours_by_name(names, {}), strict=True))
    return dict(zip(names, colours_by_name(names, known), strict=True))


def _known(slots: Collection[str], read: Callable[[str], Any]) -> dict[str, str]:
    """Colours of the names in columns of types: those that were kept, then a free one for each other name.

    A column that shares no name with those before it is left out, and has the first colours, which differ most.
    """
    known: dict[str, str] = {}
    others = []
    for column in keys.TYPE_COLUMNS:
        if keys.obs(column) in slots:
            names = groups_of(read(keys.obs(column)))
            kept = _kept(column, names, slots, read)
            if kept is None:
                others.append(names)
            else:
                known = {**kept, **known}
    for names in others:
        if not known or set(names) & set(known):
            known |= dict(zip(names, colours_by_name(names, known), strict=True))
    return known


def groups_of(values: Any) -> list[str]:
    """Names of the groups of a column, in their order."""
    series = pd.Series(values)
    if isinstance(series.dtype, pd.CategoricalDtype):
        return [str(name) for name in series.cat.categories]
    return sorted({str(value) for value in series.unique()})


def _kept(column: str, names: list[str], slots: Collection[str], read: Callable[[str], Any]) -> dict[str, str] | None:
    """Colours that a person has chosen, or that came with the file; None where they do not fit any more."""
    slot = keys.colours(column)
    if slot not in slots:
        return None
    kept = [str(colour) for colour in read(slot)]
    return dict(zip(names, kept, strict=True)) if len(kept) == len(names) else None
