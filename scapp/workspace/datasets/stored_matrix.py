"""Matrices on disk: stored once, by cell and by gene, in the smallest types that hold them, and read in blocks.

The folder of such an element holds ``value``, a CSR group that AnnData reads, ``by_gene``, the same as CSC, and, where
it is a part of another dataset's matrix, ``cells`` and ``genes``: which part. The files of ``value`` and ``by_gene``
are then those of the other dataset, by hard links, so that either can be deleted. Log-normalised values are not stored
but for a scale of each cell.

Every chunk is hashed when it is written, and verified whenever it is read.
"""

import shutil
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cached_property, lru_cache
from pathlib import Path
from typing import Any

import numpy as np
from scipy import sparse

from scapp.core import files
from scapp.core.environment import environment
from scapp.core.provenance import content_hash
from scapp.data.blocks.blocked_matrix import BlockedMatrix, LogNormalised, Selected, cuts
from scapp.workspace.datasets.elements import naming_damage, opened

CHUNK = 1 << 20
CHUNK_BY_GENE = 1 << 17
"""Entries of a chunk, which is read as a whole: one gene should be few."""
CHUNKS_OF_SHARD = 16
"""Chunks in one file."""
TILE = 8 << 20
"""Entries that are turned from rows to columns at a time."""
LEAST_SHARE = 0.5
"""A part that has a smaller share of a matrix's cells gets files of its own: it is read faster than found."""
VALUE, BY_GENE, CELLS, GENES, SCALE = "value", "by_gene", "cells", "genes", "scale"
_KIND = "matrix"
_OF, _OF_FINGERPRINT = "log_normalised_from", "its_fingerprint"


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
        """Take the next entries."""
        self._waiting.append((places.astype(self._types[0]), values.astype(self._types[1])))
        self._n_waiting += len(places)
        if self._n_waiting >= self._shard:
            self._write(self._n_waiting - self._n_waiting % self._shard)

    def close(self) -> None:
        """Write what is left, and the hashes."""
        self._write(self._n_waiting)
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


