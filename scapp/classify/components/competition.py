"""Circles that compete, trained on where each cell lies when it had no part in drawing them."""

import math
from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor, nn

from scapp.classify.calibration import temperature_of
from scapp.classify.components.contrastive import SHARPNESS, CompetingComponent, claims
from scapp.classify.components.ridge_start import LeftOut

LOST = 0.1, 0.8
"""Share of a copy's non-zero counts that are lost."""


class Competition(nn.Module):
    """What training changes of circles that start from ridge regressions: each circle hears what the others say.

    The margins become ``margins + margins @ mixing.T + shifts``: look-alikes push each other away, and a circle that
    says too much or too little is turned. With hundreds of cells and thousands of genes a change of the maps themselves
    would learn the training cells by heart; ``n_types**2`` numbers do not.

    Parameters
    ----------
    n_types
        Number of types.
    """

    def __init__(self, n_types: int) -> None:
        super().__init__()
        self.mixing = nn.Parameter(torch.zeros(n_types, n_types))
        self.shifts = nn.Parameter(torch.zeros(n_types))
        self.log_sharpness = nn.Parameter(torch.full((n_types,), math.log(SHARPNESS)))

    def forward(self, margins: Tensor) -> Tensor:
        """Margins at the start -> margins now, (n_cells, n_types)."""
        return margins + margins @ self.mixing.T + self.shifts

    def logits(self, margins: Tensor) -> Tensor:
        """Of the softmax across circles, from margins at the start, (n_cells, n_types)."""
        return claims(self(margins), self.log_sharpness)

    def folded_into(self, component: CompetingComponent, maps: Tensor, offsets: Tensor) -> None:
        """Give a component the maps of the start and what was learnt: the same function of an embedding.

        Parameters
        ----------
        component
            To fill.
        maps, offsets
            Of the start, shapes (n_types, d) and (n_types,).
        """
        with torch.no_grad():
            component.maps.weight.copy_(self(maps.T).T - self.shifts[:, None])
            component.maps.bias.copy_(self(offsets))
            component.log_sharpness.copy_(self.log_sharpness)


def start_of(found: Sequence[LeftOut], codes: np.ndarray) -> LeftOut:
    """Of the ridge regressions, those whose circles name best the points whose cells were left out of them.

    Parameters
    ----------
    found
        One for each penalty, of ``left_out_margins``.
    codes
        Types of the points, shape (n_points,).
    """
    truth = torch.from_numpy(codes)
    sharpness = torch.full((len(found[0].offsets),), math.log(SHARPNESS))
    losses = [calibrated_loss(claims(torch.from_numpy(each.margins).float(), sharpness), truth) for each in found]
    return found[int(np.argmin(losses))]


def calibrated_loss(logits: Tensor, codes: Tensor) -> float:
    """Mean cross entropy at the temperature that suits these cells best: how well they are told apart, not how loudly.

    Parameters
    ----------
    logits, codes
        Of some cells, shapes (n_cells, n_types) and (n_cells,).
    """
    logits, codes = logits.detach().cpu(), codes.cpu()
    temperature = temperature_of(logits, codes.numpy())
    return float(nn.functional.cross_entropy(logits.double() / temperature, codes))


def lossy(profiles: Tensor, *, normalised: bool, generator: torch.Generator) -> Tensor:
    """Copies of cells that have lost some of their non-zero counts, a share of its own each.

    Parameters
    ----------
    profiles
        log1p of scaled counts, shape (n_cells, n_genes).
    normalised
        Whether cells were scaled to one total: what is left is then scaled to it again.
    generator
        Of the draws, on the device of the profiles.
    """
    least, most = LOST
    share = least + (most - least) * torch.rand(len(profiles), 1, generator=generator, device=profiles.device)
    values = profiles.expm1()
    left = values * (torch.rand(values.shape, generator=generator, device=profiles.device) >= share)
    if normalised:
        total = left.sum(dim=1, keepdim=True)
        left = left * torch.where(total > 0, values.sum(dim=1, keepdim=True) / total, 1.0)
    return left.log1p()
