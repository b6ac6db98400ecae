"""The distortions that make two views of a cell, a batch at a time on the device.

Each augmentation is a function ``(values, originals, share, strength, generator) -> values`` and a
record in ``AUGMENTATIONS``, whose order is the paper's. The functions return new tensors: neither the
batch nor the cells that crossover takes genes from are ever written to (the paper: "this step will
not influence the next batch").
"""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from scapp.contrast.config import AugmentationConfig

AugmentationFunction = Callable[[Tensor, "Donors", float, float, torch.Generator], Tensor]


@dataclass(frozen=True)
class Donors:
    """Undistorted profiles that crossover takes genes from.

    Parameters
    ----------
    profiles
        Shape (n_donors, n_genes). The cells of the current batch, which is a random sample of the data.
    own
        Row of ``profiles`` that is the cell itself, shape (n_cells,): never its own donor.
    """

    profiles: Tensor
    own: Tensor

    def take(self, rows: Tensor) -> "Donors":
        """The same donors for some of the cells."""
        return Donors(self.profiles, self.own[rows])


@dataclass(frozen=True)
class Augmentation:
    """One augmentation: names of its settings in ``AugmentationConfig`` follow from its id."""

    id: str
    title: str
    apply: AugmentationFunction
    has_strength: bool = False


def choose_genes(shape: torch.Size, n_chosen: int, generator: torch.Generator, *, shuffled: bool = False) -> Tensor:
    """For each cell, so many different genes.

    Parameters
    ----------
    shape
        (n_cells, n_genes)
    n_chosen
        How many of the genes.
    generator
        Decides which.
    shuffled
        Whether their order matters.

    Returns
    -------
    Positions, shape (n_cells, n_chosen); in random order only when ``shuffled``, which takes longer.
    """
    keys = torch.rand(shape, generator=generator, device=generator.device)
    return keys.topk(n_chosen, dim=1, sorted=shuffled).indices


def n_of(share: float, n_genes: int) -> int:
    """How many genes a share is: rounded down, as in the authors' code."""
    return int(share * n_genes)


def random_mask(values: Tensor, donors: Donors, share: float, strength: float, generator: torch.Generator) -> Tensor:
    """Set a share of the genes to zero (paper, augmentation i)."""
    genes = choose_genes(values.shape, n_of(share, values.shape[1]), generator)
    return values.scatter(1, genes, 0.0)


def gaussian_noise(values: Tensor, donors: Donors, share: float, strength: float, generator: torch.Generator) -> Tensor:
    """Add normal noise of standard deviation ``strength`` to a share of the genes (augmentation ii)."""
    n_genes = values.shape[1]
    # The published share is 80%: choosing the 20% that stay is four times faster than choosing the rest.
    untouched = choose_genes(values.shape, n_genes - n_of(share, n_genes), generator)
    noise = torch.randn(values.shape, generator=generator, device=values.device) * strength
    return values + noise.scatter_(1, untouched, 0.0).to(values.dtype)


def random_swap(values: Tensor, donors: Donors, share: float, strength: float, generator: torch.Generator) -> Tensor:
    """Swap the values of disjoint pairs made from a share of the genes (augmentation iii)."""
    genes = choose_genes(values.shape, n_of(share, values.shape[1]), generator, shuffled=True)
    n_pairs = genes.shape[1] // 2
    left, right = genes[:, :n_pairs], genes[:, n_pairs : 2 * n_pairs]
    swapped = values.scatter(1, left, values.gather(1, right))
    return swapped.scatter(1, right, values.gather(1, left))


def crossover(values: Tensor, donors: Donors, share: float, strength: float, generator: torch.Generator) -> Tensor:
    """Take a share of the genes from one other cell (augmentation iv)."""
    genes = choose_genes(values.shape, n_of(share, values.shape[1]), generator)
    donor = _other_cells(donors, (values.shape[0], 1), generator)
    return values.scatter(1, genes, donors.profiles[donor, genes].to(values.dtype))


def crossover_many(values: Tensor, donors: Donors, share: float, strength: float, generator: torch.Generator) -> Tensor:
    """Take a share of the genes, each from a randomly chosen other cell (augmentation v)."""
    genes = choose_genes(values.shape, n_of(share, values.shape[1]), generator)
    donor = _other_cells(donors, tuple(genes.shape), generator)
    return values.scatter(1, genes, donors.profiles[donor, genes].to(values.dtype))


def _other_cells(donors: Donors, shape: tuple[int, ...], generator: torch.Generator) -> Tensor:
    """Random rows of the donors, never the cell's own; a single cell has only itself."""
    n_donors = donors.profiles.shape[0]
    if n_donors == 1:
        return torch.zeros(shape, dtype=torch.long, device=generator.device)
    drawn = torch.randint(n_donors - 1, shape, generator=generator, device=generator.device)
    return drawn + (drawn >= donors.own[:, None]).long()


AUGMENTATIONS = (
    Augmentation("mask", "Random mask", random_mask),
    Augmentation("noise", "Gaussian noise", gaussian_noise, has_strength=True),
    Augmentation("swap", "Random swap", random_swap),
    Augmentation("crossover", "Crossover with one cell", crossover),
    Augmentation("mixture", "Crossover with many cells", crossover_many),
)


def augment(values: Tensor, config: AugmentationConfig, generator: torch.Generator) -> Tensor:
    """One distorted view of every cell of a batch.

    Parameters
    ----------
    values
        Profiles, shape (n_cells, n_genes); left as they are.
    config
        Probability, share and strength of each augmentation.
    generator
        On the device of ``values``.

    Returns
    -------
    Views, shape (n_cells, n_genes). Each augmentation is applied to each cell independently with its
    probability, in the paper's order.

    References
    ----------
    CLEAR, section "Data augmentation".
    """
    view = values.clone()
    donors = Donors(values, torch.arange(values.shape[0], device=values.device))
    for augmentation in AUGMENTATIONS:
        probability = getattr(config, f"{augmentation.id}_probability")
        share = getattr(config, f"{augmentation.id}_share")
        strength = config.noise_sd if augmentation.has_strength else 0.0
        drawn = torch.rand(values.shape[0], generator=generator, device=values.device)
        rows = torch.nonzero(drawn < probability).squeeze(1)
        if rows.numel() and n_of(share, values.shape[1]):
            view[rows] = augmentation.apply(view[rows], donors.take(rows), share, strength, generator)
    return view
