"""Matrices that are made of others while they are read: values changed, two added up, several below each other."""

from collections.abc import Callable, Sequence

import numpy as np
from scipy import sparse

from scapp.data.blocks.blocked_matrix import BlockedMatrix


class Mapped(BlockedMatrix):
    """Another matrix whose values are changed, a block at a time.

    Parameters
    ----------
    base
        Of which.
    change
        New values of a block, as many as there are; what becomes zero is left out.
    """

    def __init__(self, base: BlockedMatrix, change: Callable[[sparse.csr_matrix], np.ndarray]) -> None:
        self.base, self._change = base, change
        self.shape = base.shape

    @property
    def read_until(self) -> np.ndarray:
        """See ``BlockedMatrix``."""
        return self.base.read_until

    def block(self, start: int, stop: int) -> sparse.csr_matrix:
        """See ``BlockedMatrix``."""
        found = self.base.block(start, stop)
        values = self._change(found).astype(np.float32, copy=False)
        changed = sparse.csr_matrix((values, found.indices, found.indptr), shape=found.shape)
        changed.eliminate_zeros()
        return changed


class Added(BlockedMatrix):
    """The sum of several matrices of the same cells and genes."""

    def __init__(self, parts: Sequence[BlockedMatrix]) -> None:
        self.parts = parts
        self.shape = parts[0].shape
        if any(part.shape != self.shape for part in parts):
            raise ValueError("matrices of different shapes cannot be added")

    @property
    def read_until(self) -> np.ndarray:
        """See ``BlockedMatrix``."""
        return np.asarray(sum(part.read_until for part in self.parts))

    def block(self, start: int, stop: int) -> sparse.csr_matrix:
        """See ``BlockedMatrix``."""
        blocks = [part.block(start, stop) for part in self.parts]
        total = sum(blocks[1:], start=blocks[0])
        total.eliminate_zeros()
        return sparse.csr_matrix(total, dtype=np.float32)


class Stacked(BlockedMatrix):
    """The cells of several matrices, one below the other, with some genes of each.

    Parameters
    ----------
    parts
        Each matrix, and which of its genes are taken, in which order; as many of each.
    """

    def __init__(self, parts: Sequence[tuple[BlockedMatrix, np.ndarray]]) -> None:
        self.parts = parts
        self.shape = (sum(part.n_cells for part, _ in parts), len(parts[0][1]))
        self._ends = np.cumsum([part.n_cells for part, _ in parts])

    @property
    def read_until(self) -> np.ndarray:
        """See ``BlockedMatrix``."""
        before, found = 0, []
        for part, _ in self.parts:
            found.append(part.read_until + before)
            before = int(found[-1][-1]) if part.n_cells else before
        return np.concatenate(found)

    def block(self, start: int, stop: int) -> sparse.csr_matrix:
        """See ``BlockedMatrix``."""
        pieces = [sparse.csr_matrix((0, self.n_genes), dtype=np.float32)]
        for (part, genes), end in zip(self.parts, self._ends, strict=True):
            first = int(end) - part.n_cells
            if start < end and stop > first:
                piece = part.block(max(start - first, 0), min(stop - first, part.n_cells))[:, genes]
                piece.sort_indices()
                pieces.append(piece)
        return sparse.csr_matrix(sparse.vstack(pieces, format="csr"))


class Ordered(BlockedMatrix):
    """Another matrix whose blocks may hold entries twice or in no order, put in order."""

    def __init__(self, base: BlockedMatrix) -> None:
        self.base = base
        self.shape = base.shape

    @property
    def read_until(self) -> np.ndarray:
        """See ``BlockedMatrix``."""
        return self.base.read_until

    def block(self, start: int, stop: int) -> sparse.csr_matrix:
        """See ``BlockedMatrix``."""
        found = self.base.block(start, stop)
        found.has_sorted_indices = False  # scipy would believe its own note
        found.sum_duplicates()
        found.eliminate_zeros()
        return found
