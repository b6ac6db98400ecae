"""Other cells on the map of a reference."""

import numpy as np
from sklearn.neighbors import NearestNeighbors

from scapp.core import keys
from scapp.core.errors import DataError

N_NEIGHBOURS = 15
USUAL = 0.99
"""Share of the reference's cells whose own nearest neighbour counts as near."""


def place_onto_map(cells: np.ndarray, reference: np.ndarray, points: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Where cells stand on a map that was drawn of others, and how far they are from all of them.

    Parameters
    ----------
    cells
        Their representation, shape (n_cells, d).
    reference
        Of the cells that the map was drawn of, in the same space, shape (n_reference, d).
    points
        The map, shape (n_reference, 2).

    Returns
    -------
    Places, float32, shape (n_cells, 2): the median of the 15 nearest reference cells' places, weighted by 1 / distance
    (a mean would set a cell between two groups into the empty space between them).
    And distances, float32, shape (n_cells,): to the nearest reference cell, in units of what 99% of the reference's
    cells have to theirs or less; above 1 the reference has nothing like the cell.
    """
    search = NearestNeighbors(n_neighbors=min(N_NEIGHBOURS, len(reference))).fit(reference)
    distances, nearest = search.kneighbors(cells)
    weights = 1 / np.maximum(distances, 1e-12)
    placed = np.stack([_weighted_median(points[nearest, axis], weights) for axis in (0, 1)], axis=1)
    own = search.kneighbors(n_neighbors=1)[0].ravel() if len(reference) > 1 else np.zeros(1)
    unit = max(float(np.quantile(own, USUAL)), 1e-12)
    return placed.astype(np.float32), (distances[:, 0] / unit).astype(np.float32)


def _weighted_median(values: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Of each row, the smallest value up to which half of the weight has been passed."""
    order = np.argsort(values, axis=1)
    passed = np.cumsum(np.take_along_axis(weights, order, axis=1), axis=1)
    middle = (passed < passed[:, -1:] / 2).sum(axis=1)
    return np.asarray(np.take_along_axis(values, np.take_along_axis(order, middle[:, None], axis=1), axis=1)[:, 0])


def on_the_map_of(embedding: np.ndarray, where: np.ndarray, points: np.ndarray) -> dict[str, np.ndarray]:
    """Slots of cells on a reference's map, and of their distances to it.

    Parameters
    ----------
    embedding
        Where a model put the cells, shape (n_cells, d).
    where
        Where it put the reference's, shape (n_reference, d).
    points
        Their map, shape (n_reference, 2).

    Raises
    ------
    DataError
        The two are not of one space.
    """
    if where.shape[1] != embedding.shape[1]:
        raise DataError(
            f"The reference's cells have {where.shape[1]} columns, and this model writes {embedding.shape[1]}.",
            hint="Name the dataset that the model was trained on.",
        )
    placed, distances = place_onto_map(embedding, where, points[:, :2])
    return {keys.PLACED_MAP: placed, keys.PLACED_DISTANCE: distances}
