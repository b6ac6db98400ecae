"""The loop that every stage of a classifier is trained with: the best state by validation is kept."""

import copy
import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn

from scapp.classify.stages.procedures import OPTIMIZERS, Procedure
from scapp.core.errors import DivergedError
from scapp.core.step_context import StepContext

EVALUATIONS = 40
CHOSEN_EVERY = 4
"""Evaluations from one look at what the state is chosen by to the next, where that is not the validation loss: it may
cost more.
"""


@dataclass(frozen=True)
class Stage:
    """One stage of training.

    Parameters
    ----------
    name
        For progress and curves.
    modules
        What is trained; the best of their states is kept.
    loss
        Of some training cells (their places), with a gradient.
    validate
        Loss of the validation cells, without a gradient.
    steps
        How many.
    learning_rate
        At the start; it falls along a cosine.
    weight_decay
        Of AdamW.
    choose
        What the kept state is chosen by, smaller is better; the validation loss where there is none.
    watch
        Called with the number of the step, before the first and at every validation.
    procedure
        Optimiser and rate in place of AdamW on a cosine, and when to stop early.
    every
        Steps from one validation to the next; 0 is a fortieth of them.
    """

    name: str
    modules: Sequence[nn.Module]
    loss: Callable[[Tensor], Tensor]
    validate: Callable[[], float]
    steps: int
    learning_rate: float
    weight_decay: float = 0.0
    choose: Callable[[], float] | None = None
    watch: Callable[[int], None] | None = None
    procedure: Procedure | None = None
    every: int = 0


def run_stage(stage: Stage, batches: Iterator[Tensor], context: StepContext, *, done: int, total: int) -> int:
    """Train, and leave the modules in the state that validated best.

    Parameters
    ----------
    stage
        What to do.
    batches
        Places of training cells, as many times as there are steps.
    context
        Gets progress and a row per validation (``stage``, ``step``, ``loss``: mean since the last row, ``validation``);
        may ask to stop.
    done, total
        Stages before this one, and all.

    Returns
    -------
    The step whose state was kept; 0 is the start.

    Raises
    ------
    DivergedError
        The loss or the validation is not a number.
    """
    parameters = [p for module in stage.modules for p in module.parameters() if p.requires_grad]
    procedure = stage.procedure
    kind = OPTIMIZERS["adamw" if procedure is None else procedure.optimizer]
    optimizer = kind(parameters, lr=stage.learning_rate, weight_decay=stage.weight_decay)
    kept_step = 0
    best, kept = (
        _asked(stage, stage.choose or stage.validate),
        [copy.deepcopy(module.state_dict()) for module in stage.modules],
    )
    every = stage.every or max(stage.steps // EVALUATIONS, 1)
    losses: list[Tensor] = []
    _watch(stage, 0)
    for step in range(1, stage.steps + 1):
        context.raise_if_stopped()
        for group in optimizer.param_groups:
            group["lr"] = stage.learning_rate * (
                0.5 * (1 + math.cos(math.pi * (step - 1) / stage.steps))
                if procedure is None
                else procedure.factor(step - 1)
            )
        for module in stage.modules:
            module.train()
        loss = stage.loss(next(batches))
        optimizer.zero_grad(set_to_none=True)
        if loss.requires_grad:
            loss.backward()
            optimizer.step()
        losses.append(loss.detach())
        if step % every == 0 or step == stage.steps:
            found = _asked(stage, stage.validate)
            row: dict[str, float] = {"step": step, "loss": float(torch.stack(losses).mean()), "validation": found}
            if not (math.isfinite(row["loss"]) and math.isfinite(found)):
                raise DivergedError(
                    f"The loss became {row['loss']} in stage '{stage.name}'.",
                    hint="Lower the learning rate (a tenth is a good try), then train again.",
                )
            losses = []
            _watch(stage, step)
            chooses = stage.choose is None or step % (every * CHOSEN_EVERY) == 0 or step == stage.steps
            if stage.choose is not None and chooses:
                found = row["head"] = _asked(stage, stage.choose)
            if chooses and found < best:
                best, kept_step, kept = found, step, [copy.deepcopy(module.state_dict()) for module in stage.modules]
            context.log_metrics({"stage": stage.name, **row})
            context.report(done + step / stage.steps, total, f"{stage.name}: step {step} of {stage.steps}")
            if procedure is not None and step - kept_step >= procedure.patience * every:
                break
    if procedure is not None:
        ended = (
            f"ended after epoch {step // every} of {stage.steps // every}; that of epoch {kept_step // every} is kept"
        )
        context.report(done + 1, total, f"{stage.name}: {ended}")
    for module, state in zip(stage.modules, kept, strict=True):
        module.load_state_dict(state)
        module.eval()
    return kept_step


def _asked(stage: Stage, question: Callable[[], float]) -> float:
    for module in stage.modules:
        module.eval()
    with torch.no_grad():
        return question()


def _watch(stage: Stage, step: int) -> None:
    if stage.watch is not None:
        for module in stage.modules:
            module.eval()
        with torch.no_grad():
            stage.watch(step)


def batches_of(codes: np.ndarray, size: int, *, balanced: bool, seed: int) -> Iterator[Tensor]:
    """Endless batches of places in ``codes``.

    Parameters
    ----------
    codes
        Type of each training cell, shape (n_cells,).
    size
        Cells of a batch, at most all.
    balanced
        Draw every type equally often (cells of rare types come again within a batch of many types, not as pairs of
        themselves: a type gives each of its cells at most once to a batch); else go through all cells in random order.
    seed
        Of the order.
    """
    rng = np.random.default_rng(seed)
    size = min(size, len(codes))
    if not balanced:
        while True:
            order = rng.permutation(len(codes))
            for start in range(0, max(len(codes) - size, 0) + 1, size):
                yield torch.from_numpy(order[start : start + size])
    members = [np.flatnonzero(codes == code) for code in np.unique(codes)]
    each = _shares([len(m) for m in members], size)
    while True:
        chosen = [rng.choice(m, n, replace=False) for m, n in zip(members, each, strict=True)]
        yield torch.from_numpy(rng.permutation(np.concatenate(chosen)))


def _shares(sizes: list[int], total: int) -> list[int]:
    """Cells of each type in a balanced batch: equal, but never more than there are; what rare types leave goes to the
    others.
    """
    shares = [0] * len(sizes)
    left = total
    order = np.argsort(sizes, kind="stable")
    for place, index in enumerate(order):
        shares[index] = min(sizes[index], math.ceil(left / (len(sizes) - place)))
        left -= shares[index]
    return shares
