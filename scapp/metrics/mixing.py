"""How well batches are mixed and labels kept apart. Arrays in, floats out; NaN where nothing can be said."""

import numpy as np
from scipy import stats

from scapp.metrics.agreement import adjusted_rand_index, silhouette, silhouette_widths

PERPLEXITY = 30.0
"""Of LISI's neighbourhoods (Korsunsky et al. 2019)."""
N_NEIGHBOURS = 90
"""Three times the perplexity, as in LISI."""
ALPHA = 0.05
STEPS, TOLERANCE = 60, 1e-5


def shared_labels(labels: np.ndarray, batches: np.ndarray) -> np.ndarray:
    """Which cells are of a label that two batches or more have: only these can be mixed; bool, shape (n_cells,)."""
    shared = [label for label in np.unique(labels) if len(np.unique(batches[labels == label])) > 1]
    return np.isin(labels, shared)


def harmonic(first: float, second: float) -> float:
    """Harmonic mean of two scores from 0 to 1; 0 where one is 0."""
    if np.isnan(first) or np.isnan(second):
        return float("nan")
    return 2 * first * second / (first + second) if first + second > 0 else 0.0


def ari_scores(clusters: np.ndarray, labels: np.ndarray, batches: np.ndarray) -> dict[str, float]:
    """ARI of clusters with labels and with batches, as the CLEAR paper puts them together (its Figure 3B).

    Parameters
    ----------
    clusters, labels, batches
        Codes, none missing, shape (n_cells,).

    Returns
    -------
    ``cARI`` (with labels, all cells), ``1-bARI`` (1 - ARI with batches, over cells of labels that two batches have),
    ``f1_ARI`` (their harmonic mean). An ARI below 0 counts as 0, so that all are 0 to 1.
    """
    of_labels = max(adjusted_rand_index(labels, clusters), 0.0)
    shared = shared_labels(labels, batches)
    if not shared.any():
        return {"cARI": of_labels, "1-bARI": float("nan"), "f1_ARI": float("nan")}
    mixed = 1 - max(adjusted_rand_index(batches[shared], clusters[shared]), 0.0)
    return {"cARI": of_labels, "1-bARI": mixed, "f1_ARI": harmonic(of_labels, mixed)}


def asw_scores(representation: np.ndarray, labels: np.ndarray, batches: np.ndarray) -> dict[str, float]:
    """Mean silhouette widths of labels and of batches, as the CLEAR paper puts them together (its Figure 3B).

    Returns
    -------
    ``cASW`` (of labels, all cells, scaled from -1..1 to 0..1), ``1-bASW`` (1 - the size of each cell's silhouette of
    batches within its label, the mean over cells and then over labels that two batches have: 1 is mixed), ``f1_ASW``
    (their harmonic mean).

    References
    ----------
    Silhouettes of batches within labels: Luecken et al. 2022 (scIB), who take sizes before means alike, so that a batch
    inside another does not pass for mixed.
    """
    of_labels = (silhouette(representation, labels) + 1) / 2
    mixed = []
    for label in np.unique(labels):
        cells = labels == label
        widths = silhouette_widths(representation[cells], batches[cells])
        if len(widths):
            mixed.append(1 - float(np.abs(widths).mean()))
    of_batches = float(np.mean(mixed)) if mixed else float("nan")
    return {"cASW": of_labels, "1-bASW": of_batches, "f1_ASW": harmonic(of_labels, of_batches)}


def neighbours(representation: np.ndarray, n_neighbours: int = N_NEIGHBOURS) -> tuple[np.ndarray, np.ndarray]:
    """Nearest other cells of each cell and their Euclidean distances, each shape (n_cells, k), k below the number of
    cells.
    """
    from sklearn.neighbors import NearestNeighbors

    k = min(n_neighbours, len(representation) - 1)
    if k < 1:
        return np.zeros((len(representation), 0), dtype=int), np.zeros((len(representation), 0))
    distances, positions = NearestNeighbors(n_neighbors=k).fit(representation).kneighbors()
    return positions, distances


VISIBLE = 0.1
"""Of ``own_group_share`` above chance: less is not worth a word."""


