"""Supervised InfoNCE on one sphere (MLP-CC) and on one circle per type (MLS-CC)."""

from typing import Any

import torch
from torch import Tensor

from scapp.classify.config import Positives, Reduction

LEAST_SAFE = 0.03
"""Temperature down to which exp(-1 / temperature) and exp(1 / temperature) are float32 numbers, thousands of times
over.
"""

CACHED = 1 << 21
"""Bytes of pairs that are worked on at once on a processor."""


def supervised_info_nce(
    embeddings: Tensor, labels: Tensor, *, temperature: float, reduction: Reduction = "mean"
) -> Tensor:
    """Pull cells of one type together on the sphere, and apart from all others.

    Parameters
    ----------
    embeddings
        L2-normalised, shape (n_cells, d).
    labels
        Type of each cell from 0, shape (n_cells,).
    temperature
        Softmax temperature, > 0.
    reduction
        Over anchors: ``sum`` as printed, or ``mean``.

    Returns
    -------
    Mean (or sum) over the anchors that have a positive, scalar; 0 where none has one.

    References
    ----------
    Thesis, equation 5 (SupCon's L_out, Khosla et al. 2020: the mean over positives stands outside the logarithm). The
    equation sums over anchors; a mean differs by a constant and does not depend on the batch size.
    """
    return _info_nce(embeddings[None], _members(labels, int(labels.max()) + 1)[None], temperature, reduction)


def multi_space_info_nce(
    embeddings: Tensor,
    labels: Tensor,
    *,
    temperature: float,
    positives: Positives = "one_vs_rest",
    reduction: Reduction = "mean",
) -> Tensor:
    """The same in a space of its own for each type.

    Parameters
    ----------
    embeddings
        L2-normalised in each space, shape (n_types, n_cells, d).
    labels
        Type of each cell from 0 to n_types - 1, shape (n_cells,).
    temperature
        Softmax temperature, > 0.
    positives
        ``as_printed``: in every space those of the anchor's type. ``one_vs_rest``: in space k, for a cell of type k
        those of type k, for any other cell those that are not of type k. ``one_vs_rest_own``: the same, with cells of
        type k as the only anchors.
    reduction
        ``sum``: over spaces and anchors, as printed; ``mean``: over both.

    Returns
    -------
    Mean over spaces of the mean over the anchors that have a positive there, or the sum over both, scalar.

    References
    ----------
    Thesis, equation 6. As printed, its positives do not depend on the space; the stated aim, type k apart from all
    others, needs positives that do.
    """
    n_types = embeddings.shape[0]
    member = _members(labels, n_types)
    if positives == "as_printed":
        return _info_nce(embeddings, member[None], temperature, reduction)
    sides = torch.stack([member, ~member], dim=1)  # (n_types, 2, n_cells): type k, and all others
    anchors = member if positives == "one_vs_rest_own" else None
    return _info_nce(embeddings, sides, temperature, reduction, anchors=anchors)


def _members(labels: Tensor, n_types: int) -> Tensor:
    """Whether each cell is of each type, shape (n_types, n_cells)."""
    return labels[None, :] == torch.arange(n_types, device=labels.device)[:, None]


def _info_nce(
    embeddings: Tensor, groups: Tensor, temperature: float, reduction: Reduction, anchors: Tensor | None = None
) -> Tensor:
    """Batched over spaces; the positives of a cell are the other cells of its group.

    Parameters
    ----------
    embeddings
        Shape (n_spaces, n_cells, d).
    groups
        Whether each cell is in each group, each cell in exactly one, shape (n_spaces or 1, n_groups, n_cells).
    temperature
        Softmax temperature.
    reduction
        Over spaces and anchors.
    anchors
        Which cells count, shape (n_spaces, n_cells); all by default.
    """
    member = groups.to(embeddings.dtype)
    sizes = member.sum(dim=2, keepdim=True)
    n_positives = (member * (sizes - 1)).sum(dim=1)
    # a mean of products with the positives is a product with their mean: no matrix of pairs is needed for it
    together = member.transpose(1, 2) @ (member @ embeddings)
    of_positives = (embeddings * (together - embeddings)).sum(dim=2) / temperature / n_positives.clamp_min(1)
    has = (n_positives > 0).expand(embeddings.shape[:2])
    if anchors is not None:
        has = has & anchors
    loss = torch.where(has, _log_total(embeddings, temperature) - of_positives, 0).sum(dim=1)
    return loss.sum() if reduction == "sum" else (loss / has.sum(dim=1).clamp_min(1)).mean()


def _log_total(embeddings: Tensor, temperature: float) -> Tensor:
    """Logarithm of the summed exponentials of each cell's similarity to all others, shape (n_spaces, n_cells)."""
    if temperature < LEAST_SAFE or embeddings.shape[1] == 1:
        similar = torch.bmm(embeddings, embeddings.transpose(1, 2)) / temperature
        itself = torch.eye(embeddings.shape[1], dtype=torch.bool, device=embeddings.device)
        return torch.logsumexp(similar.masked_fill(itself, -torch.inf), dim=2)
    total: Tensor = _Total.apply(embeddings, temperature)
    return torch.log(total)


class _Total(torch.autograd.Function):
    """Sum of exp(similarity / temperature) over all other cells, of unit vectors.

    Pairs are never kept: a few spaces at a time are computed, so that they fit a processor's cache, and once more for
    the gradient. That is several times as fast as autograd's own way, which writes and reads a matrix of all pairs of
    all spaces for every operation.
    """

    @staticmethod
    def forward(ctx: Any, embeddings: Tensor, temperature: float) -> Tensor:
        """(n_spaces, n_cells, d) -> (n_spaces, n_cells)."""
        ctx.save_for_backward(embeddings)
        ctx.temperature = temperature
        return torch.cat([_pairs(part, temperature).sum(dim=2) for part in embeddings.split(_at_once(embeddings))])

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None]:
        """Of the sums, with respect to the embeddings."""
        (embeddings,) = ctx.saved_tensors
        found, at_once = [], _at_once(embeddings)
        for part, of_sum in zip(embeddings.split(at_once), gradients[0].split(at_once), strict=True):
            weighted = _pairs(part, ctx.temperature).mul_(of_sum[:, :, None])
            found.append((torch.bmm(weighted, part) + torch.bmm(weighted.transpose(1, 2), part)) / ctx.temperature)
        return torch.cat(found), None


def _pairs(embeddings: Tensor, temperature: float) -> Tensor:
    """Exponentials of the similarities, 0 of a cell to itself."""
    pairs = torch.bmm(embeddings / temperature, embeddings.transpose(1, 2)).exp_()
    pairs.diagonal(dim1=1, dim2=2).zero_()
    return pairs


def _at_once(embeddings: Tensor) -> int:
    """Spaces whose pairs are computed together: all on a GPU, what fits a cache on a processor."""
    n_spaces, n_cells = embeddings.shape[:2]
    if embeddings.device.type != "cpu":
        return n_spaces
    return max(CACHED // (4 * n_cells * n_cells), 1)
