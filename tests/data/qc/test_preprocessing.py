import numpy as np
import pandas as pd
import pytest
from scipy import sparse

from scapp.core.errors import ConfigError
from scapp.data.config import KEEP_EVERYTHING, PrepareConfig
from scapp.data.qc.preprocessing import filter_data, linear, normalise
from scapp.data.qc.principal_components import principal_components
from scapp.data.qc.variable_genes import highly_variable


def config(**values):
    return PrepareConfig(**{**KEEP_EVERYTHING, **values})


def test_normalise_by_hand_and_empty_cells_stay_zero():
    counts = sparse.csr_matrix(np.array([[1, 3], [0, 0]], dtype=np.float32))
    expected = np.log1p([[2500, 7500], [0, 0]])
    np.testing.assert_allclose(normalise(counts, 1e4).toarray(), expected, rtol=1e-6)


def test_genes_are_counted_in_the_kept_cells():
    counts = sparse.csr_matrix(np.array([[1, 0, 1], [1, 1, 1], [1, 0, 0]], dtype=np.float32))
    metrics = pd.DataFrame({"n_genes_by_counts": [2, 3, 1], "total_counts": [2.0, 3, 1]})
    kept = filter_data(counts, metrics, config(min_genes=2, min_cells=2))
    assert kept.cells.tolist() == [0, 1]
    assert kept.genes.tolist() == [0, 2]


def test_filters_that_leave_nothing_are_refused_with_the_worst_named():
    counts = sparse.csr_matrix(np.ones((3, 3), dtype=np.float32))
    metrics = pd.DataFrame({"n_genes_by_counts": [3, 3, 3], "total_counts": [3.0, 3, 3]})
    with pytest.raises(ConfigError, match="'Minimum genes per cell' alone removes 3"):
        filter_data(counts, metrics, config(min_genes=10))
    with pytest.raises(ConfigError, match="0 of 3 genes"):
        filter_data(counts, metrics, config(min_cells=10))


@pytest.mark.parametrize("flavor", ["seurat", "cell_ranger", "seurat_v3"])
def test_markers_are_found_among_highly_variable_genes(study, flavor):
    counts = study.layers["counts"]
    chosen = highly_variable(normalise(counts, 1e4), counts, config(n_top_genes=50, flavor=flavor))
    assert chosen.sum() == 50
    markers = study.var["is_marker"].to_numpy()
    assert markers[chosen].mean() > markers.mean()


def test_few_genes_are_all_taken_and_seurat_v3_needs_counts(study):
    values = normalise(study.layers["counts"], 1e4)
    assert highly_variable(values, None, config(n_top_genes=200)).all()
    with pytest.raises(ConfigError, match="raw counts"):
        highly_variable(values, None, config(n_top_genes=50, flavor="seurat_v3"))


def test_genes_per_batch(study):
    values = normalise(study.layers["counts"], 1e4)
    chosen = highly_variable(values, None, config(n_top_genes=50), pd.Series(study.obs["batch"].to_numpy()))
    assert chosen.sum() == 50


@pytest.mark.parametrize("scale", [False, True])
def test_pca_agrees_with_an_svd(study, scale):
    values = normalise(study.layers["counts"], 1e4)
    genes = np.ones(200, dtype=bool)
    pca = principal_components(values, genes, config(n_pcs=5, scale_for_pca=scale))
    dense = values.toarray()
    dense = dense - dense.mean(axis=0)
    if scale:
        dense = np.clip(dense / dense.std(axis=0, ddof=1), -10, 10)
        dense = dense - dense.mean(axis=0)
    left, singular, _ = np.linalg.svd(dense, full_matrices=False)
    np.testing.assert_allclose(np.abs(pca), np.abs(left[:, :5] * singular[:5]), rtol=2e-2, atol=2e-2)


def test_pca_of_three_cells(study):
    assert principal_components(normalise(study.layers["counts"][:3], 1e4), np.ones(200, bool), config()).shape == (
        3,
        2,
    )


def test_linear_takes_the_logarithm_back():
    counts = sparse.csr_matrix(np.array([[1, 3, 0], [0, 2, 2]], dtype=np.float32))
    logged = normalise(counts, 8)
    before = logged.copy()
    np.testing.assert_allclose(linear(logged).toarray(), [[2, 6, 0], [0, 4, 4]], rtol=1e-6)
    assert (logged != before).nnz == 0
