"""Entries of a sparse matrix on disk, in chunks that are hashed when they are written and verified whenever they are
read; and how a matrix is turned from rows to columns, or back, with a part of it in memory.
"""

import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property, partial
from pathlib import Path
from typing import Any

import numpy as np
from scipy import sparse

from scapp.core.provenance import content_hash
from scapp.data.blocks.blocked_matrix import BlockedMatrix, cuts, worked_ahead

CHUNK = 1 << 20
CHUNK_BY_GENE = 1 << 17
"""Entries of a chunk, which is read as a whole: one gene should be few."""
CHUNKS_OF_SHARD = 16
"""Chunks in one file."""
TILE = 8 << 20
"""Entries that are turned from rows to columns at a time."""


class Entries:
    """Places and values of a sparse matrix, one after the other, in verified chunks.

    Parameters
    ----------
    group
        A CSR or CSC group.
    hashed
        Whether its chunks were hashed. Those of earlier versions were not, and are believed.
    """

    def __init__(self, group: Any, *, hashed: bool = True) -> None:
        self.shape = (int(group.attrs["shape"][0]), int(group.attrs["shape"][1]))
        self._places, self._values = group["indices"], group["data"]
        self.bounds = np.asarray(group["indptr"][:], dtype=np.int64)
        self._chunk = int(group.attrs["chunk"]) if hashed else 0
        self._hashes = group["hashes"][:] if hashed else None
        if self._hashes is not None and group.attrs["bounds_hash"] != content_hash(self.bounds):
            raise ValueError("where its rows begin is not what was written")

    def read(self, start: int, stop: int) -> tuple[np.ndarray, np.ndarray]:
        """Places and values from one entry to before another, as they are stored."""
        if stop <= start:
            return np.empty(0, dtype=self._places.dtype), np.empty(0, dtype=self._values.dtype)
        if self._hashes is None:
            return self._places[start:stop], self._values[start:stop]
        first, last = start // self._chunk, (stop - 1) // self._chunk
        begin, end = first * self._chunk, min((last + 1) * self._chunk, int(self.bounds[-1]))
        places, values = self._places[begin:end], self._values[begin:end]
        for number in range(first, last + 1):
            own = slice(number * self._chunk - begin, (number + 1) * self._chunk - begin)
            if content_hash(places[own], values[own]) != self._hashes[number].tobytes().hex():
                raise ValueError(f"part {number} is not what was written")
        return places[start - begin : stop - begin], values[start - begin : stop - begin]


