import numpy as np
import pytest

from scapp.data.config import SimulationConfig
from scapp.data.examples import EXAMPLES, load_pbmc
from scapp.data.formats.imported import from_anndata
from scapp.data.simulated.simulate import MITOCHONDRIAL, simulate

SMALL = {"n_cells": 400, "n_genes": 300}


def test_same_seed_same_study_and_other_seed_another():
    first, again, other = (simulate(SimulationConfig(**SMALL, seed=seed)) for seed in (1, 1, 2))
    np.testing.assert_array_equal(first.layers["counts"].toarray(), again.layers["counts"].toarray())
    assert (first.layers["counts"] != other.layers["counts"]).nnz > 0


def test_the_truth_is_what_was_asked_for():
    study = simulate(SimulationConfig(**SMALL, n_types=4, n_batches=3, doublet_rate=0.1))
    assert study.shape == (400, 300)
    assert study.obs["cell_type"].nunique() == 4
    assert study.obs["cell_type"].value_counts().is_monotonic_decreasing
    assert study.obs["batch"].nunique() == 3
    assert study.obs["is_doublet"].sum() == 40
    assert list(study.var_names[-13:]) == MITOCHONDRIAL
    counts = study.layers["counts"]
    assert (counts.data == np.rint(counts.data)).all()
    assert (counts.data > 0).all()


def test_doublets_are_larger_and_dying_cells_mitochondrial():
    study = simulate(SimulationConfig(n_cells=2000, n_genes=300))
    size = np.asarray(study.layers["counts"].sum(axis=1)).ravel()
    healthy = ~study.obs["is_dying"].to_numpy()
    doublet = study.obs["is_doublet"].to_numpy()
    assert size[doublet & healthy].mean() > 1.5 * size[~doublet & healthy].mean()
    mitochondrial = np.asarray(study.layers["counts"][:, -13:].sum(axis=1)).ravel() / size
    assert mitochondrial[~healthy].mean() > 3 * mitochondrial[healthy].mean()


@pytest.mark.parametrize(("setting", "value"), [("dropout", 0.5), ("dispersion", 2.0)])
def test_noise_makes_counts_sparser(setting, value):
    quiet = {"dropout": 0.0, "dispersion": 0.0, "doublet_rate": 0.0}
    plain = simulate(SimulationConfig(**SMALL, **quiet)).layers["counts"].nnz
    noisy = simulate(SimulationConfig(**SMALL, **{**quiet, setting: value})).layers["counts"].nnz
    assert noisy < 0.95 * plain


def test_one_type_one_batch():
    study = simulate(SimulationConfig(n_cells=30, n_genes=100, n_types=1, n_batches=1, dispersion=0))
    assert study.obs["cell_type"].nunique() == 1


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda e: e.id)
def test_every_example_loads_offline_with_counts_and_labels(example):
    imported = from_anndata(example.load())
    assert imported.taken_from == "layers['counts']"
    assert "cell_type" in imported.adata.obs


def test_pbmc_counts_are_the_ones_behind_the_log_values():
    import scanpy as sc

    counts = load_pbmc().layers["counts"].toarray()
    log = sc.datasets.pbmc68k_reduced().raw.X.toarray()
    assert counts.shape == (700, 765)
    ratio = np.expm1(log) / np.maximum(counts, 1)
    per_cell = np.array([row[c > 0].std() / row[c > 0].mean() for row, c in zip(ratio, counts, strict=True)])
    assert per_cell.max() < 1e-3
