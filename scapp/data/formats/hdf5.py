"""HDF5 files of strangers: nothing in them may point elsewhere, and no size that they declare is believed."""

import stat
from pathlib import Path
from typing import Any

import h5py
import numpy as np
from scipy import sparse

from scapp.core.errors import DataError, listed
from scapp.data.blocks.blocked_matrix import BlockedMatrix
from scapp.data.formats.matrices_in_files import check_bounds, columns_of, dense_of, numbers, rows_of, unfitting

MOST_OBJECTS = 200_000
MOST_NAMES = 20_000_000
"""Cells or genes; what declares more would fill the memory with names alone."""
SMALL_BYTES = 1e8
MOST_EXPANSION = 2_000
"""gzip makes a thousandth of zeros at best; what declares more of the file's size was never written."""
KNOWN_ENCODINGS = frozenset(
    {
        *("", "array", "string-array", "categorical", "nullable-integer", "nullable-boolean", "nullable-string-array"),
        *("csr_matrix", "csc_matrix", "dataframe", "dict", "string", "numeric-scalar", "raw", "anndata", "rec-array"),
    }
)
"""Of AnnData's elements, those that are read; others are passed over with a sentence."""


def check_hdf5(path: Path) -> None:
    """Walk a file before anything reads it.

    Raises
    ------
    DataError
        It is no regular file; a link leads to another file, to nothing or in a circle; values stand in other files; or
        it declares more than it can hold.
    """
    if not stat.S_ISREG(path.stat().st_mode):
        raise DataError(f"'{path.name}' is no regular file.", hint="Choose a file.")
    size = path.stat().st_size
    with h5py.File(path, "r") as file:
        seen: set[int] = set()
        waiting: list[tuple[h5py.Group, str, tuple[int, ...]]] = [(file["/"], "", (_address(file["/"]),))]
        while waiting:
            group, name, above = waiting.pop()
            for key in group:
                place = f"{name}/{key}"
                node = _linked(group, key, place, path.name)
                address = _address(node)
                if isinstance(node, h5py.Dataset):
                    _check_dataset(node, place, path.name, size)
                elif isinstance(node, h5py.Group):
                    if address in above:
                        raise _points_away(path.name, place, "in a circle")
                    if address not in seen:
                        waiting.append((node, place, (*above, address)))
                seen.add(address)
                if len(seen) > MOST_OBJECTS:
                    raise DataError(
                        f"'{path.name}' holds more than {MOST_OBJECTS:,} objects.",
                        hint="Write the count matrix alone into a new file.",
                    )


def _address(node: Any) -> int:
    return int(h5py.h5o.get_info(node.id).addr)


def _linked(group: h5py.Group, key: str, place: str, file: str) -> Any:
    link = group.get(key, getlink=True)
    if isinstance(link, h5py.ExternalLink):
        raise _points_away(file, place, "to another file")
    try:
        return group[key]
    except KeyError as error:
        raise _points_away(file, place, "to nothing") from error
    except (RuntimeError, RecursionError) as error:
        raise _points_away(file, place, "in a circle") from error


def _points_away(file: str, place: str, where: str) -> DataError:
    return DataError(
        f"'{file}' holds a link that leads {where} ({place}).",
        hint="Write the data themselves into the file: open it where it was made, and save it again.",
    )


def _check_dataset(node: h5py.Dataset, place: str, file: str, size: int) -> None:
    plan = node.id.get_create_plist()
    if plan.get_external_count() or plan.get_layout() == h5py.h5d.VIRTUAL:
        raise _points_away(file, place, "to values in other files")
    declared = float(np.prod([float(n) for n in node.shape or ()])) * node.dtype.itemsize
    if declared > max(SMALL_BYTES, MOST_EXPANSION * size):
        raise DataError(
            f"'{file}' declares {declared / 1e9:,.1f} GB at {place}, and is {size / 1e6:,.1f} MB large.",
            hint="The file is damaged: copy or download it again.",
        )


def text_of(value: Any) -> str:
    """A name as text, whatever a program wrote it as."""
    return value.decode(errors="replace") if isinstance(value, bytes) else str(value)


def encoding_type(node: Any) -> str:
    """What AnnData says a node is; empty where it says nothing."""
    return text_of(node.attrs.get("encoding-type", ""))


def read_matrix(node: Any, place: str) -> BlockedMatrix:
    """A matrix, read in blocks as long as it is used, from checked parts.

    Parameters
    ----------
    node
        A dense array, or a group of ``data``, ``indices`` and ``indptr`` as AnnData and 10x write it, of an HDF5 file
        or a zarr store.
    place
        What it is called in the file.

    Raises
    ------
    DataError
        It is no matrix of numbers, or its parts contradict each other.
    """
    if not hasattr(node, "keys"):
        return dense_of(node, place)
    if not {"data", "indices", "indptr"} <= set(node):
        raise DataError(f"{place} holds no matrix.", hint=_AGAIN)
    shape = node.attrs.get("shape", node.attrs.get("h5sparse_shape"))
    if shape is None and "shape" in node:
        shape = node["shape"][()]
    if shape is None:
        raise DataError(f"{place} does not say how large it is.", hint=_AGAIN)
    check_shape(shape, place)
    n_rows, n_columns = (int(n) for n in np.asarray(shape).ravel()[:2])
    kind = encoding_type(node) or text_of(node.attrs.get("h5sparse_format", "csr"))
    return (columns_of if kind.startswith("csc") else rows_of)(node, (n_rows, n_columns), place)


_AGAIN = "The file is damaged, or made by a program that scapp does not know: save it again where it was made."


def matrix_of(
    data: np.ndarray, indices: np.ndarray, indptr: np.ndarray, *, shape: Any, by_column: bool, place: str
) -> sparse.csr_matrix:
    """A sparse matrix from its parts in memory, once they are known to fit: scipy's compiled code believes them.

    Raises
    ------
    DataError
        They do not.
    """
    check_shape(shape, place)
    n_rows, n_columns = (int(n) for n in np.asarray(shape).ravel()[:2])
    n_major, n_minor = (n_columns, n_rows) if by_column else (n_rows, n_columns)
    if data.ndim != 1 or indices.ndim != 1 or indices.dtype.kind not in "iu":
        raise unfitting(place)
    check_bounds(len(data), len(indices), indptr, n_major, place)
    if len(data) and (int(indices.min()) < 0 or int(indices.max()) >= n_minor):
        raise unfitting(place)
    made = sparse.csc_matrix if by_column else sparse.csr_matrix
    kind = np.int32 if max(len(data), n_minor) < 2**31 else np.int64
    values = numbers(data, place)
    return made((values, indices.astype(kind), indptr.astype(kind)), shape=(n_rows, n_columns)).tocsr()


def check_shape(shape: Any, place: str) -> None:
    """Refuse a declared shape that no dataset has.

    Raises
    ------
    DataError
        It has more than ``MOST_NAMES`` rows or columns, or fewer than none.
    """
    sizes = [int(n) for n in np.asarray(shape).ravel()]
    if any(not 0 <= n <= MOST_NAMES for n in sizes):
        raise DataError(
            f"{place} declares {' x '.join(f'{n:,}' for n in sizes)} values; at most {MOST_NAMES:,} cells or genes are"
            " read.",
            hint="The file is damaged: copy or download it again.",
        )


def unread(nodes: list[str]) -> str:
    """The sentence for elements that were passed over."""
    return f"{len(nodes)} parts of the file could not be read and were left out: {listed(nodes, 5)}."
