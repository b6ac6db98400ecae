"""What can be seen of a model while it trains. Nothing here is learnt from, and nothing here changes what is learnt.

Now and then a fixed sample of cells is embedded: two principal components of it, how similar views of one cell and of
different cells are, and how well k-means finds the labels in it. The share of the time that this takes is bounded.
"""

import math
import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

import numpy as np
import pandas as pd
import torch
from sklearn.cluster import KMeans
from sklearn.metrics import adjusted_rand_score
from torch import Tensor

from scapp.clear.config import ClearConfig
from scapp.clear.info_nce import alignment, diverged, uniformity
from scapp.clear.model import Encoder
from scapp.clear.objective import same_cell, scaled_to, unit
from scapp.clear.training.matrix import CellMatrix

SHOWN_CELLS = 2_000
COMPARED_CELLS = 500
ANCHORS = 12
BINS = 40
MOST_FRAMES = 60
TIME_SHARE = 0.08
FREE_SECONDS = 1.0
"""The first epochs change most: so much looking is free."""
LABEL_COMPONENTS = 32
KMEANS_STARTS = 3

ViewsOf = Callable[[Tensor], Tensor]


class Watch:
    """Looks at a model now and then.

    Parameters
    ----------
    matrix
        All cells.
    config
        Of the training.
    epochs
        How many there will be.
    views_of
        Augmented profiles of some cells; called twice, once.
    neighbours
        Cells that second views are of, shape (n_cells, k).
    labels
        Label of each cell, categorical; NaN where there is none. Agreement with it is logged, nothing more.
    reference
        Another representation of the same cells, such as PCA, shape (n_cells, d): its agreement stands beside the
        model's.
    """

    def __init__(
        self,
        matrix: CellMatrix,
        config: ClearConfig,
        epochs: int,
        views_of: ViewsOf,
        *,
        neighbours: np.ndarray | None = None,
        labels: pd.Categorical | None = None,
        reference: np.ndarray | None = None,
    ) -> None:
        self.matrix = matrix
        self.config = config
        self.epochs = epochs
        self.shown = _spread(np.arange(matrix.n_cells), SHOWN_CELLS)
        self.compared = _spread(self.shown, COMPARED_CELLS)
        self.partners = self.compared if neighbours is None else neighbours[self.compared, 0]
        self._views = (views_of(self._on_device(self.compared)), views_of(self._on_device(self.partners)))
        self.agreement = _Agreement(labels, self.shown, config.seed) if labels is not None else None
        self.reference_ari = (
            self.agreement.of(reference[self.shown]) if self.agreement and reference is not None else None
        )
        self._axes: np.ndarray | None = None
        self._next_epoch = 0
        self._spent = 0.0
        self._began = time.monotonic()

    def _on_device(self, cells: np.ndarray) -> Tensor:
        return torch.from_numpy(np.ascontiguousarray(cells)).to(self.matrix.device)

    def is_due(self, epoch: int) -> bool:
        """Whether to look after this epoch: always after the last, else where neither frames nor time would be too
        many.
        """
        if epoch >= self.epochs:
            return True
        return epoch >= self._next_epoch and self._spent <= FREE_SECONDS + TIME_SHARE * (time.monotonic() - self._began)

    def look(
        self, epoch: int, query: Encoder, key: Encoder, kept: Encoder
    ) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
        """Look at the model after an epoch (0: before the first).

        Parameters
        ----------
        epoch
            Number of epochs done.
        query, key
            Encoders of first and second views.
        kept
            The one whose representation is kept.

        Returns
        -------
        row
            Numbers to log with the epoch.
        arrays
            The frame: ``shown`` and ``points``; histograms ``positive`` and ``negative`` of similarities over -1 to 1;
            and of some anchors ``anchors``, their ``partners`` and ``candidates`` (cells), ``own`` similarity and
            ``similar`` (n_anchors, n_candidates), NaN where a candidate is no negative.

        Raises
        ------
        DivergedError
            The representation is not made of numbers.
        """
        began = time.monotonic()
        row, arrays = self._look(query, key, kept)
        self._spent += time.monotonic() - began
        self._next_epoch = epoch + max(math.ceil(self.epochs / MOST_FRAMES), 1)
        if self.agreement is not None:
            row |= self.agreement.log(epoch, self._embedding, wait=epoch >= self.epochs)
            if self.reference_ari is not None:
                row["reference_ari"] = self.reference_ari
        return row, arrays

    @torch.no_grad()
    def _look(self, query: Encoder, key: Encoder, kept: Encoder) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
        encoders = (query, key, kept)
        for encoder in encoders:
            encoder.eval()
        embedding = scaled_to(
            self.config.embedding_length, kept.represent(self.matrix.rows(self._on_device(self.shown)))
        )
        queries = unit(query(self._views[0])).float()
        keys = unit((query if self.config.key_encoder == "query" else key)(self._views[1])).float()
        for encoder in encoders:
            encoder.train()
        self._embedding = embedding.double().cpu().numpy()
        if not np.isfinite(self._embedding).all():
            raise diverged("The embedding holds values that are not numbers.")
        cells, partners = self._on_device(self.compared), self._on_device(self.partners)
        similar = queries @ keys.T
        own = similar.diagonal().clone()
        similar[same_cell(cells, partners, partners)] = math.nan
        negatives = similar[~similar.isnan()]
        anchors = _spread(np.arange(len(self.compared)), ANCHORS)
        row = {
            "alignment": alignment(queries, keys),
            "uniformity": uniformity(queries),
            "positive_similarity": float(own.mean()),
            "negative_similarity": float(negatives.mean()) if len(negatives) else 0.0,
        }
        arrays = {
            "shown": self.shown.astype(np.int32),
            "points": self._points(),
            "positive": _histogram(own),
            "negative": _histogram(negatives),
            "anchors": self.compared[anchors].astype(np.int32),
            "partners": self.partners[anchors].astype(np.int32),
            "candidates": self.partners.astype(np.int32),
            "own": own[anchors].cpu().numpy(),
            "similar": similar[anchors].cpu().numpy(),
        }
        return row, arrays

    def _points(self) -> np.ndarray:
        """Two principal components of the shown cells, (n_shown, 2), turned to lie as in the frame before."""
        points = principal_axes(self._embedding, 2)
        if self._axes is not None:
            left, _, right = np.linalg.svd(points.T @ self._axes)
            points = points @ (left @ right)
        self._axes = points
        return points.astype(np.float32)


