"""What a run looked like at some of its epochs: a small file of arrays each, under the epoch's number."""

from collections.abc import Mapping
from pathlib import Path

import numpy as np

from scapp.core import files


def write_snapshot(folder: Path, number: int, arrays: Mapping[str, np.ndarray]) -> None:
    """Keep arrays under a number; those kept under it before are replaced."""
    (folder / "snapshots").mkdir(exist_ok=True)
    with files.replacing(folder / "snapshots" / f"{number:06d}.npz") as temporary:
        np.savez(temporary, allow_pickle=False, **arrays)


def snapshot_numbers(folder: Path) -> list[int]:
    """Numbers of what was kept, ascending."""
    return sorted(int(path.stem) for path in (folder / "snapshots").glob("*.npz") if path.stem.isdigit())


def read_snapshot(folder: Path, number: int) -> dict[str, np.ndarray]:
    """Arrays kept under a number."""
    with np.load(folder / "snapshots" / f"{number:06d}.npz", allow_pickle=False) as content:
        return {name: content[name] for name in content.files}
