"""Colours for categories: distinct, and readable on light and dark pages."""

import colorsys

BASE = (
    "#3b82c4",
    "#e8833a",
    "#3fa34d",
    "#d1495b",
    "#8e6bbf",
    "#9c6644",
    "#d977b4",
    "#7a8288",
    "#b8b02c",
    "#22a7b5",
    "#6fb1e8",
    "#f2b27a",
    "#85cf8f",
    "#f08a98",
    "#bfa6e3",
    "#c9a283",
    "#f2b3d9",
    "#aab2b8",
    "#dcd667",
    "#7cd6e0",
)


def palette(n_colours: int) -> list[str]:
    """So many different colours as ``#rrggbb``; the first are always the same."""
    colours = list(BASE[:n_colours])
    for index in range(len(colours), n_colours):
        # golden-angle steps in hue, alternating lightness
        hue = (0.08 + index * 0.61803398875) % 1.0
        red, green, blue = colorsys.hls_to_rgb(hue, (0.42, 0.6, 0.72)[index % 3], 0.55)
        colours.append("#" + "".join(f"{round(channel * 255):02x}" for channel in (red, green, blue)))
    return colours


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
