"""Pseudotime and the graph of groups, by scanpy."""

from dataclasses import dataclass

import anndata as ad
import numpy as np
import pandas as pd
import scanpy as sc
from scipy import sparse
from scipy.sparse.csgraph import connected_components, dijkstra, minimum_spanning_tree
from scipy.spatial.distance import pdist, squareform
from sklearn.neighbors import kneighbors_graph

from scapp.core.errors import ConfigError, DataError, listed

LEAST_CELLS = 5
N_COMPONENTS = 15
"""Diffusion components, scanpy's default; fewer where cells are few."""
SLOWEST = 0.999
"""Second eigenvalue of diffusion above which parts of the graph hang by a thread: crossing then takes over 1 / (1 -
0.999) = 1000 steps, and that one
crossing decides diffusion pseudotime."""
MOST_NEIGHBORS = 200
"""Further than that the graph is not widened: it would be no graph of neighbours any longer, nor fit into memory."""


@dataclass(frozen=True)
class Trajectory:
    """An order of cells from a root.

    Parameters
    ----------
    pseudotime
        0 at the root to 1, float32, shape (n_cells,); infinite where the neighbour graph does not reach.
    root
        Position of the root cell.
    paga
        How strongly groups are connected, 0 to 1, shape (n_groups, n_groups); None without groups.
    groups
        Names of the rows of ``paga``.
    n_neighbors
        Of the graph that was used.
    """

    pseudotime: np.ndarray
    root: int
    paga: np.ndarray | None
    groups: tuple[str, ...]
    n_neighbors: int


def pseudotime(
    representation: np.ndarray,
    *,
    root: int,
    groups: pd.Categorical | None = None,
    n_neighbors: int = 15,
    connect: bool = False,
    seed: int = 0,
) -> Trajectory:
    """Diffusion pseudotime from a root cell, and PAGA of groups.

    Parameters
    ----------
    representation
        Shape (n_cells, d).
    root
        Position of the cell that time starts from.
    groups
        One per cell, for PAGA; cells without one must not be among them.
    n_neighbors
        Of the graph; at most one less than there are cells.
    connect
        Take more neighbours, a fifth at a time and 200 at most, until every cell can be reached and diffusion crosses
        the graph within a thousand steps (its second eigenvalue is below 0.999). Stages that lie far apart else fall
        into parts without an order, or hang by a thread that decides it.
    seed
        Of the graph.

    Raises
    ------
    DataError
        Fewer than five cells.
    ConfigError
        There is no such root cell.

    References
    ----------
    Haghverdi et al. 2016 (``scanpy.tl.dpt``); Wolf et al. 2019 (``scanpy.tl.paga``).
    """
    n_cells = len(representation)
    if n_cells < LEAST_CELLS:
        raise DataError(
            f"An order needs {LEAST_CELLS} cells or more; there are {n_cells}.", hint="Choose a larger dataset."
        )
    if not 0 <= root < n_cells:
        raise ConfigError(f"There is no cell number {root}.", hint="Choose another root.")
    adata = ad.AnnData(obs=pd.DataFrame(index=[str(i) for i in range(n_cells)]))
    adata.obsm["X_any"] = np.asarray(representation, dtype=np.float32)
    used = min(n_neighbors, n_cells - 1)
    most = min(max(n_neighbors, MOST_NEIGHBORS), n_cells - 1)
    n_components = min(N_COMPONENTS, n_cells - 2)
    _diffuse(adata, used, n_components, seed)
    while connect and used < most and _hangs_by_a_thread(adata):
        used = min(int(np.ceil(1.2 * used)), most)
        _diffuse(adata, used, n_components, seed)
    adata.uns["iroot"] = root
    sc.tl.dpt(adata, n_dcs=min(10, n_components))
    connected: np.ndarray | None = None
    names: tuple[str, ...] = ()
    if groups is not None:
        kept = groups.remove_unused_categories()
        names = tuple(str(name) for name in kept.categories)
        adata.obs["group"] = kept.rename_categories(list(names))
        if len(names) > 1:
            sc.tl.paga(adata, groups="group")
            found: sparse.csr_matrix = adata.uns["paga"]["connectivities"]
            connected = np.asarray(found.toarray(), dtype=np.float32)
    time = adata.obs["dpt_pseudotime"].to_numpy(dtype=np.float32)
    return Trajectory(time, root, connected, names, used)


def _diffuse(adata: ad.AnnData, n_neighbors: int, n_components: int, seed: int) -> None:
    sc.pp.neighbors(adata, n_neighbors=n_neighbors, use_rep="X_any", random_state=seed)
    sc.tl.diffmap(adata, n_comps=n_components, random_state=seed)


def _hangs_by_a_thread(adata: ad.AnnData) -> bool:
    parts: int = connected_components(adata.obsp["connectivities"])[0]
    return parts > 1 or float(adata.uns["diffmap_evals"][1]) > SLOWEST


def path_time(representation: np.ndarray, *, root: int, n_neighbors: int = 15) -> np.ndarray:
    """Length of the shortest way from the root along nearest neighbours, 0 to 1, float32, shape (n_cells,).

    Parts that neighbours do not connect are joined by the minimum spanning tree, so every cell is reached: for few
    cells in stages that lie far apart, where diffusion finds no way.

    References
    ----------
    As the distances of Isomap (Tenenbaum et al. 2000); spanning trees as in Trapnell et al. 2014 (Monocle).
    """
    n_cells = len(representation)
    if not np.ptp(representation, axis=0).any():
        return np.zeros(n_cells, dtype=np.float32)
    # a sparse graph takes a distance of zero, between cells that are alike, for no edge
    least = 1e-9 * float(np.abs(representation).max())
    graph = kneighbors_graph(representation, min(n_neighbors, n_cells - 1), mode="distance")
    graph.data += least
    graph = graph.maximum(graph.T)
    if connected_components(graph)[0] > 1:
        tree = minimum_spanning_tree(squareform(pdist(representation) + least))
        graph = graph.maximum(tree).maximum(tree.T)
    far = dijkstra(graph, directed=False, indices=root)
    return np.asarray(far / max(float(far.max()), 1e-12), dtype=np.float32)


def root_of(representation: np.ndarray, groups: pd.Categorical, group: str) -> int:
    """The cell of a group that lies farthest from the mean of all other cells: time starts at an end.

    Of a group that holds every cell, the cell farthest from its mean.

    Raises
    ------
    ConfigError
        No cell is of the group.
    """
    names = [str(name) for name in groups.categories]
    members = np.flatnonzero(np.asarray(groups.codes) == (names.index(group) if group in names else -2))
    if not len(members):
        raise ConfigError(f"No cell is of '{group}'; there are {listed(names)}.", hint="Choose another root group.")
    others = np.delete(np.arange(len(representation)), members)
    middle = representation[others if len(others) else members].mean(axis=0)
    return int(members[np.argmax(np.linalg.norm(representation[members] - middle, axis=1))])
