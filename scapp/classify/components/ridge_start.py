"""Where MLS-CC's circles start from: each type against all others by ridge regression."""

import numpy as np
from scipy import linalg

PENALTIES = tuple(float(10.0**power) for power in range(-4, 3))
"""Of the ridge, in units of the coordinates' mean variance; validation chooses one."""


def ridge_margins(
    inputs: np.ndarray, codes: np.ndarray, valid: np.ndarray, valid_codes: np.ndarray, n_types: int
) -> tuple[np.ndarray, np.ndarray]:
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
    Weights, shape (n_types, d), and offsets, shape (n_types,), float64. A type without training cells, or without
    others, has none but zeros for weights.
    """
    inputs, valid = np.asarray(inputs, dtype=np.float64), np.asarray(valid, dtype=np.float64)
    d = inputs.shape[1]
    scale = max(float(inputs.var(axis=0).mean()), 1e-12)
    everyone = inputs.T @ inputs
    maps, offsets = np.zeros((len(PENALTIES), n_types, d)), np.zeros((len(PENALTIES), n_types))
    for code in range(n_types):
        member = codes == code
        of_own, of_other = 0.5 / max(member.sum(), 1), 0.5 / max((~member).sum(), 1)
        weight = np.where(member, of_own, of_other)
        target = np.where(member, 1.0, -1.0)
        total = weight.sum()
        mean, target_mean = weight @ inputs / total, weight @ target / total
        # the type's cells weigh alike, and so do all others
        products = of_other * everyone + (of_own - of_other) * (inputs[member].T @ inputs[member])
        products -= total * np.outer(mean, mean)
        right = (weight * (target - target_mean)) @ inputs
        for place, penalty in enumerate(PENALTIES):
            found = linalg.solve(products + penalty * scale * np.eye(d), right, assume_a="pos")
            maps[place, code], offsets[place, code] = found, target_mean - found @ mean
    losses = [_loss(valid @ m.T + o, valid_codes, n_types) for m, o in zip(maps, offsets, strict=True)]
    best = int(np.argmin(losses))
    return maps[best], offsets[best]


def _loss(margins: np.ndarray, codes: np.ndarray, n_types: int) -> float:
    """Balanced squared error of the validation cells."""
    member = np.asarray(codes)[:, None] == np.arange(n_types)
    error = (margins - np.where(member, 1.0, -1.0)) ** 2
    return float(np.mean([error[side].mean() for side in (member, ~member) if side.any()]))