class EntriesWriter:
    """Writes the entries of a sparse matrix as they come, a whole shard at a time.

    Parameters
    ----------
    group
        Empty; becomes the CSR or CSC group.
    shape, bounds
        Of the matrix: where each row (column) begins and the last one ends, int64.
    types
        Of places and values.
    chunk
        Entries that are read and verified as a whole.
    encoding
        ``csr_matrix`` or ``csc_matrix``.
    """

    def __init__(
        self,
        group: Any,
        shape: tuple[int, int],
        bounds: np.ndarray,
        types: tuple[np.dtype, np.dtype],
        chunk: int,
        encoding: str,
    ) -> None:
        from zarr.codecs import BloscCodec

        n_entries = int(bounds[-1])
        # blosc compresses well what is much longer than its own header; zarr wants a length of at least one
        self._chunk = max(min(chunk, n_entries), 1)
        n_chunks = -(-n_entries // self._chunk)
        shard = self._chunk * max(min(CHUNKS_OF_SHARD, n_chunks), 1)
        codec = BloscCodec(cname="zstd", clevel=1, shuffle="bitshuffle")
        self._arrays = [
            group.create_array(
                name, shape=(n_entries,), chunks=(self._chunk,), shards=(shard,), dtype=kind, compressors=codec
            )
            for name, kind in zip(("indices", "data"), types, strict=True)
        ]
        group.create_array("indptr", data=bounds)
        self._group, self._shard, self._types = group, shard, types
        self._written = 0
        self._waiting: list[tuple[np.ndarray, np.ndarray]] = []
        self._n_waiting = 0
        self._hashes: list[bytes] = []
        group.attrs.update(
            {
                "encoding-type": encoding,
                "encoding-version": "0.1.0",
                "shape": list(shape),
                "chunk": self._chunk,
                "bounds_hash": content_hash(bounds),
            }
        )

    def add(self, places: np.ndarray, values: np.ndarray) -> None:
        """Take the next entries.

        Raises
        ------
        ValueError
            The types do not hold them: what is read has changed since it was looked at.
        """
        for given, kind in zip((places, values), self._types, strict=True):
            if kind.kind == "u" and len(given) and (given.min() < 0 or given.max() > np.iinfo(kind).max):
                raise ValueError(f"{given.max()} does not fit into {kind}")
        self._waiting.append((places.astype(self._types[0]), values.astype(self._types[1])))
        self._n_waiting += len(places)
        if self._n_waiting >= self._shard:
            self._write(self._n_waiting - self._n_waiting % self._shard)

    def close(self) -> None:
        """Write what is left, and the hashes.

        Raises
        ------
        ValueError
            There were more entries, or fewer, than was said.
        """
        self._write(self._n_waiting)
        if self._written != self._arrays[0].shape[0]:
            raise ValueError(f"{self._written} entries came instead of {self._arrays[0].shape[0]}")
        hashes = np.frombuffer(b"".join(self._hashes), dtype=np.uint8).reshape(-1, 16)
        self._group.create_array("hashes", data=hashes, chunks=(max(len(hashes), 1), 16))

    def _write(self, n_entries: int) -> None:
        if not n_entries:
            return
        both = [np.concatenate(parts) for parts in zip(*self._waiting, strict=True)]
        places, values = (array[:n_entries] for array in both)
        self._waiting = [(both[0][n_entries:].copy(), both[1][n_entries:].copy())]
        self._n_waiting -= n_entries
        for array, entries in zip(self._arrays, (places, values), strict=True):
            array[self._written : self._written + n_entries] = entries
        for start in range(0, n_entries, self._chunk):
            own = slice(start, start + self._chunk)
            self._hashes.append(bytes.fromhex(content_hash(places[own], values[own])))
        self._written += n_entries


class EntriesMatrix(BlockedMatrix):
    """A matrix of which the entries are on disk.

    Parameters
    ----------
    by_cell, by_gene
        Its entries in both orders; those by gene may not be there.
    """

    def __init__(self, by_cell: Entries, by_gene: Entries | None = None) -> None:
        self.shape = by_cell.shape
        self._by_cell, self._by_gene = by_cell, by_gene

    def _read(self, entries: Entries, start: int, stop: int) -> tuple[np.ndarray, np.ndarray]:
        """Places and values, as they are stored."""
        return entries.read(start, stop)

    @property
    def read_until(self) -> np.ndarray:
        """See ``BlockedMatrix``."""
        return self._by_cell.bounds[1:]

    def block(self, start: int, stop: int) -> sparse.csr_matrix:
        """See ``BlockedMatrix``."""
        bounds = self._by_cell.bounds
        places, values = self._read(self._by_cell, int(bounds[start]), int(bounds[stop]))
        return self._csr(places, values, bounds[start : stop + 1] - bounds[start])

    def rows(self, cells: np.ndarray) -> sparse.csr_matrix:
        """See ``BlockedMatrix``; cells that lie near each other are read at once."""
        bounds = self._by_cell.bounds
        order = np.argsort(cells, kind="stable")
        ordered = np.asarray(cells, dtype=np.int64)[order]
        starts = bounds[ordered]
        parts = []
        for near in np.split(np.arange(len(ordered)), np.flatnonzero(np.diff(starts // CHUNK)) + 1):
            if not len(near):
                continue
            first = int(starts[near[0]])
            places, values = self._read(self._by_cell, first, int(bounds[ordered[near[-1]] + 1]))
            for cell in ordered[near]:
                own = slice(int(bounds[cell]) - first, int(bounds[cell + 1]) - first)
                parts.append((places[own], values[own]))
        if not parts:
            return sparse.csr_matrix((0, self.n_genes), dtype=np.float32)
        indptr = np.concatenate([[0], np.cumsum(bounds[ordered + 1] - starts)])
        places, values = (np.concatenate(arrays) for arrays in zip(*parts, strict=True))
        return self._csr(places, values, indptr)[np.argsort(order, kind="stable")]

    def columns(self, start: int, stop: int) -> sparse.csc_matrix:
        """See ``BlockedMatrix``; without entries by gene all are read and turned, once."""
        if self._by_gene is None:
            return self._turned_as_a_whole[:, start:stop]
        bounds = self._by_gene.bounds[start : stop + 1]
        cells, values = self._read(self._by_gene, int(bounds[0]), int(bounds[-1]))
        parts = (values.astype(np.float32), cells.astype(np.int32), (bounds - bounds[0]).astype(np.int32))
        return sparse.csc_matrix(parts, shape=(self.n_cells, stop - start))

    @cached_property
    def _turned_as_a_whole(self) -> sparse.csc_matrix:
        return self.to_csr().tocsc()

    def _csr(self, places: np.ndarray, values: np.ndarray, indptr: np.ndarray) -> sparse.csr_matrix:
        # float32 before anybody calculates: small integers wrap around
        parts = (values.astype(np.float32), places.astype(np.int32), indptr.astype(np.int32))
        return sparse.csr_matrix(parts, shape=(len(indptr) - 1, self.n_genes))


Tile = tuple[int, int]
"""First row (or column) of those that are turned at a time, and the one after the last."""


def write_turned(
    group: Any,
    temporary: Path,
    shape: tuple[int, int],
    types: tuple[np.dtype, np.dtype],
    chunk: int,
    encoding: str,
    tiles: Sequence[Tile],
    turned: Callable[[int, int], Any],
    *,
    counted_from_first: bool = True,
) -> None:
    """Write the entries of a matrix in the order in which they are not read: tile by tile, then joined.

    Parameters
    ----------
    group, shape, types, chunk, encoding
        Of what is written, see ``EntriesWriter``.
    temporary
        A new folder, which is removed in the end.
    tiles
        Parts of what is read, in order: the first row (or column) of each and the one after its last.
    turned
        Entries of a tile in the order that is wanted: CSC of rows, or CSR of columns.
    counted_from_first
        Whether their places are counted from the tile's first, or else in the whole matrix.
    """
    if len(tiles) == 1:
        whole = turned(*tiles[0])
        writer = EntriesWriter(group, shape, whole.indptr.astype(np.int64), types, chunk, encoding)
        writer.add(whole.indices, whole.data)
        writer.close()
        return

    def turn(tile: Tile) -> _Turned:
        found = turned(*tile)
        paths = (temporary / f"{tile[0]}-places", temporary / f"{tile[0]}-values")
        for path, of_tile, kind in zip(paths, (found.indices, found.data), types, strict=True):
            of_tile.astype(kind).tofile(path)
        filled = np.flatnonzero(np.diff(found.indptr))
        first, last = (int(filled[0]), int(filled[-1])) if len(filled) else (0, -1)
        bounds = found.indptr[first : last + 2].astype(np.int64)
        return _Turned(tile[0] if counted_from_first else 0, first, bounds, paths)

    try:
        temporary.mkdir()
        parts = list(worked_ahead(turn, tiles))
        lengths = np.zeros(shape[0] if encoding == "csr_matrix" else shape[1], dtype=np.int64)
        for part in parts:
            lengths[part.skipped : part.skipped + len(part.bounds) - 1] += np.diff(part.bounds)
        bounds = np.concatenate([[0], np.cumsum(lengths)])
        writer = EntriesWriter(group, shape, bounds, types, chunk, encoding)
        for places, values in worked_ahead(partial(_joined, parts, bounds, types), cuts(bounds[1:], TILE)):
            writer.add(places, values)
        writer.close()
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


@dataclass(frozen=True)
class _Turned:
    """A tile that was turned, on disk.

    Parameters
    ----------
    offset
        Added to its places.
    skipped
        Columns before the first that has an entry in it.
    bounds
        Where that column and each after it begins, up to the end of the last that has an entry.
    paths
        Of places and values.
    """

    offset: int
    skipped: int
    bounds: np.ndarray
    paths: tuple[Path, Path]

    def bounds_of(self, first: int, after: int) -> np.ndarray:
        """Where each column from ``first`` on begins, and the one before ``after`` ends."""
        return self.bounds[np.clip(np.arange(first, after + 1) - self.skipped, 0, len(self.bounds) - 1)]

    def read(self, start: int, stop: int, types: tuple[np.dtype, np.dtype]) -> tuple[np.ndarray, np.ndarray]:
        """Places, before the offset, and values from one entry to before another."""
        places, values = (
            np.fromfile(path, dtype=kind, count=stop - start, offset=start * kind.itemsize)
            for path, kind in zip(self.paths, types, strict=True)
        )
        return places, values


def _joined(
    tiles: list[_Turned], bounds: np.ndarray, types: tuple[np.dtype, np.dtype], columns: Tile
) -> tuple[np.ndarray, np.ndarray]:
    """Places and values of some columns (rows), from tiles that follow each other."""
    first, after = columns
    size = int(bounds[after] - bounds[first])
    places, values = np.empty(size, dtype=types[0]), np.empty(size, dtype=types[1])
    free = bounds[first:after] - bounds[first]
    for tile in tiles:
        here = tile.bounds_of(first, after)
        own_places, own_values = tile.read(int(here[0]), int(here[-1]), types)
        lengths = np.diff(here)
        targets = np.repeat(free - (here[:-1] - here[0]), lengths) + np.arange(len(own_places))
        places[targets] = own_places + types[0].type(tile.offset)
        values[targets] = own_values
        free = free + lengths
    return places, values
