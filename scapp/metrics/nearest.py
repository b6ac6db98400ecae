"""Nearest neighbours of every point, the same for maps and for CLEAR's positives."""

from collections.abc import Callable

import numpy as np
from sklearn.neighbors import NearestNeighbors

from scapp.core.environment import environment

EXACT_CELLS = 50_000
"""Up to so many cells, neighbours are found exactly. On two cores that takes 1 s for 20,000 cells, 5 to 10 s for 50,000
and 20 to 40 s for 100,000; the lists take 7 s for 100,000.
"""
POINTS_OF_LIST = 200
LISTS_SEARCHED = 64
POINTS_TO_LEARN = 32
"""Points a list from which the centres of the lists are learnt."""
ROUNDS = 8
AT_A_TIME = 50_000


def nearest_others(points: np.ndarray, n_near: int, seed: int) -> np.ndarray:
    """Positions of each point's nearest others, shape (n_points, n_near), int64; see ``nearest``."""
    if len(points) <= EXACT_CELLS:
        return np.asarray(NearestNeighbors(n_neighbors=n_near).fit(points).kneighbors(return_distance=False))
    return nearest(points, n_near, seed)[0]


def nearest(
    points: np.ndarray, n_near: int, seed: int, report: Callable[[int, int], None] | None = None
) -> tuple[np.ndarray, np.ndarray]:
    """Nearest others of each of many points, nearly all of them.

    Points are put into lists of about ``POINTS_OF_LIST`` around centres that k-means finds, and each is compared with
    those of the ``LISTS_SEARCHED`` lists whose centres are nearest.

    Parameters
    ----------
    points
        Shape (n_points, n_dims).
    n_near
        How many; fewer than points.
    seed
        Of the points from which the centres are learnt.
    report
        Called with points done and in all.

    Returns
    -------
    positions
        Nearest first, int64, shape (n_points, n_near).
    distances
        Euclidean, float32, the same shape.

    References
    ----------
    Jégou, Douze and Schmid 2011 (inverted lists), by faiss (Douze et al. 2024).
    """
    import faiss  # loads compiled libraries that small data never need

    faiss.omp_set_num_threads(environment().n_worker_threads)
    points = np.ascontiguousarray(points, dtype=np.float32)
    n_points, n_dims = points.shape
    n_lists = max(n_points // POINTS_OF_LIST, 1)
    index = faiss.IndexIVFFlat(faiss.IndexFlatL2(n_dims), n_dims, n_lists)
    index.cp.seed, index.cp.niter = seed, ROUNDS
    index.cp.min_points_per_centroid, index.cp.max_points_per_centroid = 1, POINTS_TO_LEARN
    index.train(points)
    index.add(points)
    index.nprobe = min(LISTS_SEARCHED, n_lists)
    positions = np.empty((n_points, n_near), dtype=np.int64)
    distances = np.empty((n_points, n_near), dtype=np.float32)
    for start in range(0, n_points, AT_A_TIME):
        if report is not None:
            report(start, n_points)
        own = np.arange(start, min(start + AT_A_TIME, n_points))
        squared, found = index.search(points[own], n_near + 1)
        short = np.flatnonzero((found < 0).any(axis=1))
        if len(short):
            # lists around some points hold too few: these are compared with all
            squared[short], found[short] = faiss.knn(points[own[short]], points, n_near + 1)
        # a point finds itself first, but for equal points, of which it may not be among the first
        itself = found == own[:, None]
        itself[~itself.any(axis=1), -1] = True
        positions[own] = found[~itself].reshape(len(own), n_near)
        distances[own] = np.sqrt(squared[~itself].reshape(len(own), n_near))
    return positions, distances
