"""Where a value came from: fingerprints of what was read, and a record of the step that made it."""

import hashlib
import platform
from datetime import UTC, datetime
from importlib import metadata
from typing import Any

import numpy as np
from pydantic import BaseModel, Field

PACKAGES = (
    "scapp",
    "anndata",
    "numpy",
    "pandas",
    "gseapy",
    "pydeseq2",
    "scanpy",
    "scikit-learn",
    "scipy",
    "torch",
    "umap-learn",
    "igraph",
    "leidenalg",
)


class Provenance(BaseModel):
    """How one commit came to be.

    Parameters
    ----------
    id, step, config, seed
        What was done.
    run
        Id of the run; some steps name what they make by it.
    inputs, outputs
        Slot -> fingerprint of what was read and written.
    result
        Numbers and words that the step said of what it made: a request may ask for more than data can give.
    versions, threads, device, processes, seconds, created
        Where and when.
    """

    id: str
    step: str
    config: dict[str, Any] = Field(default_factory=dict)
    seed: int | None = None
    run: str = ""
    inputs: dict[str, str] = Field(default_factory=dict)
    outputs: dict[str, str] = Field(default_factory=dict)
    result: dict[str, Any] = Field(default_factory=dict)
    versions: dict[str, str] = Field(default_factory=dict)
    threads: int | None = None
    device: str | None = None
    processes: int | None = None
    seconds: float | None = None
    created: str = ""


def now() -> str:
    """The time in UTC, ISO 8601, to the millisecond."""
    return datetime.now(UTC).isoformat(timespec="milliseconds")


def versions() -> dict[str, str]:
    """Versions of Python and of the packages that decide results."""
    found = {"python": platform.python_version()}
    for name in PACKAGES:
        try:
            found[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    if "scapp" not in found:
        from scapp._version import __version__

        found["scapp"] = __version__
    return found


def fingerprint(value: Any) -> str:
    """Hash of dtype, shape and bytes: equal values give equal fingerprints in every process.

    Parameters
    ----------
    value
        Array, sparse matrix (CSR or CSC), pandas Series, Index, Categorical or DataFrame, or anything
        made of dicts, lists, strings and numbers.

    Returns
    -------
    32 hexadecimal digits.
    """
    digest = hashlib.blake2b(digest_size=16)
    _update(digest, value)
    return digest.hexdigest()


def _update(digest: Any, value: Any) -> None:
    if hasattr(value, "array") and hasattr(value.array, "codes"):
        value = value.array  # a Series or Index of categories is its categories
    digest.update(type(value).__name__.encode() if isinstance(value, (bool, int, float, str)) else b"|")
    if hasattr(value, "indptr"):
        digest.update(f"sparse {value.format} {value.shape}".encode())
        for part in (value.indptr.astype(np.int64), value.indices.astype(np.int64), value.data):
            _update_array(digest, part)
    elif isinstance(value, dict):
        for key in sorted(value, key=str):
            digest.update(f"key {key}".encode())
            _update(digest, value[key])
    elif isinstance(value, (list, tuple)):
        digest.update(f"list {len(value)}".encode())
        for item in value:
            _update(digest, item)
    elif isinstance(value, (str, int, float, bool)) or value is None:
        digest.update(repr(value).encode())
    elif hasattr(value, "columns"):
        for column in value.columns:
            digest.update(f"column {column}".encode())
            _update(digest, value[column].array)
    elif hasattr(value, "codes") and hasattr(value, "categories"):
        digest.update(f"categorical ordered={value.ordered}".encode())
        _update_array(digest, np.asarray(value.categories))
        _update_array(digest, np.asarray(value.codes, dtype=np.int32))
    else:
        _update_array(digest, np.asarray(value))


def _update_array(digest: Any, array: np.ndarray) -> None:
    if array.dtype.kind in "OSUT":
        digest.update(f"text {array.shape}".encode())
        for item in array.ravel().tolist():
            text = str(item).encode()
            digest.update(f"{len(text)}:".encode() + text)
        return
    digest.update(f"{array.dtype.str} {array.shape}".encode())
    digest.update(np.ascontiguousarray(array).tobytes())
