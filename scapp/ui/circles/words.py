"""Sentences of the Latent circles page, for biologists and classes."""

import numpy as np

from scapp.metrics.intervals import LEAST_TESTED
from scapp.ui.kit.boundary import escape

CIRCLES = (
    "MLS-CC gives every type a circle of its own and places every cell on each of them: on the circle of a type, its"
    " own cells (blue) should lie together, and all others (grey) elsewhere. **A good circle** has the blue cells in"
    " one short stretch that the grey ones leave free. On **a middling one** the blue cells lie together but some grey"
    " ones are among them: types that resemble it. On **a bad one** blue and grey lie everywhere: do not trust what the"
    " classifier says of that type."
)
COMPETING = (
    "Every type has a circle of its own, read **like a gauge**: the further right a cell lies, the more this circle"
    " claims it for its type; the further left, the more it gives it to others. The circles **compete**: a cell is"
    " named after the circle that claims it most, so what counts is how far right it lies on one circle compared with"
    " all others, and a cell that two circles claim alike is in doubt, wherever it lies. The longer the arc of the"
    " type's own cells (blue), the less sharply it is known. Hover over a point to see on which type's circle it lies"
    " furthest right; sharper circles weigh more when a cell is named, so that its name may be another."
)
CIRCLE_PARTS = "Only test cells show what the circle is worth: training cells lie well because they were put there."
DRAW_AROUND = (
    "Draw around points (lasso or box, above the figure) to see which cells they are, on the map and on all other"
    " circles."
)
RIMS = (
    "Around each rim, how many of the type's cells (blue) and of all others (grey) lie there; bars grow with the square"
    " root, so that few cells can be seen. The number is the AUPRC, on test cells, of how close a cell lies to the mean"
    " direction of the type's training cells: 1 is best. Where the type has too few test cells to judge, their number"
    " (n) stands instead."
)


def what_is_shown(kept_step: int | None, start: str) -> str:
    """Which state of training the circles are; empty of a run that did not keep it."""
    if kept_step is None:
        return ""
    if kept_step > 0:
        return f"Shown is **step {kept_step:,}** of the training by contrast, which validated best."
    of = "the ridge regression of its type against all others" if start == "ridge" else "a random projection"
    return (
        f"Shown is the **start**: each circle is {of}, because training by contrast gave circles that tell"
        " validation cells apart less well. The contrast has done nothing here."
    )


def course(kept_step: int | None, start: str) -> str:
    """What the steps of training show, and how they end."""
    of = "a ridge regression of the type against all others" if start == "ridge" else "chance"
    begins = f"Test cells on the circle above, from the start ({of}) on, at every step that was validated."
    if kept_step is None:
        return begins
    if kept_step > 0:
        return f"{begins} The last one, step {kept_step:,}, is the circle above: none validated better."
    return f"{begins} The circle above is the start: what came after it validated less well."


def circle_in_words(name: str, separation: float, n_test: int) -> str:
    """How to read one type's circle, from the AUPRC of its separation on so many test cells of the type."""
    if n_test == 0 or np.isnan(separation):
        return f"**{escape(name)}** has no test cells, so nobody knows how well its circle separates it."
    if n_test < LEAST_TESTED:
        cells = "1 test cell" if n_test == 1 else f"{n_test} test cells"
        return (
            f"**{escape(name)}** has {cells}: **not enough to judge** its circle (AUPRC {separation:.2f}; at least"
            f" {LEAST_TESTED} are needed). A larger 'Test share' in the settings of training gives more."
        )
    if separation >= 0.9:
        quality = "**A good circle**: its cells can be told from all others by their place here"
    elif separation >= 0.6:
        quality = "**A middling circle**: most of its cells lie apart, and some of other types lie among them"
    else:
        quality = "**A bad circle**: its cells are not told from others by their place here"
    return (
        f"{quality} (AUPRC {separation:.2f} on {n_test:,} test cells of it). Hover over a point to see which type a"
        " cell is of."
    )
