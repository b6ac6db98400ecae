"""CLEAR beside other representations over several labelled files: python -m benchmarks.representations FOLDER [--seeds N] [--only clustering ...].

Runs `python -m scapp evaluate` as a user would, on the files named in ``TASKS`` that FOLDER holds, and prints a Markdown table per task: the main
score of each method, mean over seeds.
"""

import argparse
import json
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import pandas as pd

CLUSTERING = ("yan_human_embryo", "pollen_human_cells", "kolodziejczyk_mesc", "tabula_muris_immune_1000", "zheng_pbmc_facs", "worm_neuron_cao")  # fmt: skip
TASKS: dict[str, tuple[tuple[str, str, list[str]], ...]] = {
    "clustering": tuple((name, "cell_type", ["--highest", "0.2"]) for name in CLUSTERING),
    "dropout": (("yan_human_embryo", "cell_type", []), ("tabula_muris_immune_1000", "cell_type", [])),
    "batch": tuple(
        (name, "cell_type", ["--batch-key", "batch"])
        for name in ("cellbench_3cl_2protocols", "cellbench_3cl_3protocols", "kolodziejczyk_mesc", "pancreas_3studies")
    ),
    "pseudotime": tuple(
        (name, "stage", [])
        for name in ("yan_human_embryo", "deng_mouse_embryo_subset", "ipsc_cardiomyocyte_timecourse", "ginhoux_dc_progenitors", "biase_mouse_embryo")
    ),
}  # fmt: skip
SHOWN = {
    "clustering": ("ari",),
    "dropout": ("ari",),
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
        finished = subprocess.run([*command, *options, "-o", f"{folder}/out"], check=True, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)  # fmt: skip
        rows: list[dict[str, Any]] = json.loads(finished.stdout.splitlines()[-1])["rows"]
        return rows


def _line(task: str, name: str, rows: list[dict[str, Any]]) -> str:
    table = pd.DataFrame(rows)
    if task == "dropout":
        table = table[(table["level"] > 0) & (table["clusterer"] == "kmeans")]
    cells = []
    for title, part in table.groupby("title", sort=False):
        words = []
        for score in SHOWN[task]:
            if "clusterer" in part and task == "clustering":
                by = part.set_index("clusterer")[score]
                words.append(f"{by['kmeans']:.2f} ({by['leiden']:.2f})")
            else:
                words.append(f"{part[score].mean():.2f}")
        cells.append(f"{title}: {' / '.join(words)}")
    return f"| {name} | " + " | ".join(cells) + " |"


if __name__ == "__main__":
    main()
