"""Where MLS-CC's circles start from: each type against all others by ridge regression."""

import torch
from torch import Tensor

PENALTIES = tuple(float(10.0**power) for power in range(-4, 3))
"""Of the ridge, in units of the coordinates' mean variance; validation chooses one."""


def ridge_margins(
    inputs: Tensor, codes: Tensor, valid: Tensor, valid_codes: Tensor, n_types: int
) -> tuple[Tensor, Tensor]:
    """Linear maps that are +1 for a type and -1 for all others, both sides weighing the same.

    Parameters
    ----------
    inputs, codes
        Training cells, shape (n_cells, d), and their types.
    valid, valid_codes
        Validation cells: they choose one penalty for all types.
    n_types
        How many types there are.

    Returns
    -------
    Weights, shape (n_types, d), and offsets, shape (n_types,).
    """
    inputs, valid = inputs.double(), valid.double()
    types = torch.arange(n_types, device=inputs.device)
    member = (codes[None, :] == types[:, None]).double()
    # every type and its opposite weigh one half; a type without cells, or without others, keeps a margin of zero
    sizes = member.sum(dim=1, keepdim=True)
    of_own, of_other = 0.5 / sizes.clamp_min(1), 0.5 / (len(codes) - sizes).clamp_min(1)
    weight = torch.where(member > 0, of_own, of_other)
    target = 2 * member - 1
    total = weight.sum(dim=1, keepdim=True)
    mean = (weight @ inputs) / total
    target_mean = (weight * target).sum(dim=1, keepdim=True) / total
    scale = inputs.var(dim=0, unbiased=False).mean().clamp_min(1e-12)
    best: tuple[float, Tensor, Tensor] | None = None
    # a type's cells weigh alike, and so do all others: two products instead of one with every weight
    own = torch.stack([inputs[codes == k].T @ inputs[codes == k] for k in types])
    products = of_other[:, :, None] * (inputs.T @ inputs) + (of_own - of_other)[:, :, None] * own
    products = products - total[:, :, None] * mean[:, :, None] * mean[:, None, :]
    right = (weight * (target - target_mean)) @ inputs
    identity = torch.eye(inputs.shape[1], dtype=inputs.dtype, device=inputs.device)
    for penalty in PENALTIES:
        maps = torch.linalg.solve(products + penalty * scale * identity, right)
        offsets = (target_mean - (maps * mean).sum(dim=1, keepdim=True))[:, 0]
        loss = _loss(valid @ maps.T + offsets, valid_codes, n_types)
        if best is None or loss < best[0]:
            best = (loss, maps, offsets)
    assert best is not None
    return best[1].float(), best[2].float()


def _loss(margins: Tensor, codes: Tensor, n_types: int) -> float:
    """Balanced squared error of the validation cells."""
    member = codes[:, None] == torch.arange(n_types, device=codes.device)[None, :]
    error = (margins - torch.where(member, 1.0, -1.0)).square()
    parts = [error[side].mean() for side in (member, ~member) if side.any()]
    return float(torch.stack(parts).mean())
