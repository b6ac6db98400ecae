"""How often is what scapp expects of CLEAR, without labels, right? Beside PCA, against cell types.

``python -m benchmarks.clear_verdict FOLDER --side choosing|reporting --seeds N``: the sets of
``benchmarks.clear_default``, batches untold. "closer" is right where the share of a cell's 30 nearest that are of its
own type is above PCA's by .02 or more, "equal" where it is within .02, "worse" where it is below by .02 or more.
"""

import argparse
import os
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from benchmarks.clear_default import SIDES, load_all, represent

NOISE = 0.02
"""Differences of purity below are called noise."""


def measured(file: Path, batch_key: str | None, preset: str, seed: int) -> dict[str, Any]:
    """One training on one set."""
    import threadpoolctl
    import torch

    from scapp.clear.against_pca import expectation
    from scapp.clear.config import clear_config
    from scapp.clear.train import train_clear
    from scapp.core.step_context import QuietContext
    from scapp.metrics.mixing import own_group_share
    from scapp.metrics.neighbours_compared import compare_neighbours

    torch.set_num_threads(1)
    threadpoolctl.threadpool_limits(1)
    values, read, labels, _ = load_all(file, batch_key)
    clear = train_clear(values[:, read], clear_config(preset, seed=seed), QuietContext()).embedding
    pca = represent("PCA", values[:, read], None, seed)
    purity = [own_group_share(where, labels, n_neighbours=30, most_cells=len(labels))[0] for where in (clear, pca)]
    gain = purity[0] - purity[1]
    found = compare_neighbours(clear, pca, values, read, seed=seed)
    known = found is not None and found.ours is not None
    return {
        "set": file.stem,
        "seed": seed,
        "expected": "none" if found is None else expectation(found),
        "found": "equal" if abs(gain) < NOISE else "closer" if gain > 0 else "worse",
        "gain": gain,
        "shared": np.nan if found is None else found.shared,
        "unseen": found.ours - found.theirs if known else np.nan,
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--side", choices=list(SIDES), default="reporting")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--preset", default="recommended")
    given = parser.parse_args()
    sets = {given.folder / f"{name}.h5ad": key for name, key in SIDES[given.side].items()}
    jobs = [
        (file, key, given.preset, seed) for file, key in sets.items() if file.exists() for seed in range(given.seeds)
    ]
    with ProcessPoolExecutor(os.cpu_count()) as pool:
        table = pd.DataFrame(pool.map(measured, *zip(*jobs, strict=True)))
    print(table.round(4).to_string(index=False))
    print(pd.crosstab(table["expected"], table["found"]).to_string())


if __name__ == "__main__":
    main()
