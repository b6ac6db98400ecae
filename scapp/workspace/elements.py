"""Elements: immutable values on disk, one zarr group each, named by a random id."""

import secrets
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

_KEY = "value"


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
    with ad.settings.override(auto_shard_zarr_v3=False):
        write_elem(group, _KEY, _storable(value))


def read_element(folder: Path) -> Any:
    """Read a value as it was written."""
    import zarr
    from anndata.io import read_elem

    return read_elem(zarr.open_group(str(folder), mode="r")[_KEY])


def read_csc_column(folder: Path, column: int) -> np.ndarray:
    """One column of a CSC matrix, dense, shape (n_rows,), without loading the matrix."""
    import zarr

    group: Any = zarr.open_group(str(folder), mode="r")[_KEY]
    start, stop = (int(bound) for bound in group["indptr"][column : column + 2])
    dense = np.zeros(int(group.attrs["shape"][0]), dtype=group["data"].dtype)
    dense[group["indices"][start:stop]] = group["data"][start:stop]
    return dense


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
