"""Supervised InfoNCE on one sphere (MLP-CC) and on one circle per type (MLS-CC)."""

import torch
from torch import Tensor

from scapp.classify.config import Positives


def supervised_info_nce(embeddings: Tensor, labels: Tensor, *, temperature: float) -> Tensor:
    """Pull cells of one type together on the sphere, and apart from all others.

    Parameters
    ----------
    embeddings
        L2-normalised, shape (n_cells, d).
    labels
        Type of each cell from 0, shape (n_cells,).
    temperature
        Softmax temperature, > 0.

    Returns
    -------
    Mean over the anchors that have a positive, scalar; 0 where none has one.

    References
    ----------
    Thesis, equation 5 (SupCon's L_out, Khosla et al. 2020: the mean over positives stands outside the logarithm). The equation sums
    over anchors; a mean differs by a constant and does not depend on the batch size.
    """
    same = labels[:, None] == labels[None, :]
    return _info_nce(embeddings[None], same[None], temperature)


def multi_space_info_nce(
    embeddings: Tensor, labels: Tensor, *, temperature: float, positives: Positives = "one_vs_rest"
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
        ``as_printed``: in every space those of the anchor's type. ``one_vs_rest``: in space k, for a cell of type k those of type k, for any
        other cell those that are not of type k. ``one_vs_rest_own``: the same, with cells of type k as the only anchors.

    Returns
    -------
    Mean over spaces of the mean over the anchors that have a positive there, scalar.

    References
    ----------
    Thesis, equation 6. As printed, its positives do not depend on the space; the stated aim, type k apart from all others, needs
    positives that do.
    """
    n_types = embeddings.shape[0]
    if positives == "as_printed":
        same = (labels[:, None] == labels[None, :])[None].expand(n_types, -1, -1)
        return _info_nce(embeddings, same, temperature)
    member = labels[None, :] == torch.arange(n_types, device=labels.device)[:, None]  # (n_types, n_cells)
    same = member[:, :, None] == member[:, None, :]
    return _info_nce(embeddings, same, temperature, anchors=member if positives == "one_vs_rest_own" else None)


def _info_nce(embeddings: Tensor, same: Tensor, temperature: float, anchors: Tensor | None = None) -> Tensor:
    """Batched over spaces: embeddings (n_spaces, n_cells, d), same (n_spaces, n_cells, n_cells), anchors (n_spaces, n_cells)."""
    n_cells = embeddings.shape[1]
    similar = torch.bmm(embeddings, embeddings.transpose(1, 2)) / temperature
    itself = torch.eye(n_cells, dtype=torch.bool, device=embeddings.device)
    similar = similar.masked_fill(itself, -torch.inf)
    total = torch.logsumexp(similar, dim=2)  # over all but the anchor
    is_positive = same & ~itself
    n_positives = is_positive.sum(dim=2)
    of_positives = torch.where(is_positive, similar, 0).sum(dim=2)
    has = n_positives > 0
    if anchors is not None:
        has = has & anchors
    loss = torch.where(has, total - of_positives / n_positives.clamp_min(1), 0).sum(dim=1)
    return (loss / has.sum(dim=1).clamp_min(1)).mean()
