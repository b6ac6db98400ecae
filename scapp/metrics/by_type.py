"""How well a classifier knows each type, by scikit-learn. Arrays in, numbers out."""

import numpy as np
import pandas as pd
from sklearn import metrics as sk

TOP = 3
N_BINS = 10


def headline(codes: np.ndarray, probabilities: np.ndarray) -> dict[str, float]:
    """Accuracy and the means over types.

    Parameters
    ----------
    codes
        True type of each cell from 0, shape (n_cells,).
    probabilities
        Shape (n_cells, n_types).

    Returns
    -------
    ``top1``, ``top3``, ``macro_f1`` (over the types that are there or were said), ``mean_auprc`` (over the types that
    are there and not alone), ``n_test``. NaN without cells.
    """
    n_cells, n_types = probabilities.shape
    if not n_cells:
        return {"top1": np.nan, "top3": np.nan, "macro_f1": np.nan, "mean_auprc": np.nan, "n_test": 0}
    said = probabilities.argmax(axis=1)
    best = np.argsort(-probabilities, axis=1, kind="stable")[:, : min(TOP, n_types)]
    auprc = per_type(codes, probabilities)["auprc"]
    return {
        "top1": float((said == codes).mean()),
        "top3": float((best == codes[:, None]).any(axis=1).mean()),
        "macro_f1": float(sk.f1_score(codes, said, average="macro")),
        "mean_auprc": float(auprc.mean()) if auprc.notna().any() else float("nan"),
        "n_test": int(n_cells),
    }


def per_type(codes: np.ndarray, probabilities: np.ndarray) -> pd.DataFrame:
    """Precision, recall, F1, AUROC and AUPRC of each type against all others.

    Returns
    -------
    One row per type, in order: ``n_test``, ``precision``, ``recall``, ``f1``, ``auroc``, ``auprc``. A type without test
    cells has NaN in all but ``n_test``, because nothing is known of it; so have AUROC and AUPRC where every cell is of
    the type.
    """
    n_types = probabilities.shape[1]
    said = probabilities.argmax(axis=1) if len(codes) else codes
    rows = []
    for code in range(n_types):
        truth = codes == code
        row: dict[str, float] = {"n_test": int(truth.sum())}
        if truth.any():
            precision, recall, f1, _ = sk.precision_recall_fscore_support(
                truth, said == code, average="binary", zero_division=0.0
            )
            row |= {"precision": precision, "recall": recall, "f1": f1}
        if truth.any() and not truth.all():
            row["auroc"] = sk.roc_auc_score(truth, probabilities[:, code])
            row["auprc"] = sk.average_precision_score(truth, probabilities[:, code])
        rows.append(row)
    return pd.DataFrame(rows, columns=["n_test", "precision", "recall", "f1", "auroc", "auprc"])


def precision_recall(truth: np.ndarray, scores: np.ndarray) -> pd.DataFrame:
    """Precision and recall at every threshold, from the strictest: ``recall``, ``precision``, ``threshold``; empty
    without a true cell.
    """
    if not truth.any():
        return pd.DataFrame({"recall": [], "precision": [], "threshold": []})
    precision, recall, thresholds = sk.precision_recall_curve(truth, scores)
    # the last point (recall 0, precision 1) has no threshold
    table = pd.DataFrame({"recall": recall, "precision": precision, "threshold": np.append(thresholds, np.nan)})
    return table.iloc[::-1].reset_index(drop=True)


def calibration(codes: np.ndarray, probabilities: np.ndarray, *, n_bins: int = N_BINS) -> pd.DataFrame:
    """How often cells that were named with a certain probability were named rightly.

    Returns
    -------
    One row per bin of equal width that holds cells: ``low``, ``high``, ``n_cells``, ``confidence`` (mean probability of
    what was said) and ``accuracy``.

    References
    ----------
    Guo et al. 2017.
    """
    confidence = probabilities.max(axis=1) if len(codes) else np.zeros(0)
    right = probabilities.argmax(axis=1) == codes if len(codes) else np.zeros(0, dtype=bool)
    bins = np.minimum((confidence * n_bins).astype(int), n_bins - 1)
    counts, said, found = (np.bincount(bins, weights=w, minlength=n_bins) for w in (None, confidence, right))
    filled = np.flatnonzero(counts)
    return pd.DataFrame(
        {
            "low": filled / n_bins,
            "high": (filled + 1) / n_bins,
            "n_cells": counts[filled].astype(int),
            "confidence": said[filled] / counts[filled],
            "accuracy": found[filled] / counts[filled],
        }
    )


def expected_calibration_error(codes: np.ndarray, probabilities: np.ndarray, *, n_bins: int = N_BINS) -> float:
    """Mean distance of confidence and accuracy over bins of confidence, weighted by their cells (Guo et al. 2017); NaN
    without cells.
    """
    if not len(codes):
        return float("nan")
    table = calibration(codes, probabilities, n_bins=n_bins)
    return float(np.average((table["confidence"] - table["accuracy"]).abs(), weights=table["n_cells"]))
