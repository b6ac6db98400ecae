"""Query and key encoders, and the queue of earlier keys."""

import torch
from torch import Tensor, nn

from scapp.clear.config import ClearConfig
from scapp.clear.parallel.exchange import SharedBatchNorm, Together

NO_CELL = -1
"""Cell number of the random vectors that fill a new queue."""


class Encoder(nn.Module):
    """Two fully connected layers (CLEAR: "Architecture and hyperparameters"), and what later work puts around them."""

    def __init__(self, n_genes: int, config: ClearConfig, together: Together | None = None) -> None:
        super().__init__()
        self.first = nn.Linear(n_genes, config.hidden)
        self.normalisation = _normalisation(config, together or Together())
        self.second = nn.Linear(config.hidden, config.dim)
        self.head = nn.Linear(config.dim, config.projection) if config.projection else None
        self.output_relu = config.output_relu
        self.keeps_hidden = config.keeps_hidden

    def forward(self, profiles: Tensor) -> Tensor:
        """What the loss compares, (n_cells, n_genes) -> (n_cells, dim or projection), not normalised."""
        output = self._output(self._hidden(profiles))
        return output if self.head is None else self.head(torch.relu(output))

    def represent(self, profiles: Tensor) -> Tensor:
        """What is kept of a cell, (n_cells, n_genes) -> (n_cells, dim or hidden), not normalised."""
        hidden = self._hidden(profiles)
        return hidden if self.keeps_hidden else self._output(hidden)

    def _hidden(self, profiles: Tensor) -> Tensor:
        return torch.relu(self.normalisation(self.first(profiles)))

    def _output(self, hidden: Tensor) -> Tensor:
        output = self.second(hidden)
        return torch.relu(output) if self.output_relu else output


def _normalisation(config: ClearConfig, together: Together) -> nn.Module:
    if config.normalises == "batch":
        return SharedBatchNorm(config.hidden, together)
    return nn.LayerNorm(config.hidden) if config.normalises == "layer" else nn.Identity()


def output_width(config: ClearConfig) -> int:
    """Length of what the loss compares."""
    return config.projection or config.dim


@torch.no_grad()
def follow(key: nn.Module, query: nn.Module, momentum: float) -> None:
    """Move the key encoder towards the query encoder (CLEAR, equation 3)."""
    for slow, fast in zip(key.parameters(), query.parameters(), strict=True):
        slow.mul_(momentum).add_(fast, alpha=1 - momentum)


class KeyQueue:
    """Keys of earlier batches, first in, first out, each with the number of its cell.

    Parameters
    ----------
    size
        How many keys it holds.
    dim
        Length of a key.
    generator
        Draws the random unit vectors that fill it at the start (as MoCo does).
    """

    def __init__(self, size: int, dim: int, generator: torch.Generator) -> None:
        device = generator.device
        self.keys = nn.functional.normalize(torch.randn(size, dim, generator=generator, device=device), dim=1)
        self.cells = torch.full((size,), NO_CELL, dtype=torch.long, device=device)
        self.next = 0

    def push(self, keys: Tensor, cells: Tensor) -> None:
        """Put keys in the place of the oldest ones; of more than fit, the last stay."""
        size = self.keys.shape[0]
        if size == 0:
            return
        keys, cells = keys[-size:], cells[-size:]
        places = (self.next + torch.arange(len(keys), device=keys.device)) % size
        self.keys[places] = keys
        self.cells[places] = cells
        self.next = (self.next + len(keys)) % size
