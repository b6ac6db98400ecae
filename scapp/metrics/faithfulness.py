"""How much of a space's neighbourhoods a map keeps."""

import numpy as np
from sklearn.neighbors import NearestNeighbors

SAMPLED_CELLS = 2_000


def neighbours_kept(space: np.ndarray, drawn: np.ndarray, *, n_neighbors: int = 15, seed: int = 0) -> float:
    """Mean share of a cell's nearest neighbours in a space that are also among its nearest on the map.

    Parameters
    ----------
    space
        Shape (n_cells, n_dims).
    drawn
        Map of the same cells, shape (n_cells, 2); or another space.
    n_neighbors
        How many neighbours of each cell are compared; fewer where there are fewer cells.
    seed
        Of the sample of 2,000 cells that is asked about where there are more.

    Returns
    -------
    0 to 1; by chance about ``n_neighbors / n_cells``. NaN with fewer than three cells.

    References
    ----------
    Venna and Kaski 2001 (neighbourhood preservation), as the k-NN recall of Kobak and Berens 2019.
    """
    n_cells = len(space)
    if n_cells < 3:
        return float("nan")
    k = min(n_neighbors, n_cells - 1)
    asked = np.arange(n_cells)
    if n_cells > SAMPLED_CELLS:
        asked = np.sort(np.random.default_rng(seed).choice(n_cells, SAMPLED_CELLS, replace=False))
    near, shown = (_neighbours(values, asked, k) for values in (space, drawn))
    return float(np.mean([len(np.intersect1d(a, b)) / k for a, b in zip(near, shown, strict=True)]))


def _neighbours(values: np.ndarray, asked: np.ndarray, k: int) -> np.ndarray:
    found = NearestNeighbors(n_neighbors=k + 1).fit(values).kneighbors(values[asked], return_distance=False)
    # the cell itself, wherever equal points put it, is no neighbour
    own = found == asked[:, None]
    own[~own.any(axis=1), -1] = True
    return found[~own].reshape(len(asked), k)
