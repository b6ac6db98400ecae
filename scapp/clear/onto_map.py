"""Other cells on the map of a reference."""

import numpy as np
from sklearn.neighbors import KNeighborsRegressor, NearestNeighbors

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
    Places, float32, shape (n_cells, 2): the mean of the 15 nearest reference cells' places, weighted by 1 / distance.
    And distances, float32, shape (n_cells,): to the nearest reference cell, in units of what 99% of the reference's
    cells have to theirs or less; above 1 the reference has nothing like the cell.
    """
    k = min(N_NEIGHBOURS, len(reference))
    placed = KNeighborsRegressor(k, weights="distance").fit(reference, points).predict(cells)
    search = NearestNeighbors(n_neighbors=1).fit(reference)
    own = search.kneighbors(return_distance=True)[0].ravel() if len(reference) > 1 else np.zeros(1)
    unit = max(float(np.quantile(own, USUAL)), 1e-12)
    distances = search.kneighbors(cells)[0].ravel() / unit
    return placed.astype(np.float32), distances.astype(np.float32)


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
