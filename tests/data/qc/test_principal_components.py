"""Principal components against scanpy's and an SVD, in each of the ways in which they are found."""

import numpy as np
import pytest
import scanpy as sc
from anndata import AnnData
from scipy import sparse

from scapp.data.blocks import blocked_matrix as module
from scapp.data.config import KEEP_EVERYTHING, PrepareConfig
from scapp.data.qc import principal_components as module_pca
from scapp.data.qc.gene_products import add_products
from scapp.data.qc.preprocessing import normalise
from scapp.data.qc.principal_components import pca

RNG = np.random.default_rng(2)
PROFILES = RNG.gamma(0.4, 3.0, (5, 70))
COUNTS = sparse.csr_matrix(RNG.poisson(PROFILES[RNG.integers(0, 5, 240)]).astype(np.float32))
WAYS = {
    "by genes": ({}, slice(None)),
    "by genes, compiled": ({"MANY_CELLS": 10, "SPARSE": 1.0}, slice(None)),
    "by cells": ({}, slice(50)),
    "by iteration": ({"LARGEST_GRAM": 20}, slice(None)),
    "by iteration, few cells": ({"LARGEST_GRAM": 20}, slice(50)),
}


@pytest.mark.parametrize("scale", [False, True])
@pytest.mark.parametrize("way", WAYS)
def test_components_are_scanpys(way, scale, monkeypatch):
    settings, cells = WAYS[way]
    monkeypatch.setattr(module, "ENTRIES", 1_000)
    for name, value in settings.items():
        monkeypatch.setattr(module_pca, name, value)
    values = normalise(COUNTS[cells], 1e4)
    genes = np.arange(70) % 5 > 0
    found, loadings = pca(values, genes, PrepareConfig(**KEEP_EVERYTHING, n_pcs=4, scale_for_pca=scale))
    adata = AnnData(values[:, genes].toarray().astype(np.float64))
    if scale:
        sc.pp.scale(adata, max_value=10)
    sc.pp.pca(adata, n_comps=4, svd_solver="full", dtype="float64")
    np.testing.assert_allclose(found, adata.obsm["X_pca"], rtol=1e-3, atol=2e-3)
    spread = values[:, genes].toarray().std(axis=0, ddof=1)[:, None] if scale else 1.0
    np.testing.assert_allclose(loadings[genes], adata.varm["PCs"] / spread, atol=2e-3)
    assert not loadings[~genes].any()


def test_components_are_the_same_to_the_last_bit_with_any_number_of_threads(monkeypatch):
    monkeypatch.setattr(module, "ENTRIES", 300)
    for name, value in WAYS["by genes, compiled"][0].items():
        monkeypatch.setattr(module_pca, name, value)
    values, genes = normalise(COUNTS, 1e4), np.ones(70, dtype=bool)
    found = []
    for threads in ("1", "3", "3"):
        monkeypatch.setenv("SCAPP_THREADS", threads)
        found.append(pca(values, genes, PrepareConfig(**KEEP_EVERYTHING, n_pcs=4)))
    for components, loadings in found[1:]:
        np.testing.assert_array_equal(components, found[0][0])
        np.testing.assert_array_equal(loadings, found[0][1])


def test_products_by_hand():
    values = sparse.csr_matrix(np.array([[1, 0, 2], [0, 3, 4]], dtype=np.float32))
    products = np.zeros((3, 3))
    add_products(values.indptr, values.indices, values.data, products)
    assert products.tolist() == [[1, 0, 2], [0, 9, 12], [0, 0, 20]]


@pytest.mark.parametrize("n_cells", [4, 60])
def test_directions_without_variance_are_zero_and_not_noise(n_cells):
    two = np.zeros((n_cells, 30), dtype=np.float32)
    two[:, :2] = RNG.poisson(3, (n_cells, 2))
    found, loadings = pca(sparse.csr_matrix(two), np.ones(30, bool), PrepareConfig(**KEEP_EVERYTHING, n_pcs=10))
    assert np.isfinite(found).all()
    assert np.isfinite(loadings).all()
    assert found[:, :2].std(axis=0).min() > 0.1
    assert np.abs(found[:, 2:]).max() < 1e-4
    assert found.shape == (n_cells, min(10, n_cells - 1))


def test_cells_that_are_all_the_same_have_no_components():
    found, _ = pca(sparse.csr_matrix(np.ones((20, 12))), np.ones(12, bool), PrepareConfig(**KEEP_EVERYTHING))
    assert np.abs(found).max() < 1e-5


@pytest.mark.parametrize("way", WAYS)
def test_genes_of_high_mean_and_small_spread_keep_their_precision(way, monkeypatch):
    for name, value in WAYS[way][0].items():
        monkeypatch.setattr(module_pca, name, value)
    hidden = RNG.normal(size=(1500, 4)) @ (RNG.normal(size=(4, 70)) * [[4], [3], [2], [1]])
    dense = (10 + 0.01 * (hidden + RNG.normal(size=hidden.shape))).astype(np.float32)[WAYS[way][1]]
    found, _ = pca(sparse.csr_matrix(dense), np.ones(70, bool), PrepareConfig(**KEEP_EVERYTHING, n_pcs=4))
    centred = dense.astype(float) - dense.mean(axis=0, dtype=float)
    left, singular, _ = np.linalg.svd(centred, full_matrices=False)
    exact = left[:, :4] * singular[:4]
    np.testing.assert_allclose(np.abs(found), np.abs(exact), atol=1e-4 * np.abs(exact).max())
