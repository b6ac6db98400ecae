"""Probabilities that mean what they say: temperature scaling on validation cells (Guo et al. 2017)."""

import numpy as np
import torch
from scipy.optimize import minimize_scalar
from torch import nn


def temperature_of(logits: torch.Tensor, codes: np.ndarray) -> float:
    """What validation logits are best divided by; 1 where there are no validation cells.

    Targets are smoothed by 1 / (n + 2) (Platt 1999): a few cells that are all named rightly do not make anybody
    certain.
    """
    if not len(codes):
        return 1.0
    truth, smoothing = torch.from_numpy(codes), 1 / (len(codes) + 2)

    def loss(log_temperature: float) -> float:
        return float(
            nn.functional.cross_entropy(logits.double() / np.exp(log_temperature), truth, label_smoothing=smoothing)
        )

    return float(np.exp(minimize_scalar(loss, bounds=(-3.0, 3.0), method="bounded").x))
