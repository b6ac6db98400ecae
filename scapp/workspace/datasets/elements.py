"""Elements: immutable values on disk, one zarr group each, named by a random id."""

import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

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

    with naming_damage(folder):
        return read_elem(opened(folder))


def opened(folder: Path) -> Any:
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
def naming_damage(folder: Path) -> Iterator[None]:
    """Say of any error inside that the element in this folder is damaged.

    Raises
    ------
    DataError
        Naming the element, and what looks after it.
    """
    try:
        yield
    except DataError:
        raise
    except Exception as error:  # damaged bytes bring out any exception of zarr, its codecs and anndata
        raise DataError(
            f"A stored value is damaged ({folder.name}: {type(error).__name__}: {error}).",
            hint="Close scapp and run 'scapp doctor WORKSPACE': it says what is damaged and what can be made again.",
        ) from error


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
