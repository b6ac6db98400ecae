"""What training reads and never changes, computed once however many processes train."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from scapp.clear.augment.gene_groups import N_GENE_GROUPS, gene_groups
from scapp.clear.config import ClearConfig
from scapp.clear.training.minibatches import nearest_neighbours
from scapp.core.provenance import fingerprint
from scapp.data.blocks.blocked_matrix import AnyMatrix, BlockedMatrix, blocked
from scapp.data.blocks.packed import Packed, packed
from scapp.data.config import PrepareConfig
from scapp.data.qc.principal_components import pca

_ENTRIES = "entries-"
_ARRAYS = ("batches", "totals", "neighbours", "groups", "loadings")


@dataclass(frozen=True)
class Cells:
    """Cells to train on.

    Parameters
    ----------
    values
        Log-normalised values of the model's genes, shape (n_cells, n_genes).
    mark
        Fingerprint of values and batches.
    batches
        Batch of each cell from 0, shape (n_cells,).
    totals
        Counts of each cell, shape (n_cells,).
    target_sum
        What ``values`` were scaled to.
    neighbours
        Cells that a cell's second view may be of, shape (n_cells, k).
    groups
        Group of each gene that is masked with others, shape (n_genes,).
    loadings
        Of the PCA that is put beside CLEAR, float32, shape (n_genes, n_pcs).
    """

    values: BlockedMatrix
    mark: str
    batches: np.ndarray | None = None
    totals: np.ndarray | None = None
    target_sum: float = 1e4
    neighbours: np.ndarray | None = None
    groups: np.ndarray | None = None
    loadings: np.ndarray | None = None

    @property
    def n_cells(self) -> int:
        """Number of cells."""
        return self.values.n_cells


def gather_cells(
    values: AnyMatrix,
    config: ClearConfig,
    *,
    batches: np.ndarray | None = None,
    totals: np.ndarray | None = None,
    target_sum: float = 1e4,
) -> Cells:
    """Find neighbours, gene groups and the PCA that is put beside CLEAR, where the configuration asks for them."""
    values = blocked(values)
    mark = values.fingerprint if batches is None else fingerprint([values.fingerprint, batches])
    components = loadings = None
    if config.has_pca_beside and values.shape[1] > 1:  # of a single gene there is no PCA
        unscaled = PrepareConfig(scale_for_pca=False, seed=config.seed)
        components, loadings = pca(values, np.ones(values.shape[1], dtype=bool), unscaled)
    neighbours = None
    if config.positives == "neighbours":
        same = None if config.scale_input else components
        neighbours = nearest_neighbours(values, config, batches, same)
    grouped = config.augmentation.groups_probability > 0
    groups = gene_groups(values, N_GENE_GROUPS, config.seed) if grouped else None
    return Cells(values, mark, batches, totals, target_sum, neighbours, groups, loadings)


def save_cells(cells: Cells, folder: Path) -> None:
    """Write cells for other processes, which map the files instead of copying them."""
    matrix = packed(cells.values)
    arrays = {f"{_ENTRIES}{name}": value for name, value in matrix.arrays().items()}
    arrays |= {name: value for name in _ARRAYS if (value := getattr(cells, name)) is not None}
    arrays["n_genes"] = np.asarray(matrix.n_genes)
    arrays["target_sum"] = np.asarray(cells.target_sum)
    for name, array in arrays.items():
        np.save(folder / f"{name}.npy", array, allow_pickle=False)
    (folder / "mark").write_text(cells.mark)


def load_cells(folder: Path) -> Cells:
    """Read what ``save_cells`` wrote."""

    def array(name: str) -> np.ndarray | None:
        path = folder / f"{name}.npy"
        return np.load(path, mmap_mode="r", allow_pickle=False) if path.exists() else None

    n_genes, target_sum = array("n_genes"), array("target_sum")
    assert n_genes is not None
    assert target_sum is not None
    names = [path.stem.removeprefix(_ENTRIES) for path in folder.glob(f"{_ENTRIES}*.npy")]
    entries = {name: np.load(folder / f"{_ENTRIES}{name}.npy", mmap_mode="r", allow_pickle=False) for name in names}
    matrix = Packed.read(entries, int(n_genes))
    others = {name: array(name) for name in _ARRAYS}
    return Cells(matrix, (folder / "mark").read_text(), target_sum=float(target_sum), **others)
