"""The chosen representation, ``X_clear``, and the maps and clusters that belong to it. Loads no scanpy."""

from collections.abc import Callable
from typing import Any

from scapp.analysis.map.config import ChooseConfig
from scapp.core import keys
from scapp.core.step_context import StepContext
from scapp.steps.step import Inputs, Outcome, Reading
from scapp.workspace.datasets.staging import SameAs

MAP_METHODS = ("umap", "tsne")
CLUSTER_METHODS = keys.WRITTEN_COLUMNS


def choose(inputs: Inputs, config: ChooseConfig, context: StepContext) -> Outcome:
    """Make one run's representation ``X_clear``, and its maps and clusters those that belong to it."""
    data, name = inputs.data, config.representation
    own = {keys.representation("clear"): keys.representation(name)}
    own |= {keys.drawn(method): keys.drawn(method, name) for method in MAP_METHODS}
    own |= {keys.clusters(method): keys.clusters(method, name) for method in CLUSTER_METHODS}
    made: dict[str, Any] = {slot: data.same_as(source) for slot, source in own.items() if source in data}
    if keys.parts(name) in data:
        made[keys.parts("clear")] = data.same_as(keys.parts(name))
    elif keys.parts("clear") in data:
        made[keys.parts("clear")] = {}  # the chosen one has nothing beside it
    return Outcome(
        {keys.representation("clear"): data.same_as(keys.representation(name)), **made},
        summary={"representation": name},
    )


def also(data: Reading, name: str, slot_of: Callable[..., str]) -> dict[str, SameAs]:
    """The slot without a representation's name (``X_umap``, ``leiden``), where it is to hold what was made from one.

    It belongs to ``X_clear``: what was made from another representation does not replace what was made
    from that one. Without ``X_clear`` it holds what was made last.
    """
    chosen = keys.representation("clear")
    same = [other for other in keys.representations(data.slots) if data.equal(keys.representation(other), chosen)]
    taken = any(data.equal(slot_of(other), slot_of()) for other in same)
    return {} if taken and name not in same else {slot_of(): SameAs(slot_of(name))}