class _Agreement:
    """k-means against labels, in a thread of its own while training goes on."""

    def __init__(self, labels: pd.Categorical, shown: np.ndarray, seed: int) -> None:
        codes = np.asarray(labels.codes)[shown]
        self.known = codes >= 0
        self.codes = codes[self.known]
        self.n_labels = len(np.unique(self.codes))
        self.seed = seed
        self._thread = ThreadPoolExecutor(1)
        self._running: tuple[int, Future[float]] | None = None

    def of(self, embedding: np.ndarray) -> float:
        """Adjusted Rand index of k-means (k = number of labels) in the first components of an embedding of the shown
        cells.
        """
        if self.n_labels < 2:
            return 0.0
        components = principal_axes(np.asarray(embedding, dtype=np.float64)[self.known], LABEL_COMPONENTS)
        found = KMeans(self.n_labels, n_init=KMEANS_STARTS, random_state=self.seed).fit_predict(components)
        return float(adjusted_rand_score(self.codes, found))

    def log(self, epoch: int, embedding: np.ndarray, *, wait: bool) -> dict[str, Any]:
        """What has come of an earlier epoch, ``ari_epoch`` and ``ari``; and begin with this one where nothing else is
        going on.
        """
        if wait:
            self._thread.shutdown()
            return {"ari_epoch": epoch, "ari": self.of(embedding)}
        row: dict[str, Any] = {}
        if self._running is not None and self._running[1].done():
            row = {"ari_epoch": self._running[0], "ari": self._running[1].result()}
            self._running = None
        if self._running is None:
            self._running = (epoch, self._thread.submit(self.of, embedding))
        return row


def principal_axes(values: np.ndarray, n: int) -> np.ndarray:
    """First principal components, float64, shape (n_cells, n); zeros where there are fewer."""
    centred = values - values.mean(axis=0)
    # few columns: the covariance is small, and much faster than a decomposition of all cells
    _, axes = np.linalg.eigh(centred.T @ centred)
    points = centred @ axes[:, ::-1][:, :n]
    return np.asarray(np.pad(points, ((0, 0), (0, n - points.shape[1]))))


def _spread(values: np.ndarray, n: int) -> np.ndarray:
    """At most n of the values, evenly spaced."""
    return values[np.linspace(0, len(values) - 1, min(n, len(values))).astype(np.int64)]


def _histogram(similarities: Tensor) -> np.ndarray:
    counts, _ = np.histogram(similarities.cpu().numpy().clip(-1, 1), bins=BINS, range=(-1, 1))
    return counts.astype(np.int32)
