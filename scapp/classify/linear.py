"""A linear head, which is solved rather than trained."""

from typing import Any

import numpy as np
import torch
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import log_loss
from torch import nn

from scapp.classify.config import INVERSE_PENALTIES
from scapp.core.steps import StepContext

MOST_ITERATIONS = 1_000
DENSE_SHARE = 0.5
READOUT_PENALTIES = (0.1, 1.0, 10.0)
READOUT_ITERATIONS = 200


def solve_linear(
    inputs: Any,
    codes: np.ndarray,
    valid: Any,
    valid_codes: np.ndarray,
    n_types: int,
    context: StepContext,
    prefer: float | None = None,
) -> nn.Linear:
    """A softmax layer, solved by scikit-learn, with the penalty that validates best.

    Parameters
    ----------
    inputs, codes
        Training cells, CSR, shape (n_cells, d), and their types.
    valid, valid_codes
        Validation cells.
    n_types
        Rows of the layer; a type without a training cell is never said.
    context
        Gets a row for every penalty.
    prefer
        Inverse of a penalty that is kept unless another one validates better by more than one standard error: few validation cells
        choose by chance.
    """
    if np.prod(inputs.shape) and inputs.nnz > DENSE_SHARE * np.prod(inputs.shape):
        inputs, valid = inputs.toarray(), valid.toarray()
    present = np.unique(codes)
    known = np.isin(valid_codes, present)
    layer = nn.Linear(inputs.shape[1], n_types)
    nn.init.zeros_(layer.weight)
    nn.init.constant_(layer.bias, -1e4)
    if len(present) < 2:
        with torch.no_grad():
            layer.bias[present] = 0.0
        return layer
    models: dict[float, LogisticRegression] = {}
    losses: dict[float, np.ndarray] = {}
    for place, inverse in enumerate(INVERSE_PENALTIES):
        context.raise_if_stopped()
        context.report(place, len(INVERSE_PENALTIES), f"linear head: penalty {place + 1} of {len(INVERSE_PENALTIES)}")
        model = LogisticRegression(C=inverse, max_iter=MOST_ITERATIONS).fit(inputs, codes)
        models[inverse], losses[inverse] = model, _losses(model, valid[known], valid_codes[known])
        loss = float(losses[inverse].mean())
        context.log_metrics({"stage": "linear head", "step": place + 1, "loss": loss, "validation": loss, "C": inverse})
    chosen = models[choose_penalty(losses, prefer)]
    weights, bias = chosen.coef_, chosen.intercept_
    if len(present) == 2:
        # scikit-learn keeps one row for two types
        weights, bias = np.concatenate([-weights / 2, weights / 2]), np.concatenate([-bias / 2, bias / 2])
    with torch.no_grad():
        layer.weight[present] = torch.from_numpy(weights).to(layer.weight)
        layer.bias[present] = torch.from_numpy(bias).to(layer.bias)
    return layer


def choose_penalty(losses: dict[float, np.ndarray], prefer: float | None) -> float:
    """The inverse of the penalty with the lowest mean loss, or the preferred one where that is less than a standard error better.

    Parameters
    ----------
    losses
        Of each validation cell, by the inverse of the penalty.
    prefer
        One of these, or None.
    """
    best = min(losses, key=lambda inverse: losses[inverse].mean())
    if prefer is None or best == prefer:
        return best
    gain = losses[prefer] - losses[best]
    sure = len(gain) > 1 and gain.mean() > gain.std(ddof=1) / np.sqrt(len(gain))
    return best if sure else prefer


def _losses(model: LogisticRegression, cells: Any, codes: np.ndarray) -> np.ndarray:
    """Log loss of each cell, whose types the model knows; one zero without cells."""
    if not len(codes):
        return np.zeros(1)
    said = model.predict_proba(cells)[np.arange(len(codes)), np.searchsorted(model.classes_, codes)]
    return np.asarray(-np.log(np.clip(said, np.finfo(float).eps, 1)))


def readout_loss(inputs: np.ndarray, codes: np.ndarray, valid: np.ndarray, valid_codes: np.ndarray) -> float:
    """Log loss, on validation cells, of a softmax layer that is solved on what a component gives, with the best of a few penalties.

    A contrastive loss goes on falling while training cells are driven together and doubtful cells to either side: what is lost then for
    telling types apart is seen here alone.

    Parameters
    ----------
    inputs, codes
        Of training cells, shape (n_cells, d), and their types.
    valid, valid_codes
        Of validation cells; those of types that no training cell has are left out.
    """
    known = np.isin(valid_codes, np.unique(codes))
    if len(np.unique(codes)) < 2 or not known.any():
        return 0.0
    losses = []
    for inverse in READOUT_PENALTIES:
        model = LogisticRegression(C=inverse, max_iter=READOUT_ITERATIONS, tol=1e-3).fit(inputs, codes)
        losses.append(float(log_loss(valid_codes[known], model.predict_proba(valid)[known], labels=model.classes_)))
    return min(losses)
