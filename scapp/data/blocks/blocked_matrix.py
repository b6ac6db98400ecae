"""A matrix of cells by genes that is read in blocks of cells: in memory, on disk, as a part of another, or normalised
on the way.

Whatever the types in which it is stored, values come out as float32: small integers wrap around in arithmetic.
"""

from abc import abstractmethod
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from contextvars import ContextVar
from functools import cached_property
from typing import Any, TypeVar

import numpy as np
from scipy import sparse

from scapp.core.environment import environment
from scapp.core.provenance import Fingerprinted, SparseDigest
from scapp.data.blocks.survey import Survey, joined_surveys, survey_of

ENTRIES = 4 << 20
"""Entries of a block, about; 32 MB in memory."""
BYTES_OF_ENTRY = 100.0
"""Of memory while a block is worked on: the block, float64 copies, and what is made of it."""

AT_HAND = 64 << 20
"""Entries that are kept in memory, at most, by what goes over them many times; half a GB."""

Item = TypeVar("Item")
Result = TypeVar("Result")


def cuts(ends: np.ndarray, size: int) -> list[tuple[int, int]]:
    """Cut rows into parts of about ``size`` entries.

    Parameters
    ----------
    ends
        Entries up to the end of each row, shape (n_rows,).
    size
        Entries of a part, at most, where it has more than one row.

    Returns
    -------
    First row of each part, and the one after its last; one empty part where there are no rows.
    """
    found, start = [], 0
    while start < len(ends):
        before = ends[start - 1] if start else 0
        stop = max(start + 1, int(np.searchsorted(ends, before + size, side="right")))
        found.append((start, stop))
        start = stop
    return found or [(0, 0)]


_between: ContextVar[Callable[[float], None]] = ContextVar("between_blocks", default=lambda share: None)


@contextmanager
def asking(between: Callable[[float], None]) -> Iterator[None]:
    """Call this after each block of everything that is worked on inside; what it raises ends the work.

    Parameters
    ----------
    between
        Is told the share of its pass that is done: a pass over many cells takes long, and its functions know no
        ``StepContext``.
    """
    token = _between.set(between)
    try:
        yield
    finally:
        _between.reset(token)


def worked_ahead(work: Callable[[Item], Result], items: Sequence[Item]) -> Iterator[Result]:
    """What ``work`` makes of each item, in order; several threads work, and hardly further ahead than they are many."""
    if len(items) == 1:
        yield work(items[0])
        return
    n_threads = environment().n_worker_threads
    coming = deque(items)
    waiting: deque[Future[Result]] = deque()
    with ThreadPoolExecutor(n_threads) as pool:
        try:
            while coming or waiting:
                while coming and len(waiting) <= n_threads:
                    waiting.append(pool.submit(work, coming.popleft()))
                yield waiting.popleft().result()
                _between.get()(1 - (len(coming) + len(waiting)) / len(items))
        finally:
            for future in waiting:
                future.cancel()


def entries_of_block() -> int:
    """Entries of a block: ``ENTRIES``, or what fits into half of ``SCAPP_MEMORY`` in all threads."""
    limit = environment().memory
    at_once = BYTES_OF_ENTRY * (environment().n_worker_threads + 2)
    return min(ENTRIES, max(int(0.5e9 * limit / at_once), 1)) if limit else ENTRIES


