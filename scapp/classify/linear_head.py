"""A linear head, which is solved rather than trained."""

from typing import Any

import numpy as np
import torch
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import log_loss
from torch import nn

from scapp.classify.components.contrastive import NEVER
from scapp.classify.config import INVERSE_PENALTIES
from scapp.core.step_context import StepContext

ALONE = (1.0,)
"""The penalty where no validation cell can choose one: scikit-learn's own."""
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
    penalties: tuple[float, ...] = INVERSE_PENALTIES,
    stage: str = "linear head",
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
    penalties
        scikit-learn's C; of one alone there is nothing to choose, and no validation cell is needed.
    stage
        What progress and rows call it.
    """
    if np.prod(inputs.shape) and inputs.nnz > DENSE_SHARE * np.prod(inputs.shape):
        inputs, valid = inputs.toarray(), valid.toarray()
    present = np.unique(codes)
    known = np.isin(valid_codes, present)
    layer = nn.Linear(inputs.shape[1], n_types)
    nn.init.zeros_(layer.weight)
    nn.init.constant_(layer.bias, NEVER)
    if len(present) < 2:
        with torch.no_grad():
            layer.bias[present] = 0.0
        return layer
    best: tuple[float, LogisticRegression] | None = None
    for place, inverse in enumerate(penalties):
        context.raise_if_stopped()
        context.report(place, len(penalties), f"{stage}: penalty {place + 1} of {len(penalties)}")
        model = LogisticRegression(C=inverse, max_iter=MOST_ITERATIONS).fit(inputs, codes)
        # without validation cells of its types a penalty is as good as another
        seen = known.any()
        loss = log_loss(valid_codes[known], model.predict_proba(valid)[known], labels=model.classes_) if seen else 0.0
        context.log_metrics({"stage": stage, "step": place + 1, "loss": loss, "validation": loss, "C": inverse})
        if best is None or loss < best[0]:
            best = (loss, model)
    assert best is not None
    weights, bias = best[1].coef_, best[1].intercept_
    if len(present) == 2:
        # scikit-learn keeps one row for two types
        weights, bias = np.concatenate([-weights / 2, weights / 2]), np.concatenate([-bias / 2, bias / 2])
    with torch.no_grad():
        layer.weight[present] = torch.from_numpy(weights).to(layer.weight)
        layer.bias[present] = torch.from_numpy(bias).to(layer.bias)
    return layer


def readout_loss(inputs: np.ndarray, codes: np.ndarray, valid: np.ndarray, valid_codes: np.ndarray) -> float:
    """Log loss, on validation cells, of a softmax layer that is solved on what a component gives, with the best of a
    few penalties.

    A contrastive loss goes on falling while training cells are driven together and doubtful cells to either side: what
    is lost then for telling types apart is seen here alone.

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