class StoredMatrix(BlockedMatrix):
    """A matrix on disk.

    Parameters
    ----------
    folder
        Of the element, for messages.
    by_cell, by_gene
        Its entries in both orders; elements of earlier versions hold one.
    """

    def __init__(self, folder: Path, by_cell: Entries, by_gene: Entries | None) -> None:
        self.folder = folder
        self.shape = by_cell.shape
        self._by_cell, self._by_gene = by_cell, by_gene

    @property
    def read_until(self) -> np.ndarray:
        """See ``BlockedMatrix``."""
        return self._by_cell.bounds[1:]

    def block(self, start: int, stop: int) -> sparse.csr_matrix:
        """See ``BlockedMatrix``."""
        bounds = self._by_cell.bounds
        with naming_damage(self.folder):
            places, values = self._by_cell.read(int(bounds[start]), int(bounds[stop]))
        indptr = bounds[start : stop + 1] - bounds[start]
        return self._csr(places, values, indptr)

    def rows(self, cells: np.ndarray) -> sparse.csr_matrix:
        """See ``BlockedMatrix``; cells that lie near each other are read at once."""
        bounds = self._by_cell.bounds
        order = np.argsort(cells, kind="stable")
        ordered = np.asarray(cells, dtype=np.int64)[order]
        starts = bounds[ordered]
        parts = []
        with naming_damage(self.folder):
            for near in np.split(np.arange(len(ordered)), np.flatnonzero(np.diff(starts // CHUNK)) + 1):
                if not len(near):
                    continue
                first = int(starts[near[0]])
                places, values = self._by_cell.read(first, int(bounds[ordered[near[-1]] + 1]))
                for cell in ordered[near]:
                    own = slice(int(bounds[cell]) - first, int(bounds[cell + 1]) - first)
                    parts.append((places[own], values[own]))
        if not parts:
            return sparse.csr_matrix((0, self.n_genes), dtype=np.float32)
        indptr = np.concatenate([[0], np.cumsum(bounds[ordered + 1] - starts)])
        places, values = (np.concatenate(arrays) for arrays in zip(*parts, strict=True))
        return self._csr(places, values, indptr)[np.argsort(order, kind="stable")]

    def columns(self, start: int, stop: int) -> sparse.csc_matrix:
        """See ``BlockedMatrix``; an element of before 0.2 is read as a whole for it."""
        if self._by_gene is None:
            return self._turned_as_a_whole[:, start:stop]
        bounds = self._by_gene.bounds[start : stop + 1]
        with naming_damage(self.folder):
            cells, values = self._by_gene.read(int(bounds[0]), int(bounds[-1]))
        parts = (values.astype(np.float32), cells.astype(np.int32), (bounds - bounds[0]).astype(np.int32))
        return sparse.csc_matrix(parts, shape=(self.n_cells, stop - start))

    @cached_property
    def _turned_as_a_whole(self) -> sparse.csc_matrix:
        return self.to_csr().tocsc()

    def verify_by_gene(self) -> None:
        """Read what is stored by gene, and so compare it with its hashes."""
        if self._by_gene is not None:
            with naming_damage(self.folder):
                for first, after in cuts(self._by_gene.bounds[1:], TILE):
                    self._by_gene.read(int(self._by_gene.bounds[first]), int(self._by_gene.bounds[after]))

    def _csr(self, places: np.ndarray, values: np.ndarray, indptr: np.ndarray) -> sparse.csr_matrix:
        # float32 before anybody calculates: small integers wrap around
        parts = (values.astype(np.float32), places.astype(np.int32), indptr.astype(np.int32))
        return sparse.csr_matrix(parts, shape=(len(indptr) - 1, self.n_genes))


def write_matrix(folder: Path, matrix: BlockedMatrix) -> None:
    """Write a matrix into a new folder, by cell and by gene; parts of a stored one by reference to its files."""
    part = matrix if isinstance(matrix, Selected) else Selected(matrix, None, None)
    stored = part.base
    if isinstance(stored, StoredMatrix) and part.n_cells >= LEAST_SHARE * stored.n_cells and _has_both(stored.folder):
        _refer(folder, stored.folder, part)
    else:
        _write_anew(folder, matrix)


def write_log_normalised(folder: Path, matrix: LogNormalised, of: str, fingerprint: str) -> None:
    """Write what derives log-normalised values from those of another slot.

    Parameters
    ----------
    folder
        New.
    matrix
        Whose scales are kept.
    of, fingerprint
        The slot that holds ``matrix.base``, and the fingerprint of its value.
    """
    import zarr

    group = zarr.open_group(str(folder), mode="w-", zarr_format=3)
    group.create_array(SCALE, data=matrix.scale)
    digest = content_hash(matrix.scale)
    group.attrs.update({_KIND: True, _OF: of, _OF_FINGERPRINT: fingerprint, "scale_hash": digest})


def open_matrix(folder: Path, of: Callable[[str, str], BlockedMatrix]) -> BlockedMatrix:
    """The matrix that an element holds.

    Parameters
    ----------
    folder
        Of the element.
    of
        Slot and fingerprint -> the matrix from which a log-normalised one is derived.

    Raises
    ------
    DataError
        It is damaged.
    """
    with naming_damage(folder):
        found = _opened(folder)
        return LogNormalised(of(found.slot, found.fingerprint), found.scale) if isinstance(found, _Derived) else found


@dataclass(frozen=True)
class _Derived:
    """What derives log-normalised values from those of a slot that has this fingerprint."""

    slot: str
    fingerprint: str
    scale: np.ndarray


@lru_cache(maxsize=8)
def _opened(folder: Path) -> BlockedMatrix | _Derived:
    """What an element holds. Elements never change: where rows begin, and the hashes, are read once."""
    import zarr

    group: Any = zarr.open_group(str(folder), mode="r")
    if _OF in group.attrs:
        scale = group[SCALE][:]
        if content_hash(scale) != group.attrs["scale_hash"]:
            raise ValueError("the scales of the cells are not what was written")
        return _Derived(str(group.attrs[_OF]), str(group.attrs[_OF_FINGERPRINT]), scale)
    if _KIND not in group.attrs:
        return StoredMatrix(folder, Entries(opened(folder), hashed=False), None)  # an element of before 0.2
    whole = StoredMatrix(folder, Entries(group[VALUE]), Entries(group[BY_GENE]))
    cells, genes = (group[name][:] if f"{name}_hash" in group.attrs else None for name in (CELLS, GENES))
    for name, positions in ((CELLS, cells), (GENES, genes)):
        if positions is not None and group.attrs[f"{name}_hash"] != content_hash(positions):
            raise ValueError(f"which {name} it has is not what was written")
    return whole if cells is None and genes is None else Selected(whole, cells, genes)


def open_afresh() -> None:
    """Forget what was read of elements when they were opened, and read it again."""
    _opened.cache_clear()


def verify_by_gene(matrix: BlockedMatrix) -> None:
    """Read what is stored by gene, and so compare it with its hashes.

    Raises
    ------
    DataError
        It is damaged.
    """
    while isinstance(matrix, (Selected, LogNormalised)):
        matrix = matrix.base
    if isinstance(matrix, StoredMatrix):
        matrix.verify_by_gene()


def column_of_earlier(folder: Path, column: int) -> np.ndarray:
    """A column of a CSC element of before 0.2, float32, shape (n_rows,)."""
    with naming_damage(folder):
        entries = Entries(opened(folder), hashed=False)
        cells, values = entries.read(int(entries.bounds[column]), int(entries.bounds[column + 1]))
        dense = np.zeros(entries.shape[0], dtype=np.float32)
        dense[cells] = values
        return dense


def _has_both(folder: Path) -> bool:
    return (folder / BY_GENE).exists()


def _refer(folder: Path, stored: Path, part: Selected) -> None:
    import zarr

    group = zarr.open_group(str(folder), mode="w-", zarr_format=3)
    attributes: dict[str, Any] = {_KIND: True}
    for name, positions in ((CELLS, part.cells), (GENES, part.genes)):
        if positions is not None:
            group.create_array(name, data=positions)
            attributes[f"{name}_hash"] = content_hash(positions)
    group.attrs.update(attributes)
    for name in (VALUE, BY_GENE):
        shutil.copytree(stored / name, folder / name, copy_function=files.link_or_copy)


def _write_anew(folder: Path, matrix: BlockedMatrix) -> None:
    import zarr

    group = zarr.open_group(str(folder), mode="w-", zarr_format=3)
    lengths, types = _lengths_and_types(matrix)
    bounds = np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64)
    with zarr.config.set({"array.write_empty_chunks": True}):
        by_cell = group.create_group(VALUE)
        writer = EntriesWriter(by_cell, matrix.shape, bounds, types, CHUNK, "csr_matrix")
        for block in matrix.blocks():
            writer.add(block.indices, block.data)
        writer.close()
        _write_by_gene(folder, group.create_group(BY_GENE), StoredMatrix(folder, Entries(by_cell), None), types[1])
    group.attrs[_KIND] = True


def _lengths_and_types(matrix: BlockedMatrix) -> tuple[np.ndarray, tuple[np.dtype, np.dtype]]:
    """Entries of each row, and the smallest types that hold places and values."""

    def look(_: int, block: sparse.csr_matrix) -> tuple[np.ndarray, bool, float]:
        values = block.data
        whole = bool((values >= 0).all() and (values < 2**24).all() and (values == np.floor(values)).all())
        return np.diff(block.indptr), whole, float(values.max(initial=0))

    seen = list(matrix.each_block(look))
    lengths = np.concatenate([np.zeros(0, dtype=np.int64), *(part[0] for part in seen)])
    places = np.min_scalar_type(max(matrix.n_genes - 1, 0))
    if not all(part[1] for part in seen):
        return lengths, (places, np.dtype(np.float32))
    return lengths, (places, np.min_scalar_type(int(max((part[2] for part in seen), default=0))))


def _write_by_gene(folder: Path, group: Any, stored: StoredMatrix, type_of_values: np.dtype) -> None:
    """Turn a stored matrix, a tile of cells at a time; the tiles are then joined, some genes at a time."""
    import zarr

    shape, types = stored.shape, (np.min_scalar_type(max(stored.n_cells - 1, 0)), type_of_values)
    tiled = cuts(stored.read_until, TILE)
    if len(tiled) == 1:
        whole = _turned(stored, *tiled[0])
        writer = EntriesWriter(group, shape, whole.indptr.astype(np.int64), types, CHUNK_BY_GENE, "csc_matrix")
        writer.add(whole.indices, whole.data)
        writer.close()
        return
    place = folder / "tiles"

    def turn(tile: tuple[int, int]) -> tuple[int, Entries]:
        turned, own = _turned(stored, *tile), temporary.create_group(str(tile[0]))
        writer = EntriesWriter(own, turned.shape, turned.indptr.astype(np.int64), types, CHUNK_BY_GENE, "csc_matrix")
        writer.add(turned.indices, turned.data)
        writer.close()
        return tile[0], Entries(own)

    try:
        temporary = zarr.open_group(str(place), mode="w-", zarr_format=3)
        with ThreadPoolExecutor(environment().n_worker_threads) as pool:
            tiles = list(pool.map(turn, tiled))
        bounds = np.sum([tile.bounds for _, tile in tiles], axis=0)
        writer = EntriesWriter(group, shape, bounds, types, CHUNK_BY_GENE, "csc_matrix")
        for cells, values in _joined(tiles, bounds, types):
            writer.add(cells, values)
        writer.close()
    finally:
        shutil.rmtree(place, ignore_errors=True)


def _turned(stored: StoredMatrix, start: int, stop: int) -> sparse.csc_matrix:
    return stored.block(start, stop).tocsc()


def _joined(
    tiles: list[tuple[int, Entries]], bounds: np.ndarray, types: tuple[np.dtype, np.dtype]
) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Cells and values of some genes after the other, from tiles of cells that follow each other."""
    for first, after in cuts(bounds[1:], TILE):
        size = int(bounds[after] - bounds[first])
        cells, values = np.empty(size, dtype=types[0]), np.empty(size, dtype=types[1])
        free = bounds[first:after] - bounds[first]
        for offset, tile in tiles:
            here = tile.bounds[first : after + 1]
            own_cells, own_values = tile.read(int(here[0]), int(here[-1]))
            lengths = np.diff(here)
            targets = np.repeat(free - (here[:-1] - here[0]), lengths) + np.arange(len(own_cells))
            cells[targets] = own_cells + types[0].type(offset)
            values[targets] = own_values
            free = free + lengths
        yield cells, values