class BlockedMatrix(Fingerprinted):
    """Non-negative (or scaled) values of cells by genes, CSR, of which a block of cells is in memory at a time."""

    shape: tuple[int, int]

    @property
    @abstractmethod
    def read_until(self) -> np.ndarray:
        """Entries that have been read when a cell has been, int64, shape (n_cells,): the cost of reading in order."""

    @abstractmethod
    def block(self, start: int, stop: int) -> sparse.csr_matrix:
        """Cells from ``start`` to before ``stop``, float32, genes in order; a matrix of the caller's own."""

    def rows(self, cells: np.ndarray) -> sparse.csr_matrix:
        """Some cells in the order asked for, float32, shape (len(cells), n_genes)."""
        wanted, places = np.unique(np.asarray(cells, dtype=np.int64), return_inverse=True)
        return self.select(cells=wanted).to_csr()[places]

    def columns(self, start: int, stop: int) -> sparse.csc_matrix:
        """Genes from ``start`` to before ``stop``, float32, shape (n_cells, stop - start), cells in order.

        A matrix that is not stored by gene is read as a whole for it.
        """
        return self.select(genes=np.arange(start, stop)).to_csr().tocsc()

    def column(self, gene: int) -> np.ndarray:
        """Values of one gene, float32, shape (n_cells,)."""
        found = self.columns(gene, gene + 1)
        dense = np.zeros(self.n_cells, dtype=np.float32)
        dense[found.indices] = found.data
        return dense

    @property
    def n_cells(self) -> int:
        """Number of cells."""
        return self.shape[0]

    @property
    def n_genes(self) -> int:
        """Number of genes."""
        return self.shape[1]

    def gene_bounds(self) -> list[tuple[int, int]]:
        """First gene of each block of genes, and the one after its last; see ``entries_of_block``."""
        each = max(1, int(self.n_genes * entries_of_block() / max(int(self.read_until[-1]) if self.n_cells else 0, 1)))
        return [(start, min(start + each, self.n_genes)) for start in range(0, self.n_genes, each)]

    def bounds(self) -> list[tuple[int, int]]:
        """First cell of each block, and the one after its last."""
        return cuts(self.read_until, entries_of_block())

    def each_block(self, work: Callable[[int, sparse.csr_matrix], Result]) -> Iterator[Result]:
        """What ``work`` makes of the number of a block's first cell and the block, in order; several threads work."""
        return worked_ahead(lambda bounds: work(bounds[0], self.block(*bounds)), self.bounds())

    def blocks(self) -> Iterator[sparse.csr_matrix]:
        """The blocks in order."""
        return self.each_block(lambda _, block: block)

    @cached_property
    def fingerprint(self) -> str:
        """Fingerprint of the values: that of the same matrix in memory, see ``core.provenance``."""
        digest = SparseDigest("csr", self.shape, np.dtype(np.float32))
        for block in self.blocks():
            digest.update(block)
        return digest.hexdigest()

    @cached_property
    def survey(self) -> Survey:
        """What the values are like; the matrix is read once for it."""
        return joined_surveys(self.each_block(lambda _, block: survey_of(block)))

    def to_csr(self) -> sparse.csr_matrix:
        """The whole matrix in memory, float32."""
        if not self.n_cells:
            return sparse.csr_matrix(self.shape, dtype=np.float32)
        most = int(self.read_until[-1])
        # what is not filled takes no memory
        data, indices = np.empty(most, dtype=np.float32), np.empty(most, dtype=np.int32)
        indptr = np.zeros(self.n_cells + 1, dtype=np.int32 if most < 2**31 else np.int64)
        cell = filled = 0
        for block in self.blocks():
            data[filled : filled + block.nnz], indices[filled : filled + block.nnz] = block.data, block.indices
            indptr[cell + 1 : cell + 1 + block.shape[0]] = block.indptr[1:].astype(indptr.dtype) + filled
            cell, filled = cell + block.shape[0], filled + block.nnz
        return sparse.csr_matrix((data[:filled], indices[:filled], indptr), shape=self.shape)

    def select(self, cells: np.ndarray | None = None, genes: np.ndarray | None = None) -> "BlockedMatrix":
        """Some cells and genes, as increasing positions; None takes all of them."""
        return Selected(self, cells, genes)


