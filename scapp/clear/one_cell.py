"""What the loss of a single cell is made of. Imports no torch, so that pages may use it."""

import math
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class OneCell:
    """InfoNCE of one query.

    Parameters
    ----------
    loss
        -log of the positive's share.
    chance
        The loss if all were equally similar: log(1 + number of negatives).
    positive
        Share of the positive in the softmax, 0 to 1; 1 minus it is how hard the query is pulled towards it.
    negatives
        Shares of the negatives, shape (n_candidates,): how hard each is pushed away; NaN where a candidate is none.
    """

    loss: float
    chance: float
    positive: float
    negatives: np.ndarray


def loss_of_one(own: float, similar: np.ndarray, temperature: float) -> OneCell:
    """Take the loss of one query apart.

    Parameters
    ----------
    own
        Cosine similarity with the positive.
    similar
        With each candidate, shape (n_candidates,); NaN where it is no negative.
    temperature
        Of the softmax, > 0.

    References
    ----------
    CLEAR, equation 1. Its gradient weighs each negative by its share of the softmax.
    """
    there = ~np.isnan(similar)
    logits = np.concatenate([[own], similar[there]]).astype(np.float64) / temperature
    logits -= logits.max()
    shares = np.exp(logits) / np.exp(logits).sum()
    negatives = np.full(len(similar), np.nan)
    negatives[there] = shares[1:]
    loss = math.log(np.exp(logits).sum()) - float(logits[0])
    return OneCell(loss, math.log1p(int(there.sum())), float(shares[0]), negatives)
