"""InfoNCE, and two figures that say whether learning is healthy."""

import math

import torch
from torch import Tensor

from scapp.core.errors import DivergedError


def info_nce(
    queries: Tensor, keys: Tensor, negatives: Tensor, *, temperature: float, excluded: Tensor | None = None
) -> tuple[Tensor, Tensor]:
    """Pull each query to its own key and push it from the negatives.

    Parameters
    ----------
    queries, keys
        L2-normalised embeddings, shape (n_cells, d); row i of both comes from the same cell.
    negatives
        L2-normalised embeddings of other cells, shape (n_negatives, d).
    temperature
        Softmax temperature, > 0, no unit. Smaller weighs similar negatives more.
    excluded
        True where a negative is no negative of that query (the same cell), shape (n_cells, n_negatives).

    Returns
    -------
    loss
        Mean over cells, scalar, >= 0; about log(1 + n_negatives) when nothing has been learnt.
    accuracy
        Share of the queries that are more similar to their own key than to every negative, scalar.

    References
    ----------
    CLEAR, equation 1; MoCo, He et al. 2020, equation 1.
    """
    positive = (queries * keys).sum(dim=1, keepdim=True)  # (n_cells, 1)
    negative = queries @ negatives.T  # (n_cells, n_negatives)
    if excluded is not None:
        negative = negative.masked_fill(excluded, -math.inf)
    logits = torch.cat([positive, negative], dim=1) / temperature
    loss = torch.logsumexp(logits, dim=1) - logits[:, 0]
    accuracy = (logits[:, :1] > logits[:, 1:]).all(dim=1).float()
    return loss.mean(), accuracy.mean().detach()


def diverged(what: str) -> DivergedError:
    """The error of a training that has left the numbers."""
    return DivergedError(
        what,
        hint="Lower the learning rate (a tenth is a good try) or raise the temperature, then train again as a new run.",
    )


def chance_loss(n_negatives: float) -> float:
    """Loss of an encoder that tells no cell from another: log(1 + n_negatives)."""
    return math.log1p(n_negatives)


def collapse_meter(embeddings: Tensor) -> float:
    """Spread of normalised embeddings: 1 when they fill the sphere, 0 when all are alike.

    The standard deviation per dimension, averaged, times sqrt(d).

    Parameters
    ----------
    embeddings
        L2-normalised, shape (n_cells, d).

    References
    ----------
    Chen and He 2021 (SimSiam), section 4.1: the standard deviation is 1/sqrt(d) on a uniform sphere.
    """
    spread = embeddings.float().std(dim=0, unbiased=False).mean()
    return float(spread * math.sqrt(embeddings.shape[1]))


def alignment(first: Tensor, second: Tensor) -> float:
    """Mean squared distance of the two views of a cell: 0 when they coincide, 2 when they are unrelated, at most 4.

    Parameters
    ----------
    first, second
        L2-normalised embeddings, shape (n_cells, d); row i of both belongs together.

    References
    ----------
    Wang and Isola 2020, section 4.1, with alpha = 2.
    """
    return float((first - second).square().sum(dim=1).mean())


def uniformity(embeddings: Tensor) -> float:
    """How evenly embeddings fill the sphere: log of the mean of exp(-2 d^2) over pairs, 0 when all coincide, towards -4
    when spread.

    Parameters
    ----------
    embeddings
        L2-normalised, shape (n_cells, d); at least two, else 0.

    References
    ----------
    Wang and Isola 2020, section 4.1, with t = 2.
    """
    n_cells = len(embeddings)
    if n_cells < 2:
        return 0.0
    cosines = (embeddings.float() @ embeddings.float().T)[
        ~torch.eye(n_cells, dtype=torch.bool, device=embeddings.device)
    ]
    distances = 2 - 2 * cosines
    return float(torch.logsumexp(-2 * distances, dim=0) - math.log(len(distances)))