class InMemory(BlockedMatrix):
    """A matrix in memory.

    Parameters
    ----------
    matrix
        Anything that scipy makes a CSR matrix of; taken as it is where it is float32, in order and without stored
        zeros, which would count as genes that were seen.
    """

    def __init__(self, matrix: Any) -> None:
        taken = sparse.csr_matrix(matrix, dtype=np.float32)
        if not taken.has_canonical_format or not taken.data.all():
            taken = taken.copy()
            taken.sum_duplicates()
            taken.eliminate_zeros()
        self._matrix = taken
        self.shape = (int(taken.shape[0]), int(taken.shape[1]))

    @property
    def read_until(self) -> np.ndarray:
        """See ``BlockedMatrix``."""
        return self._matrix.indptr[1:].astype(np.int64)

    def block(self, start: int, stop: int) -> sparse.csr_matrix:
        """See ``BlockedMatrix``."""
        return self._matrix[start:stop]

    def rows(self, cells: np.ndarray) -> sparse.csr_matrix:
        """See ``BlockedMatrix``."""
        return self._matrix[cells]

    def columns(self, start: int, stop: int) -> sparse.csc_matrix:
        """See ``BlockedMatrix``."""
        return self._by_gene[:, start:stop]

    @cached_property
    def _by_gene(self) -> sparse.csc_matrix:
        return self._matrix.tocsc()

    def to_csr(self) -> sparse.csr_matrix:
        """The matrix itself, not a copy."""
        return self._matrix


class Selected(BlockedMatrix):
    """Some cells and genes of another matrix.

    Parameters
    ----------
    base
        Of which.
    cells, genes
        Increasing positions, or None for all.
    """

    base: BlockedMatrix
    cells: np.ndarray | None
    genes: np.ndarray | None

    def __init__(self, base: BlockedMatrix, cells: np.ndarray | None, genes: np.ndarray | None) -> None:
        if isinstance(base, Selected):
            cells, genes = _composed(base.cells, cells), _composed(base.genes, genes)
            base = base.base
        self.base = base
        self.cells = None if cells is None else np.asarray(cells, dtype=np.int64)
        self.genes = None if genes is None else np.asarray(genes, dtype=np.int64)
        for positions, length in ((self.cells, base.n_cells), (self.genes, base.n_genes)):
            if positions is None or not len(positions):
                continue
            if not (np.diff(positions) > 0).all() or positions[0] < 0 or positions[-1] >= length:
                raise ValueError("positions must increase and be there")
        n_cells = base.n_cells if self.cells is None else len(self.cells)
        self.shape = (n_cells, base.n_genes if self.genes is None else len(self.genes))

    @property
    def read_until(self) -> np.ndarray:
        """See ``BlockedMatrix``; cells that are passed over are read as well."""
        return self.base.read_until if self.cells is None else self.base.read_until[self.cells]

    def block(self, start: int, stop: int) -> sparse.csr_matrix:
        """See ``BlockedMatrix``."""
        if self.cells is None:
            return self._of_genes(self.base.block(start, stop))
        wanted = self.cells[start:stop]
        if not len(wanted):
            return sparse.csr_matrix((0, self.n_genes), dtype=np.float32)
        first, after = int(wanted[0]), int(wanted[-1]) + 1
        found = self.base.block(first, after)
        return self._of_genes(found if after - first == len(wanted) else found[wanted - first])

    def rows(self, cells: np.ndarray) -> sparse.csr_matrix:
        """See ``BlockedMatrix``."""
        return self._of_genes(self.base.rows(cells if self.cells is None else self.cells[cells]))

    def columns(self, start: int, stop: int) -> sparse.csc_matrix:
        """See ``BlockedMatrix``."""
        if self.genes is None:
            found = self.base.columns(start, stop)
        else:
            wanted = self.genes[start:stop]
            first, after = (int(wanted[0]), int(wanted[-1]) + 1) if len(wanted) else (0, 0)
            found = self.base.columns(first, after)[:, wanted - first]
        if self.cells is None:
            return found
        places = self._place_of_cell[found.indices]
        taken = places >= 0
        ends = np.concatenate([[0], np.cumsum(taken)])[found.indptr]
        return sparse.csc_matrix((found.data[taken], places[taken], ends), shape=(self.n_cells, stop - start))

    @cached_property
    def _place_of_cell(self) -> np.ndarray:
        """Where each cell of the base stands here; -1 for those that do not."""
        places = np.full(self.base.n_cells, -1, dtype=np.int32)
        places[self.cells] = np.arange(self.n_cells, dtype=np.int32)
        return places

    def _of_genes(self, block: sparse.csr_matrix) -> sparse.csr_matrix:
        return block if self.genes is None else block[:, self.genes]


