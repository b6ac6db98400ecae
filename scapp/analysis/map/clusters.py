"""Neighbours, UMAP, t-SNE, Leiden, Louvain and k-means, by scanpy, igraph and scikit-learn."""

import random
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import anndata as ad
import igraph
import numpy as np
import pandas as pd
import scanpy as sc
from scipy import sparse
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.cluster import KMeans
from sklearn.decomposition import PCA

from scapp.analysis.map.config import MOST_TSNE_CELLS
from scapp.core.errors import ConfigError
from scapp.metrics.nearest import EXACT_CELLS, nearest

KMEANS_STARTS = 10
MANY_CELLS = 100_000
"""Beyond, what takes scanpy's way too much memory is done in another."""


@dataclass(frozen=True)
class Neighbours:
    """Nearest neighbours of every cell, as scanpy keeps them.

    Parameters
    ----------
    connectivities
        UMAP's weighted graph, symmetric, CSR float32, shape (n_cells, n_cells).
    distances
        To each of a cell's neighbours, CSR float32, shape (n_cells, n_cells).
    """

    connectivities: sparse.csr_matrix
    distances: sparse.csr_matrix


def neighbour_graph(representation: np.ndarray, *, n_neighbors: int, seed: int) -> sparse.csr_matrix:
    """UMAP's weighted graph of nearest neighbours alone; see ``neighbours``."""
    return neighbours(representation, n_neighbors=n_neighbors, seed=seed).connectivities


class _ByLists(TransformerMixin, BaseEstimator):
    """What scanpy asks for neighbours: the distances to those that ``metrics.nearest`` finds."""

    def __init__(self, n_neighbors: int, seed: int, report: Callable[[int, int], None] | None) -> None:
        self.n_neighbors = n_neighbors
        self.seed = seed
        self.report = report

    def fit(self, points: np.ndarray, _: Any = None) -> "_ByLists":
        # scanpy counts a cell as the first of its own neighbours
        positions, distances = nearest(points, self.n_neighbors - 1, self.seed, self.report)
        bounds = np.arange(0, positions.size + 1, positions.shape[1])
        self.distances_ = sparse.csr_matrix((distances.ravel(), positions.ravel(), bounds), shape=(len(points),) * 2)
        return self

    def transform(self, _: np.ndarray) -> sparse.csr_matrix:
        return self.distances_


def neighbours(
    representation: np.ndarray, *, n_neighbors: int, seed: int, report: Callable[[int, int], None] | None = None
) -> Neighbours:
    """Nearest neighbours by Euclidean distance, exact up to ``metrics.nearest.EXACT_CELLS``. Fewer cells than
    neighbours: every other cell is one.

    Parameters
    ----------
    representation
        Shape (n_cells, n_dims).
    n_neighbors
        The cell itself counts, as in scanpy.
    seed
        Of the search among many cells.
    report
        Called with cells done and in all, where there are many.

    Raises
    ------
    ConfigError
        Fewer than three cells.
    """
    adata = _holding(representation)
    n_neighbors = min(n_neighbors, len(representation) - 1)
    exact = len(representation) <= EXACT_CELLS
    sc.pp.neighbors(
        adata,
        n_neighbors=n_neighbors,
        use_rep="X_any",
        transformer="sklearn" if exact else _ByLists(n_neighbors, seed, report),
        random_state=seed,
    )
    return Neighbours(
        *(sparse.csr_matrix(adata.obsp[key], dtype=np.float32) for key in ("connectivities", "distances"))
    )


def umap_map(
    representation: np.ndarray,
    graph: sparse.csr_matrix,
    *,
    n_neighbors: int,
    min_dist: float,
    seed: int,
    epochs: int = 0,
) -> np.ndarray:
    """UMAP coordinates, float32, shape (n_cells, 2); with 0 epochs, as many as UMAP chooses.

    A layout starts from eigenvectors of the graph; that of more than ``MANY_CELLS`` cells from their first two
    principal components, because eigenvectors of a large graph take long and much memory.
    """
    adata = _holding(representation, graph, n_neighbors=n_neighbors)
    # The spectral start needs more cells than dimensions; a handful of cells start at random.
    start: str | np.ndarray = "spectral" if len(representation) > 10 else "random"
    if len(representation) > MANY_CELLS:
        start = _components(representation, seed)
    sc.tl.umap(adata, min_dist=min_dist, init_pos=start, random_state=seed, maxiter=epochs or None)
    return np.asarray(adata.obsm["X_umap"], dtype=np.float32)


def _components(representation: np.ndarray, seed: int) -> np.ndarray:
    """The first two principal components, within 10 of zero and a little shaken, as UMAP's own starts are."""
    found = PCA(n_components=2, svd_solver="covariance_eigh").fit_transform(representation)
    shaken = np.random.default_rng(seed).normal(scale=1e-4, size=found.shape)
    return np.asarray(10 * found / max(float(np.abs(found).max()), 1e-12) + shaken, dtype=np.float32)