def own_group_share(
    representation: np.ndarray, groups: np.ndarray, *, n_neighbours: int = 15, most_cells: int = 3_000, seed: int = 0
) -> tuple[float, float]:
    """How far the cells of each group keep to themselves.

    Parameters
    ----------
    representation
        Shape (n_cells, d).
    groups
        Codes, negative where there is none, shape (n_cells,).
    n_neighbours
        Nearest cells that are looked at.
    most_cells
        Of more cells, so many are drawn.
    seed
        Of the draw.

    Returns
    -------
    The mean share of a cell's neighbours that are of its own group, and what that is where groups do not matter (the
    chance that two cells are of one group); NaN with fewer than two groups.
    """
    known = np.flatnonzero(groups >= 0)
    if len(known) > most_cells:
        known = np.sort(np.random.default_rng(seed).choice(known, most_cells, replace=False))
    groups = groups[known]
    sizes = np.bincount(groups) if len(groups) else np.zeros(0)
    if (sizes > 0).sum() < 2:
        return float("nan"), float("nan")
    positions, _ = neighbours(representation[known], n_neighbours)
    n_cells = len(groups)
    chance = float((sizes * (sizes - 1)).sum() / (n_cells * (n_cells - 1)))
    return float((groups[positions] == groups[:, None]).mean()), chance


def lisi(
    positions: np.ndarray, distances: np.ndarray, groups: np.ndarray, *, perplexity: float = PERPLEXITY
) -> np.ndarray:
    """Effective number of groups among each cell's neighbours (inverse Simpson index).

    Neighbours are weighted by a Gaussian of their distance, as wide as gives the perplexity (fewer neighbours than
    three times that: as many as a third).

    Parameters
    ----------
    positions, distances
        Of each cell's neighbours, shape (n_cells, k), as ``neighbours`` gives them.
    groups
        Codes of batches or labels, shape (n_cells,).

    Returns
    -------
    1 to the number of groups, shape (n_cells,); NaN without neighbours.

    References
    ----------
    Korsunsky et al. 2019 (LISI).
    """
    if positions.shape[1] == 0:
        return np.full(len(groups), np.nan)
    weights = _weights(distances, min(perplexity, max(positions.shape[1] / 3, 1)))
    total = np.zeros((len(groups), int(groups.max()) + 1))
    rows = np.repeat(np.arange(len(groups)), positions.shape[1])
    np.add.at(total, (rows, groups[positions].ravel()), weights.ravel())
    return np.asarray(1 / np.square(total).sum(axis=1))


def _weights(distances: np.ndarray, perplexity: float) -> np.ndarray:
    """Weights that sum to one, exp(-beta d), with beta by bisection such that exp(entropy) is the perplexity."""
    scaled = distances - distances.min(axis=1, keepdims=True)
    beta = np.ones(len(distances))
    low, high = np.zeros(len(distances)), np.full(len(distances), np.inf)
    target = np.log(perplexity)
    for _ in range(STEPS):
        weights = np.exp(-scaled * beta[:, None])
        weights /= weights.sum(axis=1, keepdims=True)
        entropy = -(weights * np.log(np.maximum(weights, 1e-300))).sum(axis=1)
        off = entropy - target
        if np.abs(off).max() < TOLERANCE:
            break
        low, high = np.where(off > 0, beta, low), np.where(off > 0, high, beta)
        beta = np.where(np.isinf(high), beta * 2, (low + high) / 2)
    return np.asarray(weights)


def ilisi(positions: np.ndarray, distances: np.ndarray, batches: np.ndarray) -> float:
    """Median LISI of batches, scaled: 0 is one batch around each cell, 1 all batches alike (scIB's scale)."""
    n_batches = len(np.unique(batches))
    if n_batches < 2:
        return float("nan")
    return float((np.nanmedian(lisi(positions, distances, batches)) - 1) / (n_batches - 1))


def clisi(positions: np.ndarray, distances: np.ndarray, labels: np.ndarray) -> float:
    """Median LISI of labels, scaled the other way: 1 is one label around each cell (scIB's scale)."""
    n_labels = len(np.unique(labels))
    if n_labels < 2:
        return float("nan")
    return float((n_labels - np.nanmedian(lisi(positions, distances, labels))) / (n_labels - 1))


def kbet_acceptance(positions: np.ndarray, batches: np.ndarray, *, n_neighbours: int = 50) -> float:
    """Share of cells around which batches are as frequent as among all cells, by a chi-squared test at 0.05.

    Parameters
    ----------
    positions
        Of each cell's neighbours, nearest first, shape (n_cells, k); the first ``n_neighbours`` are used.
    batches
        Codes, shape (n_cells,).

    References
    ----------
    After Büttner et al. 2019 (kBET), with one number of neighbours and every cell tested.
    """
    names, codes = np.unique(batches, return_inverse=True)
    used = positions[:, :n_neighbours]
    if len(names) < 2 or used.shape[1] == 0:
        return float("nan")
    expected = np.bincount(codes) / len(codes) * used.shape[1]
    observed = np.stack([(codes[used] == code).sum(axis=1) for code in range(len(names))], axis=1)
    statistic = (np.square(observed - expected) / expected).sum(axis=1)
    return float((stats.chi2.sf(statistic, len(names) - 1) >= ALPHA).mean())