def _composed(first: np.ndarray | None, second: np.ndarray | None) -> np.ndarray | None:
    if first is None or second is None:
        return first if second is None else second
    return first[second]


class LogNormalised(BlockedMatrix):
    """``log1p(value / scale of the cell)`` of another matrix, computed when it is read.

    Parameters
    ----------
    base
        Counts, or other linear values.
    scale
        Total of each cell over the total that it is scaled to, float32, shape (n_cells,); zero for cells without a
        value. See ``scanpy.pp.normalize_total`` and ``log1p``, with whose values these agree.
    """

    def __init__(self, base: BlockedMatrix, scale: np.ndarray) -> None:
        self.base = base
        self.scale = np.asarray(scale, dtype=np.float32)
        self.shape = base.shape
        if self.scale.shape != (base.n_cells,):
            raise ValueError(f"{len(self.scale)} scales for {base.n_cells} cells")

    @property
    def read_until(self) -> np.ndarray:
        """See ``BlockedMatrix``."""
        return self.base.read_until

    def block(self, start: int, stop: int) -> sparse.csr_matrix:
        """See ``BlockedMatrix``."""
        return self.logged(self.base.block(start, stop), self.scale[start:stop])

    @cached_property
    def fingerprint(self) -> str:
        """See ``BlockedMatrix``; that of ``base`` is found on the way."""
        digests = [SparseDigest("csr", self.shape, np.dtype(np.float32)) for _ in range(2)]

        def both(start: int, block: sparse.csr_matrix) -> tuple[sparse.csr_matrix, sparse.csr_matrix]:
            return block, self.logged(block, self.scale[start : start + block.shape[0]])

        for blocks in self.base.each_block(both):
            for digest, block in zip(digests, blocks, strict=True):
                digest.update(block)
        self.base.__dict__["fingerprint"], own = (digest.hexdigest() for digest in digests)  # where it is cached
        return own

    def rows(self, cells: np.ndarray) -> sparse.csr_matrix:
        """See ``BlockedMatrix``."""
        return self.logged(self.base.rows(cells), self.scale[cells])

    def columns(self, start: int, stop: int) -> sparse.csc_matrix:
        """See ``BlockedMatrix``."""
        found = self.base.columns(start, stop)
        values = found.data / self.scale[found.indices]
        return sparse.csc_matrix(_without_zeros(np.log1p(values, out=values), found), shape=found.shape)

    @staticmethod
    def logged(block: sparse.csr_matrix, scale: np.ndarray) -> sparse.csr_matrix:
        """Values of some cells, normalised."""
        values = block.data / np.repeat(scale, np.diff(block.indptr))
        return sparse.csr_matrix(_without_zeros(np.log1p(values, out=values), block), shape=block.shape)


def _without_zeros(values: np.ndarray, like: Any) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Parts of a sparse matrix with the places of another, less those whose value is too small for float32."""
    if values.all():
        return values, like.indices, like.indptr
    kept = values != 0
    ends = np.concatenate([[0], np.cumsum(kept)])[like.indptr]
    return values[kept], like.indices[kept], ends


AnyMatrix = BlockedMatrix | sparse.csr_matrix
"""What functions take that read in blocks: ``blocked`` makes one of the other."""


def blocked(matrix: Any) -> BlockedMatrix:
    """The matrix, read in blocks; one in memory becomes ``InMemory``."""
    return matrix if isinstance(matrix, BlockedMatrix) else InMemory(matrix)


def in_memory(matrix: Any) -> sparse.csr_matrix:
    """The matrix as CSR in memory."""
    return blocked(matrix).to_csr()


def at_hand(matrix: BlockedMatrix) -> BlockedMatrix:
    """The same matrix, in memory where it is small: for what goes over it many times."""
    small = not matrix.n_cells or int(matrix.read_until[-1]) <= min(AT_HAND, 16 * entries_of_block())
    return InMemory(matrix.to_csr()) if small else matrix
