"""Colours for categories: distinct also for colour-blind eyes, and readable on light and dark pages."""

import colorsys
from collections.abc import Mapping, Sequence

BASE = (
    "#3b82c4",
    "#e8923a",
    "#a3223a",
    "#f292f2",
    "#14cc9b",
    "#4e8814",
    "#6b3b9b",
    "#d55892",
    "#146262",
    "#9ba5c2",
    "#886b62",
    "#9b7ff2",
    "#b8c26b",
    "#d55828",
    "#889b6b",
    "#f2a5af",
    "#a53b88",
    "#149288",
    "#14c2f2",
    "#3b58c2",
)
"""Blue, orange and red, then each colour as far from those before it as can be, in the eyes of people who see red and
green alike as well (protanopia and deuteranopia, Machado et al. 2009), at a contrast that is seen on white and black.
"""


def palette(n_colours: int) -> list[str]:
    """So many different colours as ``#rrggbb``; the first are always the same."""
    colours = list(BASE[:n_colours])
    for index in range(len(colours), n_colours):
        # golden-angle steps in hue, alternating lightness
        hue = (0.08 + index * 0.61803398875) % 1.0
        red, green, blue = colorsys.hls_to_rgb(hue, (0.42, 0.6, 0.72)[index % 3], 0.55)
        colours.append("#" + "".join(f"{round(channel * 255):02x}" for channel in (red, green, blue)))
    return colours


def colours_by_name(names: Sequence[str], known: Mapping[str, str]) -> list[str]:
    """A colour for each name: the one that it has elsewhere, else the first that is free.

    Parameters
    ----------
    names
        Of the groups.
    known
        Name -> ``#rrggbb`` of groups that have colours already, which no other name gets.
    """
    taken = {colour.lower() for colour in known.values()}
    free = iter([hue for hue in palette(len(taken) + len(names)) if hue not in taken])
    return [known[name] if name in known else next(free) for name in names]


def shades(families: list[str], members: list[str]) -> list[str]:
    """A hue for each family and a shade of it for each of its members (thesis, Figure 3).

    Parameters
    ----------
    families
        Family of each member.
    members
        In the order of the colours that come back.
    """
    names = list(dict.fromkeys(families))
    hues = dict(zip(names, palette(len(names)), strict=True))
    found = []
    for place, family in enumerate(families):
        siblings = [other for other, name in enumerate(families) if name == family]
        share = siblings.index(place) / max(len(siblings) - 1, 1)
        red, green, blue = (int(hues[family][i : i + 2], 16) / 255 for i in (1, 3, 5))
        hue, _, saturation = colorsys.rgb_to_hls(red, green, blue)
        lightness = 0.55 if len(siblings) == 1 else 0.34 + 0.42 * share
        found.append("#" + "".join(f"{round(c * 255):02x}" for c in colorsys.hls_to_rgb(hue, lightness, saturation)))
    return found
