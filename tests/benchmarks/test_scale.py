"""Data of any size are made in blocks, and the way to PCA stays within its memory."""

import json
import subprocess
import sys

import anndata as ad
import numpy as np
import pytest

from benchmarks import scale
from scapp.data.config import SimulationConfig
from scapp.data.simulated.simulate import simulate

MOST_GB = 1.0
"""Of filtering to PCA on 20,000 cells x 4,000 genes, two threads, libraries included; see ``benchmarks/README.md``."""


def source(folder, n_genes):
    path = folder / "profiles.h5ad"
    simulate(SimulationConfig(n_cells=400, n_genes=n_genes, n_types=4)).write_h5ad(path)
    return path


def test_mixtures_are_counts_with_the_genes_of_most_counts_and_the_same_again(tmp_path, monkeypatch):
    monkeypatch.setattr(scale, "BLOCK", 64)
    path = source(tmp_path, 120)
    made = []
    for name in ("first", "second"):
        scale.mixtures(path, 150, 100, tmp_path / f"{name}.h5ad", seed=1)
        made.append(ad.read_h5ad(tmp_path / f"{name}.h5ad"))
    assert made[0].shape == (150, 100)
    assert made[0].X.has_sorted_indices
    assert (made[0].X.data >= 1).all()
    assert (made[0].X.data == np.rint(made[0].X.data)).all()
    assert (made[0].X != made[1].X).nnz == 0
    counts = ad.read_h5ad(path).layers["counts"]
    most = np.sort(np.argsort(-np.asarray(counts.sum(axis=0)).ravel(), kind="stable")[:100])
    assert made[0].var_names.tolist() == ad.read_h5ad(path).var_names[most].tolist()


@pytest.mark.long
def test_twenty_thousand_cells_stay_within_their_memory(tmp_path, monkeypatch):
    command = [sys.executable, "-m", "benchmarks.scale", str(source(tmp_path, 4000)), "--cells", "20000"]
    monkeypatch.setenv("SCAPP_THREADS", "2")
    found = subprocess.run(
        [*command, "--ways", "scapp", "--upto", "pca", "--folder", str(tmp_path / "made")],
        capture_output=True,
        text=True,
        check=True,
    )
    steps = json.loads(found.stdout.strip().splitlines()[-1])["steps"]
    peak = next(step["peak_gb"] for step in steps if step["step"] == "quality to PCA")
    assert peak < MOST_GB
