"""Where circles start from: each type against all others by ridge regression."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from scipy import linalg

PENALTIES = tuple(float(10.0**power) for power in range(-4, 3))
"""Of the ridge, in units of the coordinates' mean variance."""
LEAST_LEFT = 1e-6
"""Of a cell's own part in its margin, at most all but so much can be taken out."""


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
    maps, offsets = np.zeros((len(PENALTIES), n_types, inputs.shape[1])), np.zeros((len(PENALTIES), n_types))
    everyone, scale = inputs.T @ inputs, _scale(inputs)
    for code in range(n_types):
        type_ = _against_others(inputs, codes == code, everyone)
        for place, penalty in enumerate(PENALTIES):
            maps[place, code], offsets[place, code] = type_.solved(type_.factor(penalty * scale))
    losses = [_loss(valid @ m.T + o, valid_codes, n_types) for m, o in zip(maps, offsets, strict=True)]
    best = int(np.argmin(losses))
    return maps[best], offsets[best]


@dataclass(frozen=True)
class LeftOut:
    """Maps by one penalty, and where they would put points if one cell had had no part in them.

    Parameters
    ----------
    maps, offsets
        As of ``ridge_margins``.
    margins
        Of each point on each type, by maps from which the point's cell was left out, shape (n_points, n_types).
    """

    maps: np.ndarray
    offsets: np.ndarray
    margins: np.ndarray


def left_out_margins(
    inputs: np.ndarray,
    codes: np.ndarray,
    points: np.ndarray,
    without: np.ndarray,
    n_types: int,
    note: Callable[[str], None] = lambda text: None,
) -> list[LeftOut]:
    """The maps of ``ridge_margins``, for every penalty, and margins of training cells by maps that never saw them.

    With thousands of genes and few cells a ridge regression puts its training cells where their labels want them; how
    doubtful a new cell will be is seen only where a cell is left out. Nothing is refitted for it: without cell i a
    weighted least-squares fit loses ``w_i * h_pi * e_i / (1 - h_ii)`` at point p, with e the residuals and h the
    leverages (Allen 1974). The weights of the other cells stay as they are.

    Parameters
    ----------
    inputs, codes
        Training cells, shape (n_cells, d), and their types.
    points
        Where margins are wanted, shape (n_points, d): training cells, or copies of them.
    without
        Row of the training cell that is left out for each point, shape (n_points,).
    n_types
        How many types there are.
    note
        Gets a line for each type, and may end the work by an exception.

    References
    ----------
    Allen 1974, Technometrics 16:125 (PRESS).
    """
    inputs, points = np.asarray(inputs, dtype=np.float64), np.asarray(points, dtype=np.float64)
    maps, offsets = np.zeros((len(PENALTIES), n_types, inputs.shape[1])), np.zeros((len(PENALTIES), n_types))
    margins = np.zeros((len(PENALTIES), len(points), n_types))
    everyone, scale = inputs.T @ inputs, _scale(inputs)
    cells, place = np.unique(without, return_inverse=True)
    for code in range(n_types):
        note(f"leaving cells out: type {code + 1} of {n_types}")
        type_ = _against_others(inputs, codes == code, everyone)
        weight, target = type_.weight[cells], type_.target[cells]
        for number, penalty in enumerate(PENALTIES):
            factor = type_.factor(penalty * scale)
            found, offset = maps[number, code], offsets[number, code] = type_.solved(factor)
            of_cells, of_points = (
                linalg.solve_triangular(factor, (rows - type_.mean).T, lower=True) for rows in (inputs[cells], points)
            )
            own = weight * (np.square(of_cells).sum(axis=0) + 1 / type_.total)
            residual = (target - (inputs[cells] @ found + offset)) / np.maximum(1 - own, LEAST_LEFT)
            shared = weight[place] * ((of_cells[:, place] * of_points).sum(axis=0) + 1 / type_.total)
            margins[number, :, code] = points @ found + offset - shared * residual[place]
    return [LeftOut(*found) for found in zip(maps, offsets, margins, strict=True)]


@dataclass(frozen=True)
class _AgainstOthers:
    """The least-squares problem of one type: its cells weigh alike, all others alike, both sides the same."""

    weight: np.ndarray
    target: np.ndarray
    total: float
    mean: np.ndarray
    target_mean: float
    products: np.ndarray
    right: np.ndarray

    def factor(self, penalty: float) -> np.ndarray:
        """Lower Cholesky factor of the penalised products."""
        return np.asarray(linalg.cholesky(self.products + penalty * np.eye(len(self.products)), lower=True))

    def solved(self, factor: np.ndarray) -> tuple[np.ndarray, float]:
        """Weights and offset."""
        found = np.asarray(linalg.cho_solve((factor, True), self.right))
        return found, float(self.target_mean - found @ self.mean)


def _against_others(inputs: np.ndarray, member: np.ndarray, everyone: np.ndarray) -> _AgainstOthers:
    of_own, of_other = 0.5 / max(member.sum(), 1), 0.5 / max((~member).sum(), 1)
    weight = np.where(member, of_own, of_other)
    target = np.where(member, 1.0, -1.0)
    total = weight.sum()
    mean, target_mean = weight @ inputs / total, weight @ target / total
    products = of_other * everyone + (of_own - of_other) * (inputs[member].T @ inputs[member])
    products -= total * np.outer(mean, mean)
    return _AgainstOthers(
        weight, target, total, mean, target_mean, products, (weight * (target - target_mean)) @ inputs
    )


def _scale(inputs: np.ndarray) -> float:
    return max(float(inputs.var(axis=0).mean()), 1e-12)


def _loss(margins: np.ndarray, codes: np.ndarray, n_types: int) -> float:
    """Balanced squared error of the validation cells."""
    member = np.asarray(codes)[:, None] == np.arange(n_types)
    error = (margins - np.where(member, 1.0, -1.0)) ** 2
    return float(np.mean([error[side].mean() for side in (member, ~member) if side.any()]))