def tsne_map(representation: np.ndarray, *, perplexity: float, seed: int) -> np.ndarray:
    """t-SNE coordinates, float32, shape (n_cells, 2).

    Raises
    ------
    ConfigError
        More than 20,000 cells, or no more cells than the perplexity.
    """
    n_cells = len(representation)
    if n_cells > MOST_TSNE_CELLS:
        raise ConfigError(
            f"t-SNE is offered up to {MOST_TSNE_CELLS:,} cells; there are {n_cells:,}.",
            hint="Choose 'umap' under 'Map'.",
        )
    if n_cells <= perplexity:
        raise ConfigError(
            f"A perplexity of {perplexity:g} needs more cells than that; there are {n_cells}.",
            hint="Lower 't-SNE perplexity' in the advanced settings.",
        )
    adata = _holding(representation)
    # scanpy's fixed rate of 1000 throws small data apart; this is Belkina et al. 2019, as scikit-learn's "auto"
    rate = max(n_cells / 48, 50)
    sc.tl.tsne(adata, use_rep="X_any", perplexity=perplexity, learning_rate=rate, random_state=seed)
    return np.asarray(adata.obsm["X_tsne"], dtype=np.float32)


def louvain(graph: sparse.csr_matrix, *, resolution: float, seed: int) -> pd.Categorical:
    """Louvain clusters, categories "0", "1", ... from the largest cluster down.

    igraph's function itself, because ``scanpy.tl.louvain`` with igraph takes no resolution.

    References
    ----------
    Blondel, Guillaume, Lambiotte and Lefebvre 2008.
    """
    upper = sparse.triu(graph, k=1).tocoo()
    with _random_numbers(random.Random(seed)):
        found = _network(upper).community_multilevel(weights=upper.data.astype(float), resolution=resolution)
    return _by_size(np.asarray(found.membership))


def leiden(graph: sparse.csr_matrix, *, resolution: float, seed: int) -> pd.Categorical:
    """Leiden clusters, categories "0", "1", ... from the largest cluster down.

    The clusters of ``scanpy.tl.leiden`` with igraph and two iterations, which makes a Python object of every edge. It
    gives igraph each edge twice; of more than ``MANY_CELLS`` cells igraph gets each once, in half of the memory: the
    modularity is the same, and the clusters differ as those of two seeds do.

    References
    ----------
    Traag, Waltman and van Eck 2019.
    """
    edges = sparse.triu(graph, k=1).tocsr() if graph.shape[0] > MANY_CELLS else sparse.csr_matrix(graph, copy=True)
    edges.eliminate_zeros()
    edges = edges.tocoo()
    with _random_numbers(_ScanpysNumbers(seed)):
        found = _network(edges).community_leiden(
            objective_function="modularity", weights=edges.data.astype(float), resolution=resolution, n_iterations=2
        )
    return _by_size(np.asarray(found.membership))


def _network(edges: sparse.coo_matrix) -> igraph.Graph:
    return igraph.Graph(n=edges.shape[0], edges=np.column_stack([edges.row, edges.col]), directed=False)


@contextmanager
def _random_numbers(generator: Any) -> Iterator[None]:
    """Let igraph draw from this generator."""
    igraph.set_random_number_generator(generator)
    try:
        yield
    finally:
        igraph.set_random_number_generator(random)


class _ScanpysNumbers:
    """Random numbers for igraph in the order in which scanpy draws them."""

    def __init__(self, seed: int) -> None:
        self._state = np.random.RandomState(seed)
        self.random, self.gauss = self._state.random, self._state.normal

    def getrandbits(self, k: int) -> int:
        return int(self._state.tomaxint()) & ((1 << k) - 1)

    def randint(self, a: int, b: int) -> int:
        return int(self._state.randint(a, b + 1))


def kmeans(representation: np.ndarray, *, n_clusters: int, seed: int) -> pd.Categorical:
    """k-means clusters (best of 10 starts), categories "0", "1", ... from the largest cluster down.

    Raises
    ------
    ConfigError
        More clusters than cells.
    """
    if n_clusters > len(representation):
        raise ConfigError(
            f"{n_clusters} clusters were asked for; there are {len(representation)} cells.",
            hint="Choose fewer clusters.",
        )
    codes = KMeans(n_clusters, n_init=KMEANS_STARTS, random_state=seed).fit_predict(representation)
    return _by_size(codes)


def _by_size(codes: np.ndarray) -> pd.Categorical:
    values, counts = np.unique(codes, return_counts=True)
    order = values[np.argsort(-counts, kind="stable")]
    rank = np.empty(codes.max() + 1, dtype=int)
    rank[order] = np.arange(len(order))
    return pd.Categorical.from_codes(rank[codes], [str(i) for i in range(len(order))])


def _holding(
    representation: np.ndarray, graph: sparse.csr_matrix | None = None, *, n_neighbors: int = 15
) -> ad.AnnData:
    if len(representation) < 3:
        raise ConfigError(
            f"A map needs three cells or more; there are {len(representation)}.",
            hint="Filter less, then make the map again.",
        )
    adata = ad.AnnData(obs=pd.DataFrame(index=[str(i) for i in range(len(representation))]))
    adata.obsm["X_any"] = representation
    if graph is not None:
        adata.obsp["connectivities"] = graph
        parameters = {"n_neighbors": n_neighbors, "method": "umap", "use_rep": "X_any", "metric": "euclidean"}
        adata.uns["neighbors"] = {
            "connectivities_key": "connectivities",
            "distances_key": "connectivities",
            "params": parameters,
        }
    return adata
