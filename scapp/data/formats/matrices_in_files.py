"""Matrices of HDF5 files and zarr stores, read in blocks of cells.

Nothing that a file declares is believed: where rows begin is checked before anything is read, and each block when it
is.
"""

import shutil
import tempfile
import weakref
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import h5py
import numpy as np
from scipy import sparse

from scapp.core.errors import DataError
from scapp.core.memory import check_temporary
from scapp.data.blocks.blocked_matrix import BlockedMatrix, InMemory, cuts, entries_of_block
from scapp.data.blocks.entries import CHUNK_BY_GENE, TILE, Entries, EntriesMatrix, Tile, write_turned

LARGEST_BLOCK = 64 << 20
"""Values of a dense block; where chunks ask for more, the matrix is turned instead."""
LEAST_OF_CELL = 16
MOST_TILES = 64
"""Each tile that is turned keeps in memory where each cell begins: it has so many values a cell at least, or there are
so many tiles at most."""
BYTES_TURNED = 14.0
"""Bytes of an entry on disk while a matrix is turned: tiles and what is joined from them, hardly compressed."""
_AGAIN = "The file is damaged, or made by a program that scapp does not know: save it again where it was made."


def numbers(values: np.ndarray, place: str) -> np.ndarray:
    """Values that scipy can calculate with.

    Raises
    ------
    DataError
        They are no numbers.
    """
    _check_kind(values.dtype, place)
    # scipy knows no half precision, and float128 is wider than any count
    return values.astype(np.float32) if values.dtype in (np.float16, np.longdouble) else values


def _float32(values: np.ndarray) -> np.ndarray:
    """The nearest float32; what is too large becomes infinite, and is refused as such."""
    with np.errstate(over="ignore"):
        return values.astype(np.float32)


def _check_kind(kind: np.dtype, place: str) -> None:
    if kind.kind not in "biuf":
        raise DataError(
            f"{place} holds {kind} values; numbers are needed.",
            hint="Write the counts as whole numbers or decimals, then import the file again.",
        )


def check_bounds(n_values: int, n_places: int, bounds: np.ndarray, n_major: int, place: str) -> None:
    """Whether rows begin and end where there are entries.

    Raises
    ------
    DataError
        They do not.
    """
    fits = (
        bounds.ndim == 1
        and bounds.dtype.kind in "iu"
        and n_values == n_places
        and len(bounds) == n_major + 1
        and int(bounds[0]) == 0
        and int(bounds[-1]) == n_values
        and bool((np.diff(bounds.astype(np.int64)) >= 0).all())
    )
    if not fits:
        raise unfitting(place)


def unfitting(place: str) -> DataError:
    """What is said of a sparse matrix whose parts contradict each other."""
    return DataError(
        f"{place} is damaged: the parts of its sparse matrix do not fit together.",
        hint="Copy or download the file again and compare its size with the original.",
    )


@contextmanager
def _naming(place: str) -> Iterator[None]:
    """Say of what a library stumbles over that this matrix is damaged."""
    try:
        yield
    except (OSError, RuntimeError, ValueError, KeyError, TypeError) as error:
        raise DataError(
            f"{place} could not be read to its end: the file is truncated or damaged ({error}).",
            hint="Copy or download it again, and compare its size with the original.",
        ) from error


class _Sparse:
    """Rows (or columns) of a group of ``data``, ``indices`` and ``indptr``."""

    def __init__(self, group: Any, n_major: int, n_minor: int, place: str) -> None:
        self._values, self._places = group["data"], group["indices"]
        self.bounds = np.asarray(group["indptr"][:])
        one = all(len(part.shape) == 1 for part in (self._values, self._places))
        if not one or self._places.dtype.kind not in "iu":
            raise unfitting(place)
        _check_kind(self._values.dtype, place)
        check_bounds(self._values.shape[0], self._places.shape[0], self.bounds, n_major, place)
        self.bounds = self.bounds.astype(np.int64)
        self._n_minor, self._place = n_minor, place

    def read(self, start: int, stop: int) -> sparse.csr_matrix:
        """Some rows (columns, transposed), checked, in order, float32."""
        first, after = int(self.bounds[start]), int(self.bounds[stop])
        with _naming(self._place):
            places, values = self._places[first:after], self._values[first:after]
        if len(places) and (int(places.min()) < 0 or int(places.max()) >= self._n_minor):
            raise unfitting(self._place)
        indptr = (self.bounds[start : stop + 1] - first).astype(np.int32)
        parts = (_float32(values), places.astype(np.int32), indptr)
        found = sparse.csr_matrix(parts, shape=(stop - start, self._n_minor))
        found.sum_duplicates()
        found.eliminate_zeros()
        return found


class RowsInFile(BlockedMatrix):
    """A matrix that a file holds cell by cell, as its non-zero values."""

    def __init__(self, rows: _Sparse, shape: tuple[int, int]) -> None:
        self._rows = rows
        self.shape = shape

    @property
    def read_until(self) -> np.ndarray:
        """See ``BlockedMatrix``."""
        return self._rows.bounds[1:]

    def block(self, start: int, stop: int) -> sparse.csr_matrix:
        """See ``BlockedMatrix``."""
        return self._rows.read(start, stop)


