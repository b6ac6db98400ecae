"""Is a trained CLEAR worth it? What can be expected of it beside PCA where there are no labels."""

from collections.abc import Mapping
from typing import Any, Literal

from scapp.metrics.neighbours_compared import N_NEIGHBOURS, NeighboursCompared

Expectation = Literal["closer", "equal", "worse"]
CHANGED = 0.78
"""With fewer shared neighbours than this, types lay closer together on the sets that the rule was chosen on."""
AGAINST = -0.01
"""Unseen genes that agree less with neighbours than in PCA, by so much, went with types further apart there."""
RECORD: dict[Expectation, str] = {
    "closer": "2 of 2",
    "equal": "7 of 8",
}
"""How often an expectation was right on labelled sets that had no part in the rule (``benchmarks.clear_verdict``)."""


def expectation(found: NeighboursCompared) -> Expectation:
    """Whether cells of a type are to be expected closer together than in PCA, as close, or further apart.

    Parameters
    ----------
    found
        Neighbours in CLEAR (``ours``) and in PCA (``theirs``).
    """
    difference = None if found.ours is None or found.theirs is None else found.ours - found.theirs
    if difference is not None and difference <= AGAINST:
        return "worse"
    return "closer" if found.shared < CHANGED and (difference is None or difference >= 0) else "equal"


def in_words(summary: Mapping[str, Any]) -> tuple[Expectation, str]:
    """What to expect, and the sentences that say so with their figures.

    Parameters
    ----------
    summary
        Fields of ``NeighboursCompared``, as a run keeps them.
    """
    found = NeighboursCompared(**summary)
    expected = expectation(found)
    seen = f"Of a cell's {N_NEIGHBOURS} nearest neighbours {found.shared:.0%} are the same as in PCA."
    if found.ours is not None:
        seen += (
            f" In {found.n_unseen:,} genes that neither has read, cells agree with their neighbours by"
            f" {found.ours:.3f} (PCA {found.theirs:.3f}, median correlation)."
        )
    if expected == "worse":
        return expected, f"{seen} **PCA's neighbours are the better ones here**: use PCA, or train with other settings."
    if expected == "closer":
        return expected, (
            f"{seen} **Expect cells of a type to lie closer together than in PCA**: on labelled datasets that had no"
            f" part in this rule it was right on {RECORD[expected]}."
        )
    return expected, (
        f"{seen} **Expect neighbourhoods as good as PCA's, and no better**: on labelled datasets that had no part in"
        f" this rule it was right on {RECORD[expected]}."
    )
