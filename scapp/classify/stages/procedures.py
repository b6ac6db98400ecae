"""How a stage of training goes: optimiser, rate, batches, and when it ends."""

import math
from collections.abc import Callable
from dataclasses import dataclass

import torch

OPTIMIZERS: dict[str, Callable[..., torch.optim.Optimizer]] = {
    "adamw": torch.optim.AdamW,
    "adam": torch.optim.Adam,
    "rmsprop": torch.optim.RMSprop,
}


@dataclass(frozen=True)
class Procedure:
    """One way to train a stage.

    Parameters
    ----------
    optimizer
        A key of ``OPTIMIZERS``.
    learning_rate
        At the start.
    batch_size
        Cells of a step.
    epochs
        At most; an epoch goes through as many cells as there are.
    factor
        Of the learning rate, by the number of the step from 0.
    patience
        Epochs without a better validation loss, after which it ends.
    """

    optimizer: str
    learning_rate: float
    batch_size: int
    epochs: int
    factor: Callable[[int], float]
    patience: int

    def n_steps(self, n_cells: int) -> int:
        """Steps of all epochs, at most."""
        return self.epochs * self.steps_per_epoch(n_cells)

    def steps_per_epoch(self, n_cells: int) -> int:
        """Steps of one epoch."""
        return max(math.ceil(n_cells / min(self.batch_size, n_cells)), 1)


def _constant(step: int) -> float:
    return 1.0


THESIS = {
    "lr": Procedure("adam", 1e-3, 128, 200, _constant, 10),
    "actinn": Procedure("adam", 1e-4, 128, 50, lambda step: 0.95 ** (step // 1000), 10),
    "scdae": Procedure("rmsprop", 1e-3, 128, 200, _constant, 10),
}
"""By base model. ACTINN's are its authors' (Adam 1e-4, times .95 every 1,000 steps, batches of 128, 50 epochs); scDAE's
optimiser and rate are its authors', its batches and epochs are not (theirs: 1,303 cells, thousands of epochs). Of the
softmax layer the thesis says nothing. The thesis keeps the model that validates best, and does not say when it stops.
"""
