"""Whether a training has learnt anything, from its last epoch."""

from collections.abc import Mapping
from typing import Literal

COLLAPSED_BELOW = 0.02
"""Of the spread: below it all cells look alike."""
NEAR_CHANCE = 0.02
"""Share of the chance level by which the loss must be below it."""
Fault = Literal["collapsed", "near chance"]


def fault_of(last: Mapping[str, float]) -> Fault | None:
    """What is wrong with a training; None where it has learnt.

    Parameters
    ----------
    last
        ``loss``, ``chance`` (the loss of a network that guesses, the logarithm of the number of candidates) and
        ``spread`` (1 where embeddings use all directions, 0 where they are one point) of its last epoch.
    """
    if last["spread"] < COLLAPSED_BELOW:
        return "collapsed"
    if last["chance"] - last["loss"] < NEAR_CHANCE * last["chance"]:
        return "near chance"
    return None
