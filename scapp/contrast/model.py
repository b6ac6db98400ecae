"""Query and key encoders, and the queue of earlier keys."""

import torch
from torch import Tensor, nn

from scapp.contrast.config import ClearConfig

NO_CELL = -1
"""Cell number of the random vectors that fill a new queue."""


class Encoder(nn.Module):
    """Two fully connected layers (CLEAR: "Architecture and hyperparameters")."""

    def __init__(self, n_genes: int, config: ClearConfig) -> None:
        super().__init__()
        self.first = nn.Linear(n_genes, config.hidden)
        self.second = nn.Linear(config.hidden, config.dim)
        self.output_relu = config.output_relu

    def forward(self, profiles: Tensor) -> Tensor:
        """Embed profiles, (n_cells, n_genes) -> (n_cells, dim), not normalised."""
        embeddings = self.second(torch.relu(self.first(profiles)))
        return torch.relu(embeddings) if self.output_relu else embeddings


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
        keys, cells = keys[-size:], cells[-size:]
        places = (self.next + torch.arange(len(keys), device=keys.device)) % size
        self.keys[places] = keys
        self.cells[places] = cells
        self.next = (self.next + len(keys)) % size
