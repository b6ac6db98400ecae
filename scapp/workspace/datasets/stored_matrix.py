"""Matrices on disk: stored once, by cell and by gene, in the smallest types that hold them, and read in blocks.

The folder of such an element holds ``value``, a CSR group that AnnData reads, ``by_gene``, the same as CSC, and, where
it is a part of another dataset's matrix, ``cells`` and ``genes``: which part. The files of ``value`` and ``by_gene``
are then those of the other dataset, by hard links, so that either can be deleted. Log-normalised values are not stored
but for a scale of each cell.

Every chunk is hashed when it is written, and verified whenever it is read.
"""

import shutil
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np

from scapp.core import files
from scapp.core.provenance import content_hash
from scapp.data.blocks.blocked_matrix import BlockedMatrix, LogNormalised, Selected, cuts
from scapp.data.blocks.entries import (
    CHUNK,
    CHUNK_BY_GENE,
    TILE,
    Entries,
    EntriesMatrix,
    EntriesWriter,
    write_turned,
)
from scapp.workspace.datasets.elements import naming_damage, opened

LEAST_SHARE = 0.5
"""A part that has a smaller share of a matrix's cells gets files of its own: it is read faster than found."""
VALUE, BY_GENE, CELLS, GENES, SCALE = "value", "by_gene", "cells", "genes", "scale"
_KIND = "matrix"
_OF, _OF_FINGERPRINT = "log_normalised_from", "its_fingerprint"


class StoredMatrix(EntriesMatrix):
    """A matrix of the workspace.

    Parameters
    ----------
    folder
        Of the element, for messages.
    by_cell, by_gene
        Its entries in both orders; elements of before 0.2 hold one.
    """

    def __init__(self, folder: Path, by_cell: Entries, by_gene: Entries | None) -> None:
        super().__init__(by_cell, by_gene)
        self.folder = folder

    def _read(self, entries: Entries, start: int, stop: int) -> tuple[np.ndarray, np.ndarray]:
        with naming_damage(self.folder):
            return super()._read(entries, start, stop)

    def verify_by_gene(self) -> None:
        """Read what is stored by gene, and so compare it with its hashes."""
        if self._by_gene is not None:
            bounds = self._by_gene.bounds
            for first, after in cuts(bounds[1:], TILE):
                self._read(self._by_gene, int(bounds[first]), int(bounds[after]))


def write_matrix(folder: Path, matrix: BlockedMatrix) -> None:
    """Write a matrix into a new folder, by cell and by gene; parts of a stored one by reference to its files."""
    part = matrix if isinstance(matrix, Selected) else Selected(matrix, None, None)
    stored = part.base
    if isinstance(stored, StoredMatrix) and part.n_cells >= LEAST_SHARE * stored.n_cells and _has_both(stored.folder):
        _refer(folder, stored.folder, part)
    else:
        _write_anew(folder, matrix)


def written_matrix(folder: Path, matrix: BlockedMatrix, report: Callable[[int], None]) -> BlockedMatrix:
    """Write a matrix into a new folder, whose name is used once, and open it.

    Parameters
    ----------
    folder, matrix
        See ``write_matrix``.
    report
        Called with the number of cells that have been written.
    """
    _write_anew(folder, matrix, report)
    return open_matrix(folder, _underived)


def _underived(slot: str, fingerprint: str) -> BlockedMatrix:
    raise ValueError(f"no {slot} ({fingerprint}) stands beside it")


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


def _write_anew(folder: Path, matrix: BlockedMatrix, report: Callable[[int], None] = lambda _: None) -> None:
    import zarr

    group = zarr.open_group(str(folder), mode="w-", zarr_format=3)
    types = matrix.survey.smallest_types
    bounds = np.concatenate([[0], np.cumsum(matrix.survey.lengths)]).astype(np.int64)
    with zarr.config.set({"array.write_empty_chunks": True}):
        by_cell = group.create_group(VALUE)
        writer = EntriesWriter(by_cell, matrix.shape, bounds, types, CHUNK, "csr_matrix")
        n_written = 0
        for block in matrix.blocks():
            writer.add(block.indices, block.data)
            n_written += block.shape[0]
            report(n_written)
        writer.close()
        stored = StoredMatrix(folder, Entries(by_cell), None)
        write_turned(
            group.create_group(BY_GENE),
            folder / "tiles",
            matrix.shape,
            (np.min_scalar_type(max(matrix.n_cells - 1, 0)), types[1]),
            CHUNK_BY_GENE,
            "csc_matrix",
            cuts(stored.read_until, TILE),
            lambda start, stop: stored.block(start, stop).tocsc(),
        )
    group.attrs[_KIND] = True
