"""The genes are scanpy's, in every flavour, with and without batches, wherever blocks begin."""

import numpy as np
import pandas as pd
import pytest
import scanpy as sc
from anndata import AnnData
from scipy import sparse

from scapp.core.errors import ConfigError
from scapp.data.blocks import blocked_matrix as module
from scapp.data.blocks.blocked_matrix import InMemory
from scapp.data.blocks.moments import moments
from scapp.data.config import KEEP_EVERYTHING, PrepareConfig
from scapp.data.qc.preprocessing import normalise
from scapp.data.qc.variable_genes import highly_variable

RNG = np.random.default_rng(1)
MEANS = RNG.gamma(0.5, 2.0, 400)
COUNTS = sparse.csr_matrix(RNG.negative_binomial(2, 1 / (1 + MEANS / 2), (300, 400)).astype(np.float32))
BATCHES = {
    "none": None,
    "three": pd.Series(pd.Categorical(RNG.choice(["x", "y", "z"], 300), categories=["z", "y", "unused", "x"])),
    "gaps": pd.Series(pd.Categorical(np.where(np.arange(300) % 7, np.where(np.arange(300) % 2, "a", "b"), None))),
}


@pytest.mark.parametrize("batches", BATCHES)
@pytest.mark.parametrize("flavor", ["seurat", "cell_ranger", "seurat_v3"])
def test_the_genes_are_scanpys(flavor, batches, monkeypatch):
    if flavor == "seurat_v3" and batches == "gaps":
        pytest.skip("scanpy compares a missing batch with the others and fails")
    monkeypatch.setattr(module, "ENTRIES", 5_000)
    codes = BATCHES[batches]
    logged = normalise(COUNTS, 1e4)
    adata = AnnData(COUNTS.copy() if flavor == "seurat_v3" else logged.copy())
    if codes is not None:
        adata.obs["batch"] = codes.to_numpy()
    key = None if codes is None else "batch"
    sc.pp.highly_variable_genes(adata, n_top_genes=60, flavor=flavor, batch_key=key)
    config = PrepareConfig(**KEEP_EVERYTHING, n_top_genes=60, flavor=flavor)
    mine = highly_variable(logged, COUNTS, config, codes)
    np.testing.assert_array_equal(mine, adata.var["highly_variable"].to_numpy())


def test_moments_are_those_of_numpy(monkeypatch):
    monkeypatch.setattr(module, "ENTRIES", 5_000)
    codes = RNG.integers(-1, 3, 300)
    found = moments(InMemory(COUNTS), codes)
    for batch in range(3):
        part = COUNTS.toarray()[codes == batch].astype(float)
        assert found.n_cells[batch] == len(part)
        np.testing.assert_array_equal(found.n_seen[batch], (part > 0).sum(axis=0))
        np.testing.assert_allclose(found.mean[batch], part.mean(axis=0))
        np.testing.assert_allclose(found.variance[batch], part.var(axis=0, ddof=1), atol=1e-12)
    linear = moments(InMemory(normalise(COUNTS, 1e4)), np.zeros(300, dtype=int), linear=True)
    expected = COUNTS.toarray() / COUNTS.sum(axis=1) * 1e4
    np.testing.assert_allclose(linear.mean[0], np.asarray(expected).mean(axis=0), rtol=1e-5)


def test_a_single_cell_has_no_variance():
    assert moments(InMemory(COUNTS[:1]), np.zeros(1, dtype=int)).variance.max() == 0


def test_genes_that_never_vary_are_not_chosen():
    constant = sparse.csr_matrix(np.hstack([COUNTS.toarray(), np.zeros((300, 50))]).astype(np.float32))
    config = PrepareConfig(**KEEP_EVERYTHING, n_top_genes=60)
    assert not highly_variable(normalise(constant, 1e4), None, config)[400:].any()


@pytest.mark.parametrize("flavor", ["seurat", "cell_ranger", "seurat_v3"])
def test_a_batch_of_one_cell_has_no_say(flavor):
    """scanpy fails, takes the rounding of a variance for one, or is ended by loess."""
    batches = pd.Series(["a"] * 150 + ["b"] * 149 + ["one"])
    logged = normalise(COUNTS, 1e4)
    config = PrepareConfig(**KEEP_EVERYTHING, n_top_genes=60, flavor=flavor)
    found = highly_variable(logged, COUNTS, config, batches)
    without = highly_variable(logged[:299], COUNTS[:299], config, batches[:299])
    np.testing.assert_array_equal(found, without)


@pytest.mark.parametrize("n_varying", [0, 3, 19])
def test_seurat_v3_refuses_a_batch_in_which_hardly_a_gene_varies(n_varying):
    dense = COUNTS.toarray()
    dense[200:, n_varying:] = 1
    batches = pd.Series(["a"] * 200 + ["b"] * 100)
    config = PrepareConfig(**KEEP_EVERYTHING, n_top_genes=60, flavor="seurat_v3")
    with pytest.raises(ConfigError, match="genes vary in one"):
        highly_variable(sparse.csr_matrix(dense), sparse.csr_matrix(dense), config, batches)
