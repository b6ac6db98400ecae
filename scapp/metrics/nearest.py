"""Nearest neighbours of every point, the same for maps and for CLEAR's positives."""

import numpy as np
from sklearn.neighbors import NearestNeighbors

EXACT_CELLS = 100_000
"""Up to so many cells, neighbours are found exactly. On two cores that takes 1 s for 20,000 cells, 5 s for 50,000 and
20 s for 100,000; pynndescent takes 37 s for 100,000 in a process that has yet to compile it, and 9 s in one that has.
"""


def nearest_others(points: np.ndarray, n_near: int, seed: int) -> np.ndarray:
    """Positions of each point's nearest others.

    Parameters
    ----------
    points
        Shape (n_points, n_dims).
    n_near
        How many; fewer than points.
    seed
        Of the search among more than ``EXACT_CELLS`` points, which finds nearly all.

    Returns
    -------
    Shape (n_points, n_near), int64.
    """
    if len(points) <= EXACT_CELLS:
        return np.asarray(NearestNeighbors(n_neighbors=n_near).fit(points).kneighbors(return_distance=False))
    from pynndescent import NNDescent  # compiles for half a minute

    index, _ = NNDescent(points, n_neighbors=n_near + 1, random_state=seed).neighbor_graph
    # a point finds itself first, but for equal points
    return np.asarray(index[:, 1:], dtype=np.int64)
