"""A matrix in the smallest types that hold it: for what reads single cells, in any order, many times."""

import tempfile
import weakref
from collections.abc import Mapping
from pathlib import Path

import numpy as np
from scipy import sparse

from scapp.core.memory import check_temporary, usable_memory
from scapp.data.blocks.blocked_matrix import BlockedMatrix, InMemory, LogNormalised, Selected, at_hand

MEMORY_SHARE = 0.4
"""Of the memory that a step may take: what is larger lies in a temporary file."""


class Packed(BlockedMatrix):
    """A matrix of which small integers and small positions are kept, in memory or in files that are mapped.

    Parameters
    ----------
    values, places, bounds
        ``data``, ``indices`` and ``indptr`` of a CSR matrix in order, of any types.
    n_genes
        Number of columns.
    scale
        By which each cell is normalised when it is read, see ``LogNormalised``; None where values are as they stand.
    """

    def __init__(
        self,
        values: np.ndarray,
        places: np.ndarray,
        bounds: np.ndarray,
        n_genes: int,
        scale: np.ndarray | None = None,
    ) -> None:
        self.shape = (len(bounds) - 1, n_genes)
        self._values, self._places, self._bounds, self._scale = values, places, bounds, scale

    @property
    def read_until(self) -> np.ndarray:
        """See ``BlockedMatrix``."""
        return self._bounds[1:]

    def block(self, start: int, stop: int) -> sparse.csr_matrix:
        """See ``BlockedMatrix``."""
        first, last = int(self._bounds[start]), int(self._bounds[stop])
        return self._csr(slice(first, last), self._bounds[start : stop + 1] - first, slice(start, stop))

    def rows(self, cells: np.ndarray) -> sparse.csr_matrix:
        """See ``BlockedMatrix``."""
        starts = self._bounds[cells]
        lengths = self._bounds[np.asarray(cells) + 1] - starts
        ends = np.concatenate([[0], np.cumsum(lengths)])
        wanted = np.arange(ends[-1]) + np.repeat(starts - ends[:-1], lengths)
        return self._csr(wanted, ends, cells)

    def _csr(self, wanted: np.ndarray | slice, indptr: np.ndarray, cells: np.ndarray | slice) -> sparse.csr_matrix:
        # float32 before anybody calculates: small integers wrap around
        parts = (self._values[wanted].astype(np.float32), self._places[wanted].astype(np.int32), indptr)
        found = sparse.csr_matrix(parts, shape=(len(indptr) - 1, self.n_genes))
        return found if self._scale is None else LogNormalised.logged(found, self._scale[cells])

    def arrays(self) -> dict[str, np.ndarray]:
        """For files; ``read`` takes them back."""
        found = {"values": self._values, "places": self._places, "bounds": self._bounds}
        return found | ({} if self._scale is None else {"scale": self._scale})

    @classmethod
    def read(cls, arrays: Mapping[str, np.ndarray], n_genes: int) -> "Packed":
        """From what ``arrays`` gave."""
        return cls(arrays["values"], arrays["places"], arrays["bounds"], n_genes, arrays.get("scale"))


def packed(matrix: BlockedMatrix) -> Packed:
    """The same matrix in the smallest types; log-normalised values are derived when they are read.

    Raises
    ------
    ConfigError
        It fits neither into memory nor into the temporary folder.
    """
    if isinstance(matrix, Packed):
        return matrix
    if isinstance(matrix, InMemory):
        found = matrix.to_csr()
        return Packed(found.data, found.indices, found.indptr.astype(np.int64), matrix.n_genes)
    base, scale = _underived(matrix)
    seen = base.survey
    bounds = np.concatenate([[0], np.cumsum(seen.lengths)])
    room = _Room(int(bounds[-1]), *seen.smallest_types)
    filled = 0
    for block in base.blocks():
        room.values[filled : filled + block.nnz] = block.data
        room.places[filled : filled + block.nnz] = block.indices
        filled += block.nnz
    result = Packed(room.values, room.places, bounds, matrix.n_genes, scale)
    room.goes_with(result)
    return result


def packed_if_large(matrix: BlockedMatrix) -> BlockedMatrix:
    """The matrix in memory: as CSR where it is small, else packed."""
    found = at_hand(matrix)
    return found if isinstance(found, InMemory) else packed(found)


def _underived(matrix: BlockedMatrix) -> tuple[BlockedMatrix, np.ndarray | None]:
    """What is stored of a matrix, and by what its cells are normalised; None where they are not."""
    if isinstance(matrix, LogNormalised):
        return matrix.base, matrix.scale
    if isinstance(matrix, Selected) and isinstance(matrix.base, LogNormalised):
        own = matrix.base
        scale = own.scale if matrix.cells is None else own.scale[matrix.cells]
        return own.base.select(matrix.cells, matrix.genes), scale
    return matrix, None


class _Room:
    """Arrays to fill: in memory, or in a temporary file where they are large."""

    def __init__(self, n_entries: int, *kinds: np.dtype) -> None:
        needed = float(n_entries * sum(kind.itemsize for kind in kinds))
        self._folder: tempfile.TemporaryDirectory[str] | None = None
        if needed > MEMORY_SHARE * usable_memory():
            check_temporary(needed, "Training on this dataset")
            self._folder = tempfile.TemporaryDirectory(prefix="scapp-", ignore_cleanup_errors=True)
        self.places, self.values = (self._array(n_entries, kind, number) for number, kind in enumerate(kinds))

    def _array(self, n_entries: int, kind: np.dtype, number: int) -> np.ndarray:
        if self._folder is None or not n_entries:
            return np.empty(n_entries, dtype=kind)
        return np.memmap(Path(self._folder.name) / str(number), dtype=kind, mode="w+", shape=(n_entries,))

    def goes_with(self, matrix: Packed) -> None:
        """Remove the file when the matrix goes."""
        if self._folder is not None:
            weakref.finalize(matrix, self._folder.cleanup)
