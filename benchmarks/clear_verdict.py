"""How often is the verdict that needs no labels right? CLEAR beside PCA by genes that neither read, against cell types.

``python -m benchmarks.clear_verdict FOLDER --side choosing|reporting --seeds N``: the sets of
``benchmarks.clear_default``, batches untold. A verdict for CLEAR is right where the share of a cell's 30 nearest that
are of its own type is at least .02 above PCA's; one of equality where it is within .02; one for PCA where it is below
by .02 or more.
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


def measured(file: Path, batch_key: str | None, seed: int) -> dict[str, Any]:
    """One training on one set."""
    import threadpoolctl
    import torch

    from scapp.metrics.mixing import own_group_share
    from scapp.metrics.unseen_genes import compare_by_unseen_genes, verdict_of

    torch.set_num_threads(1)
    threadpoolctl.threadpool_limits(1)
    values, read, labels, _ = load_all(file, batch_key)
    clear, pca = (represent(way, values[:, read], None, seed) for way in ("CLEAR", "PCA"))
    purity = [own_group_share(where, labels, n_neighbours=30, most_cells=len(labels))[0] for where in (clear, pca)]
    found = compare_by_unseen_genes(clear, pca, values, read, seed=seed)
    gain = purity[0] - purity[1]
    truth = "equal" if abs(gain) < NOISE else "ours" if gain > 0 else "theirs"
    return {
        "set": file.stem,
        "seed": seed,
        "verdict": "none" if found is None else verdict_of(found),
        "truth": truth,
        "gain": gain,
        "difference": np.nan if found is None else found.ours - found.theirs,
        "shared": np.nan if found is None else found.shared,
        "n_genes": 0 if found is None else found.n_genes,
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--side", choices=list(SIDES), default="reporting")
    parser.add_argument("--seeds", type=int, default=3)
    given = parser.parse_args()
    sets = {given.folder / f"{name}.h5ad": key for name, key in SIDES[given.side].items()}
    jobs = [(file, key, seed) for file, key in sets.items() if file.exists() for seed in range(given.seeds)]
    with ProcessPoolExecutor(os.cpu_count()) as pool:
        table = pd.DataFrame(pool.map(measured, *zip(*jobs, strict=True)))
    print(table.round(4).to_string(index=False))
    print(pd.crosstab(table["verdict"], table["truth"]).to_string())


if __name__ == "__main__":
    main()