class DenseInFile(BlockedMatrix):
    """A matrix that a file holds with all its zeros.

    Parameters
    ----------
    array
        Of an HDF5 file or a zarr store, two-dimensional.
    each
        Cells of a block: a multiple of those of the array's chunks, so that none is read twice.
    genes_first
        Whether cells are its columns.
    place
        What it is called.
    """

    def __init__(self, array: Any, each: int, genes_first: bool, place: str) -> None:
        self._array, self._each, self._genes_first, self._place = array, each, genes_first, place
        self.shape = tuple(array.shape[::-1] if genes_first else array.shape)

    @property
    def read_until(self) -> np.ndarray:
        """See ``BlockedMatrix``."""
        return np.arange(1, self.n_cells + 1, dtype=np.int64) * self.n_genes

    def bounds(self) -> list[tuple[int, int]]:
        """See ``BlockedMatrix``."""
        starts = range(0, self.n_cells, self._each)
        return [(start, min(start + self._each, self.n_cells)) for start in starts] or [(0, 0)]

    def block(self, start: int, stop: int) -> sparse.csr_matrix:
        """See ``BlockedMatrix``."""
        with _naming(self._place):
            found = self._array[:, start:stop].T if self._genes_first else self._array[start:stop]
        return sparse.csr_matrix(_float32(found))


def rows_of(group: Any, shape: tuple[int, int], place: str) -> BlockedMatrix:
    """A matrix that stands cell by cell in a group of ``data``, ``indices`` and ``indptr``.

    Raises
    ------
    DataError
        Its parts contradict each other.
    """
    return RowsInFile(_Sparse(_kept_open(group), shape[0], shape[1], place), shape)


def columns_of(group: Any, shape: tuple[int, int], place: str) -> BlockedMatrix:
    """A matrix that stands gene by gene, turned; a large one in a temporary folder.

    Raises
    ------
    DataError
        Its parts contradict each other, or the disk has no room.
    """
    columns = _Sparse(group, shape[1], shape[0], place)
    tiles = cuts(columns.bounds[1:], max(TILE, LEAST_OF_CELL * shape[0]))
    if len(tiles) > 1:
        check_disk(int(columns.bounds[-1]), place)
    return turned_matrix(shape, tiles, lambda start, stop: columns.read(start, stop).T.tocsr())


def dense_of(array: Any, place: str, *, genes_first: bool = False) -> BlockedMatrix:
    """A matrix that stands in a file with all its zeros.

    Raises
    ------
    DataError
        It is no table of numbers, or the disk has no room for turning it.
    """
    if len(array.shape) != 2:
        raise DataError(f"{place} has {len(array.shape)} dimensions; a table of cells by genes is needed.", hint=_AGAIN)
    _check_kind(array.dtype, place)
    of_cells, of_genes = (1, 0) if genes_first else (0, 1)
    n_cells, n_genes = int(array.shape[of_cells]), int(array.shape[of_genes])
    # without chunks the last axis is in one piece on disk, which may hold nothing
    chunks = array.chunks or (1, max(array.shape[1], 1))
    several = max(1, entries_of_block() // max(n_genes, 1) // chunks[of_cells])
    each = chunks[of_cells] * several
    if min(each, n_cells) * n_genes <= LARGEST_BLOCK:
        return DenseInFile(_kept_open(array), each, genes_first, place)
    width = max(entries_of_block() // max(n_cells, 1), -(-n_genes // MOST_TILES), 1)
    width = chunks[of_genes] * -(-width // chunks[of_genes])
    tiles = [(start, min(start + width, n_genes)) for start in range(0, n_genes, width)]

    def turned(start: int, stop: int) -> sparse.csr_matrix:
        with _naming(place):
            found = array[start:stop].T if genes_first else array[:, start:stop]
        return sparse.csr_matrix(_float32(found))

    if len(tiles) > 1:
        check_disk(int(turned(*tiles[0]).nnz / tiles[0][1] * n_genes), place)
    return turned_matrix((n_cells, n_genes), tiles, turned)


def turned_matrix(
    shape: tuple[int, int],
    tiles: Sequence[Tile],
    turned: Callable[[int, int], sparse.csr_matrix],
    *,
    counted_from_first: bool = True,
) -> BlockedMatrix:
    """A matrix that is not read by cell; see ``entries.write_turned``. What is made of it on disk goes when it does."""
    import zarr

    if len(tiles) == 1:
        return InMemory(turned(*tiles[0]))
    folder = Path(tempfile.mkdtemp(prefix="scapp-"))
    try:
        group = zarr.open_group(str(folder / "turned"), mode="w-", zarr_format=3)
        types = (np.min_scalar_type(max(shape[1] - 1, 0)), np.dtype(np.float32))
        write_turned(
            group,
            folder / "tiles",
            shape,
            types,
            CHUNK_BY_GENE,
            "csr_matrix",
            tiles,
            turned,
            counted_from_first=counted_from_first,
        )
    except BaseException:
        shutil.rmtree(folder, ignore_errors=True)
        raise
    matrix = EntriesMatrix(Entries(group))
    weakref.finalize(matrix, shutil.rmtree, folder, ignore_errors=True)
    return matrix


def check_disk(n_entries: int, place: str) -> None:
    """Refuse to turn what the temporary folder has no room for.

    Raises
    ------
    DataError
        With both numbers and a cure.
    """
    check_temporary(BYTES_TURNED * n_entries, f"{place} is not stored cell by cell: putting it in order")


def _kept_open(node: Any) -> Any:
    """The same node of a file of its own, which stays open as long as the node is used; zarr needs none."""
    if not isinstance(node, (h5py.Group, h5py.Dataset)):
        return node
    parts = [node] if isinstance(node, h5py.Dataset) else [node["data"], node["indices"]]
    # a chunk that does not fit into the cache is unpacked again for each block that begins or ends in it
    largest = max(int(np.prod(part.chunks or (1,))) * part.dtype.itemsize for part in parts)
    return h5py.File(node.file.filename, "r", rdcc_nbytes=max(2 * largest, 1 << 20))[node.name]
