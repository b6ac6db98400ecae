"""CLEAR beside other representations over several labelled files: python -m benchmarks.representations FOLDER [--seeds
N] [--only clustering ...].

Runs `python -m scapp evaluate` as a user would, on the files named in ``TASKS`` that FOLDER holds, and prints a
Markdown table per task, means over seeds: ARI of k-means, of Leiden and the best of the sweep; ARI of k-means at each
share lost; batch scores; Spearman.
"""

import argparse
import json
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import pandas as pd

CLUSTERING = (
    "yan_human_embryo",
    "pollen_human_cells",
    "kolodziejczyk_mesc",
    "tabula_muris_immune_1000",
    "zheng_pbmc_facs",
    "worm_neuron_cao",
    "mouse_motor_cortex",
)
TASKS: dict[str, tuple[tuple[str, str, list[str]], ...]] = {
    "clustering": tuple((name, "cell_type", ["--methods", "pca", "hvg", "clear"]) for name in CLUSTERING),
    "dropout": (("pollen_human_cells", "cell_type", []), ("tabula_muris_immune_1000", "cell_type", [])),
    "batch": (
        *(
            (name, "cell_type", ["--batch-key", "batch", "--maps", "no"])
            for name in (
                "cellbench_3cl_2protocols",
                "cellbench_3cl_3protocols",
                "kolodziejczyk_mesc",
                "pancreas_3studies",
            )
        ),
        # of which no types are known: donors are to mix, and treated cells to stay apart from the others
        ("glioblastoma_panobinostat", "condition", ["--batch-key", "donor", "--maps", "no"]),
    ),
    "pseudotime": tuple(
        (name, "stage", ["--maps", "no"])
        for name in (
            "yan_human_embryo",
            "deng_mouse_embryo_subset",
            "ipsc_cardiomyocyte_timecourse",
            "ginhoux_dc_progenitors",
            "biase_mouse_embryo",
        )
    ),
}
SHOWN = {
    "batch": ("f1_ARI", "f1_ASW", "iLISI"),
    "pseudotime": ("spearman", "spearman_path"),
}


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("folder", type=Path)
    parser.add_argument("--seeds", type=int, default=2)
    parser.add_argument("--only", nargs="+", default=list(TASKS), choices=list(TASKS))
    arguments = parser.parse_args()
    for task in arguments.only:
        print(f"\n### {task}\n", flush=True)
        for name, label, options in TASKS[task]:
            file = arguments.folder / f"{name}.h5ad"
            if file.exists():
                print(_line(task, name, _run(task, file, label, options, arguments.seeds)), flush=True)


def _run(task: str, file: Path, label: str, options: list[str], seeds: int) -> list[dict[str, Any]]:
    with tempfile.TemporaryDirectory() as folder:
        command = [
            sys.executable,
            "-m",
            "scapp",
            "evaluate",
            task,
            str(file),
            "--label-key",
            label,
            "--n-seeds",
            str(seeds),
        ]
        finished = subprocess.run(
            [*command, *options, "-o", f"{folder}/out"],
            check=True,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )
        rows: list[dict[str, Any]] = json.loads(finished.stdout.splitlines()[-1])["rows"]
        if task == "clustering":
            sweep = pd.read_csv(f"{folder}/out/sweep.csv")
            best = sweep.groupby(["title", "seed"])["ari"].max().groupby("title").mean()
            rows = [{**row, "best": best[row["title"]]} for row in rows]
        return rows


def _line(task: str, name: str, rows: list[dict[str, Any]]) -> str:
    cells = []
    for title, part in pd.DataFrame(rows).groupby("title", sort=False):
        if task == "clustering":
            by = part.set_index("clusterer")
            words = [f"{by.loc['kmeans', 'ari']:.2f}", f"{by.loc['leiden', 'ari']:.2f}", f"{by['best'].iloc[0]:.2f}"]
        elif task == "dropout":
            by = part[part["clusterer"] == "kmeans"].set_index("level")["ari"]
            words = [f"{value:.2f}" for value in by] + [f"mean {by[by.index > 0].mean():.2f}"]
        else:
            words = [f"{part[score].mean():.2f}" for score in SHOWN[task]]
        cells.append(f"{title}: {' / '.join(words)}")
    return f"| {name} | " + " | ".join(cells) + " |"


if __name__ == "__main__":
    main()
