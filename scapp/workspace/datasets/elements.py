"""Elements: immutable values on disk, one zarr group each, named by a random id."""

import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from scipy import sparse

from scapp.core.errors import DataError

_KEY = "value"
_COMPLETE = "every_chunk_is_stored"


def new_id() -> str:
    """A fresh random id, safe as a folder name."""
    return secrets.token_hex(8)


def write_element(folder: Path, value: Any) -> None:
    """Write a value into a new folder.

    Parameters
    ----------
    folder
        Must not exist.
    value
        Array, CSR or CSC matrix, pandas Series, Index, Categorical or DataFrame, or a dict, list, string or number.
    """
    import anndata as ad
    import zarr
    from anndata.io import write_elem

    group = zarr.open_group(str(folder), mode="w-", zarr_format=3)
    # zarr leaves out chunks of zeros, and then reads a lost chunk as zeros
    with ad.settings.override(auto_shard_zarr_v3=False), zarr.config.set({"array.write_empty_chunks": True}):
        write_elem(group, _KEY, _storable(value))
    group.attrs[_COMPLETE] = True


def read_element(folder: Path) -> Any:
    """Read a value as it was written.

    Raises
    ------
    DataError
        Part of it is lost, or it cannot be decoded.
    """
    from anndata.io import read_elem

    with _naming_damage(folder):
        return read_elem(_opened(folder))


def _opened(folder: Path) -> Any:
    """The stored value, whose chunks are all there."""
    import zarr

    group = zarr.open_group(str(folder), mode="r")
    stored = group[_KEY]
    # elements written before 0.2 do not say that they were written with every chunk
    if group.attrs.get(_COMPLETE):
        inside = [item for _, item in stored.members(max_depth=None)] if isinstance(stored, zarr.Group) else [stored]
        for array in inside:
            # nothing is stored of None
            if not isinstance(array, zarr.Array) or array.attrs.get("encoding-type") == "null":
                continue
            if array.nchunks_initialized < array.nchunks:
                lost = array.nchunks - array.nchunks_initialized
                raise ValueError(f"{lost} of {array.nchunks} parts of '{array.path}' are lost")
    return stored


@contextmanager
def _naming_damage(folder: Path) -> Iterator[None]:
    try:
        yield
    except Exception as error:  # damaged bytes bring out any exception of zarr, its codecs and anndata
        raise DataError(
            f"A stored value is damaged ({folder.name}: {type(error).__name__}: {error}).",
            hint="Close scapp and run 'scapp doctor WORKSPACE': it says what is damaged and what can be made again.",
        ) from error


def read_csc_column(folder: Path, column: int) -> np.ndarray:
    """One column of a CSC matrix, dense, shape (n_rows,), without loading the matrix."""
    with _naming_damage(folder):
        group = _opened(folder)
        start, stop = (int(bound) for bound in group["indptr"][column : column + 2])
        dense = np.zeros(int(group.attrs["shape"][0]), dtype=group["data"].dtype)
        dense[group["indices"][start:stop]] = group["data"][start:stop]
        return dense


def read_csr_rows(folder: Path, rows: np.ndarray) -> sparse.csr_matrix:
    """Some rows of a CSR matrix, in the order asked for, without loading the matrix."""
    with _naming_damage(folder):
        return _csr_rows(_opened(folder), rows)


def _csr_rows(group: Any, rows: np.ndarray) -> sparse.csr_matrix:
    bounds = group["indptr"][:].astype(np.int64)
    lengths = bounds[rows + 1] - bounds[rows]
    indptr = np.concatenate([[0], np.cumsum(lengths)])
    indices = np.empty(indptr[-1], dtype=np.int64)
    data = np.empty(indptr[-1], dtype=group["data"].dtype)
    # rows that lie side by side are read at once
    order = np.argsort(rows, kind="stable")
    for run in np.split(order, np.flatnonzero(np.diff(rows[order]) != 1) + 1):
        start, stop = bounds[rows[run[0]]], bounds[rows[run[-1]] + 1]
        read_indices, read_data = group["indices"][start:stop], group["data"][start:stop]
        for place in run:
            own = slice(bounds[rows[place]] - start, bounds[rows[place] + 1] - start)
            here = slice(indptr[place], indptr[place + 1])
            indices[here], data[here] = read_indices[own], read_data[own]
    return sparse.csr_matrix((data, indices, indptr), shape=(len(rows), int(group.attrs["shape"][1])))


def _storable(value: Any) -> Any:
    if isinstance(value, pd.Series):
        value = value.array
    if isinstance(value, pd.Index):
        value = value.to_numpy()
    if isinstance(value, (pd.Categorical, pd.DataFrame)) or hasattr(value, "indptr"):
        return value
    if isinstance(value, pd.api.extensions.ExtensionArray):
        return value.to_numpy()
    if isinstance(value, np.ndarray) and value.dtype.kind in "OSU":
        return value.astype(object) if value.dtype.kind == "O" else value.astype(str).astype(object)
    return value
