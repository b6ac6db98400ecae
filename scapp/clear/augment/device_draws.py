"""Random numbers for augmentations during training, on the device, from pools that are drawn once.

To draw a batch's numbers afresh takes longer than the network does; to read them from a random place of a pool costs
nothing. An exact share of a cell's genes is a window, begun anywhere, of one of some hundred permutations: every gene
is in it with the same chance, and so is every pair.
"""

from typing import Any

import torch
from torch import Tensor

from scapp.clear.training.saved_state import generator_for

POOL = 1 << 22
PERMUTED = 1 << 20
"""Genes in all permutations together: 512 permutations of 2,000 genes."""


class TorchDraws:
    """Draws for torch tensors; see ``augmentations.Draws``.

    Parameters
    ----------
    n_genes
        Of the profiles.
    seed
        Seed of pools and of what is read from them.
    device
        Where the tensors are.
    of
        Names the stream: those of another name draw other numbers from the same pools.
    """

    xp: Any = torch

    def __init__(self, n_genes: int, seed: int, device: torch.device, of: str = "") -> None:
        self.n_genes = n_genes
        self.device = device
        self.generator = generator_for(seed, f"augmentation{of}", device)
        # where a stretch begins is drawn on the host, so that nobody waits for the device
        self.host = generator_for(seed, f"augmentation offsets{of}", torch.device("cpu"))
        pools = generator_for(seed, "augmentation pools", device)
        n_permutations = max(PERMUTED // max(n_genes, 1), 16)
        permutations = torch.rand(n_permutations, n_genes, generator=pools, device=device).argsort(dim=1)
        self._permutations = torch.cat([permutations, permutations], dim=1)
        self._normal = torch.randn(POOL, generator=pools, device=device)
        self._uniform = torch.rand(POOL, generator=pools, device=device)

    def generators(self) -> dict[str, torch.Generator]:
        """What a checkpoint keeps; pools are made again from the seed."""
        return {"augmentation": self.generator, "augmentation offsets": self.host}

    def copy(self, values: Tensor) -> Tensor:
        """A copy that may be written to."""
        return values.clone(memory_format=torch.contiguous_format)

    def places(self, n: int) -> Tensor:
        """0, 1, ... n - 1."""
        return torch.arange(n, device=self.device)

    def some(self, n: int, probability: float) -> Tensor:
        """Those of 0, 1, ... n - 1 that a chance has chosen; drawn on the host, which needs their number."""
        chosen = (torch.rand(n, generator=self.host) < probability).nonzero()[:, 0]
        return chosen.to(self.device, non_blocking=True)

    def genes(self, n_cells: int, n_chosen: int) -> Tensor:
        """Different genes for each cell, in random order."""
        n_permutations = self._permutations.shape[0]
        windows = self._permutations.as_strided((n_permutations, self.n_genes, n_chosen), (2 * self.n_genes, 1, 1))
        which = torch.randint(n_permutations, (n_cells,), generator=self.generator, device=self.device)
        start = torch.randint(self.n_genes, (n_cells,), generator=self.generator, device=self.device)
        return windows[which, start]

    def uniform(self, n_cells: int, n_columns: int) -> Tensor:
        """From [0, 1)."""
        if n_cells * n_columns > POOL // 2:
            return torch.rand(n_cells, n_columns, generator=self.generator, device=self.device)
        return self._stretch(self._uniform, n_cells, n_columns)

    def normal(self, n_cells: int, n_columns: int) -> Tensor:
        """Standard normal."""
        if n_cells * n_columns > POOL // 2:
            return torch.randn(n_cells, n_columns, generator=self.generator, device=self.device)
        return self._stretch(self._normal, n_cells, n_columns)

    def integers(self, high: int, n_cells: int, n_columns: int) -> Tensor:
        """From 0 to high - 1."""
        drawn = (self.uniform(n_cells, n_columns) * high).long()
        return drawn.clamp_(max=high - 1)

    def binomial(self, counts: Tensor, probability: float) -> Tensor:
        """How many of so many are kept."""
        return torch.binomial(counts.float(), torch.full_like(counts, probability), generator=self.generator)

    def _stretch(self, pool: Tensor, n_cells: int, n_columns: int) -> Tensor:
        """A stretch of a pool, begun anywhere; not to be written to."""
        length = n_cells * n_columns
        start = int(torch.randint(POOL - length + 1, (1,), generator=self.host))
        return pool[start : start + length].view(n_cells, n_columns)
