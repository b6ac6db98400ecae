"""Quality of CLEAR beside PCA on labelled files: python -m benchmarks.clear_quality FILE... --preset authors_code.

Each file goes through ``python -m scapp clear`` as a user would run it; PCA is that of the same output
(50 components of the same 2,000 genes), unscaled and scaled. Prints a Markdown table.
"""

import argparse
import json
import subprocess
import sys
import tempfile
from pathlib import Path

import anndata as ad
import numpy as np
import pandas as pd

from scapp.analysis.map.clusters import kmeans, leiden, neighbour_graph
from scapp.data.config import PrepareConfig
from scapp.data.qc.principal_components import principal_components
from scapp.metrics.agreement import adjusted_rand_index

SWEEP = np.round(np.arange(0.1, 2.05, 0.1), 2)


def scores(representation: np.ndarray, labels: pd.Categorical) -> dict[str, float]:
    """k-means with the number of labels; the best Leiden of a sweep over resolutions."""
    codes = labels.codes
    by_kmeans = kmeans(representation, n_clusters=len(labels.categories), seed=0)
    graph = neighbour_graph(representation, n_neighbors=15, seed=0)
    sweep = [adjusted_rand_index(codes, leiden(graph, resolution=float(r), seed=0).codes) for r in SWEEP]
    return {"kmeans": adjusted_rand_index(codes, by_kmeans.codes), "leiden": max(sweep)}


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("files", nargs="+", type=Path)
    parser.add_argument("--preset", default="authors_code")
    parser.add_argument("--label-key", default="cell_type")
    parser.add_argument("--seeds", type=int, default=1)
    arguments = parser.parse_args()
    print(f"| k-means ARI (best Leiden ARI) | {arguments.preset} | PCA | PCA, scaled | cells/s |")
    print("| --- | --- | --- | --- | --- |")
    for file in arguments.files:
        clear, speeds = [], []
        for seed in range(arguments.seeds):
            adata, result = _run(file, arguments, seed)
            labels = pd.Categorical(adata.obs[arguments.label_key])
            clear.append(scores(adata.obsm["X_clear"], labels))
            speeds.append(result["cells_per_s"])
        genes = adata.var["highly_variable"].to_numpy()
        scaled = principal_components(adata.X, genes, PrepareConfig(scale_for_pca=True))
        cells = [_cell(clear), _cell([scores(adata.obsm["X_pca"], labels)]), _cell([scores(scaled, labels)])]
        print(f"| {file.stem} | " + " | ".join(cells) + f" | {np.median(speeds):,.0f} |", flush=True)


def _run(file: Path, arguments: argparse.Namespace, seed: int) -> tuple[ad.AnnData, dict[str, float]]:
    with tempfile.TemporaryDirectory() as folder:
        output = Path(folder) / "out.h5ad"
        command = [sys.executable, "-m", "scapp", "clear", str(file), "-o", str(output), "--preset", arguments.preset]
        command += ["--label-key", arguments.label_key, "--seed", str(seed)]
        finished = subprocess.run(command, check=True, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
        return ad.read_h5ad(output), json.loads(finished.stdout.splitlines()[-1])


def _cell(runs: list[dict[str, float]]) -> str:
    """Means; with several seeds, the spread of the k-means figure behind them."""
    values = {name: [run[name] for run in runs] for name in runs[0]}
    spread = f" ± {np.std(values['kmeans']):.2f}" if len(runs) > 1 else ""
    return f"{np.mean(values['kmeans']):.2f}{spread} ({np.mean(values['leiden']):.2f})"


if __name__ == "__main__":
    main()
