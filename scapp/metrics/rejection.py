"""Names that are held back so that few of those given are wrong. Arrays in, numbers out."""

import numpy as np
from scipy.stats import binomtest

LEVEL = 0.95


def threshold_for(confidence: np.ndarray, right: np.ndarray, most_wrong: float) -> float | None:
    """The lowest probability from which on at most a share of the named cells is named wrongly.

    One error more than was seen is counted, as conformal prediction does: few cells promise nothing.

    Parameters
    ----------
    confidence
        Probability of what was said, of cells that nothing was learnt from, shape (n_cells,).
    right
        Whether it was true, shape (n_cells,).
    most_wrong
        Share of wrong names among those given, above 0 and below 1.

    Returns
    -------
    The threshold that names most cells with (wrong + 1) / (named + 1) at most ``most_wrong``; None where there is
    none.

    References
    ----------
    Geifman and El-Yaniv 2017 for selective classification; Angelopoulos and Bates 2023 for the added error.
    """
    order = np.argsort(-confidence, kind="stable")
    ordered = confidence[order]
    wrong = np.cumsum(~right[order].astype(bool))
    named = np.arange(1, len(order) + 1)
    # cells of one probability are named together or not at all
    last = np.append(ordered[1:] != ordered[:-1], True) if len(order) else np.zeros(0, dtype=bool)
    kept = np.flatnonzero(last & ((wrong + 1) / (named + 1) <= most_wrong))
    return float(ordered[kept[-1]]) if len(kept) else None


def among_named(confidence: np.ndarray, right: np.ndarray, threshold: float) -> dict[str, float]:
    """What a threshold means on cells: ``n_named``, ``share_named``, and ``wrong`` of those named with Wilson's 95%
    interval, ``wrong_low`` and ``wrong_high``; NaN where none is named.
    """
    named = confidence >= threshold
    n_named, n_wrong = int(named.sum()), int((~right[named].astype(bool)).sum())
    found = {"n_named": float(n_named), "share_named": n_named / len(named) if len(named) else float("nan")}
    if not n_named:
        return found | dict.fromkeys(("wrong", "wrong_low", "wrong_high"), float("nan"))
    interval = binomtest(n_wrong, n_named).proportion_ci(LEVEL, method="wilson")
    return found | {
        "wrong": n_wrong / n_named,
        "wrong_low": float(interval.low),
        "wrong_high": float(interval.high),
    }
