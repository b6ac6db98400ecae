"""What an exported .h5ad holds, and how it is written: the values in blocks, whatever their size."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import anndata as ad
import h5py
import numpy as np
from anndata.io import write_elem

from scapp.data.blocks.blocked_matrix import BlockedMatrix

ENTRIES_PER_CHUNK = 1 << 18
RAW = "raw/X"


@dataclass(frozen=True)
class Content:
    """What a file holds.

    Parameters
    ----------
    adata
        Everything but the values of cells by genes.
    matrices
        Place in the file (``X``, ``layers/counts``, ``raw/X``) -> values; ``.raw`` has the same genes.
    """

    adata: ad.AnnData
    matrices: Mapping[str, BlockedMatrix]


def write_h5ad(path: Path, content: Content, report: Callable[[float], None] = lambda _: None) -> None:
    """Write an .h5ad, packed with gzip.

    Parameters
    ----------
    path, content
        Where, and what.
    report
        Called with the share of the values that has been written.
    """
    content.adata.write_h5ad(path, compression="gzip")
    with h5py.File(path, "r+") as file:
        if RAW in content.matrices:
            raw = file.create_group("raw")
            raw.attrs.update({"encoding-type": "raw", "encoding-version": "0.1.0"})
            write_elem(raw, "var", content.adata.var[[]])
            write_elem(raw, "varm", {})
        for number, (place, matrix) in enumerate(content.matrices.items()):
            if place in file:
                del file[place]
            of_all = (number / len(content.matrices), 1 / len(content.matrices))
            _write(file.create_group(place), matrix, partial(_share, report, *of_all))


def _share(report: Callable[[float], None], before: float, own: float, done: float) -> None:
    report(before + own * done)


def _write(group: h5py.Group, matrix: BlockedMatrix, report: Callable[[float], None]) -> None:
    """Write a CSR group as AnnData does, a block of cells after the other."""
    group.attrs.update({"encoding-type": "csr_matrix", "encoding-version": "0.1.0", "shape": matrix.shape})
    most = int(matrix.read_until[-1]) if matrix.n_cells else 0
    # scipy wants one type for places and bounds
    kind = np.int32 if most < 2**31 else np.int64
    growing = {"shape": (0,), "maxshape": (None,), "chunks": (ENTRIES_PER_CHUNK,), "compression": "gzip"}
    stored = [group.create_dataset(name, dtype=of, **growing) for name, of in (("data", np.float32), ("indices", kind))]
    lengths = [np.zeros(0, dtype=np.int64)]
    written = cells = 0
    for block in matrix.blocks():
        for array, entries in zip(stored, (block.data, block.indices), strict=True):
            array.resize((written + block.nnz,))
            array[written:] = entries
        written, cells = written + block.nnz, cells + block.shape[0]
        lengths.append(np.diff(block.indptr).astype(np.int64))
        report(cells / max(matrix.n_cells, 1))
    bounds = np.concatenate([[0], np.cumsum(np.concatenate(lengths))]).astype(kind)
    group.create_dataset("indptr", data=bounds, compression="gzip")
