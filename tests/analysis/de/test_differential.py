"""Differential expression against PyDESeq2 and scanpy themselves, and against planted truth."""

import anndata as ad
import numpy as np
import pandas as pd
import pytest
import scanpy as sc
from pydeseq2.dds import DeseqDataSet
from pydeseq2.ds import DeseqStats
from scipy import sparse

from scapp.analysis.de.differential import cell_test, expressed, pseudobulk, pseudobulk_test
from scapp.analysis.de.gene_tables import passing, strength
from scapp.core.errors import DataError
from scapp.data.config import BloodConfig
from scapp.data.simulated.blood import TARGET, simulate_blood

RNG = np.random.default_rng(0)


def bulk(n_samples=6, n_genes=60, changed=6):
    means = RNG.lognormal(4, 1, n_genes)
    compared = np.arange(n_samples) >= n_samples // 2
    fold = np.where(np.arange(n_genes) < changed, 4.0, 1.0)
    rates = means * np.where(compared[:, None], fold, 1.0) * RNG.gamma(20, 1 / 20, (n_samples, n_genes))
    index = [f"s{i}" for i in range(n_samples)]
    return pd.DataFrame(RNG.poisson(rates), index=index, columns=[f"g{i}" for i in range(n_genes)]), compared


def reference(sums, metadata, design):
    data = DeseqDataSet(counts=sums, metadata=metadata, design=design, n_cpus=1, quiet=True)
    data.deseq2()
    tested = DeseqStats(data, contrast=["condition", "compared", "reference"], n_cpus=1, quiet=True)
    tested.summary()
    return tested.results_df


def test_sums_by_sample_against_a_loop():
    counts = sparse.random(40, 7, 0.4, random_state=0, data_rvs=lambda n: RNG.integers(1, 9, n)).tocsr()
    codes = RNG.integers(-1, 3, 40)
    by_hand = np.zeros((3, 7))
    for cell, code in enumerate(codes):
        if code >= 0:
            by_hand[code] += counts[cell].toarray()[0]
    found = pseudobulk(counts, codes, 3)
    np.testing.assert_array_equal(found, by_hand)
    assert found.dtype == np.int64
    assert (pseudobulk(counts, np.full(40, -1), 2) == 0).all()


@pytest.mark.filterwarnings("ignore::UserWarning")
def test_pseudobulk_is_pydeseq2s_own_result():
    sums, compared = bulk()
    found, _ = pseudobulk_test(sums, compared)
    metadata = pd.DataFrame({"condition": np.where(compared, "compared", "reference")}, index=sums.index)
    expected = reference(sums, metadata, "~ condition")
    for column, name in (
        ("log2_fold_change", "log2FoldChange"),
        ("standard_error", "lfcSE"),
        ("statistic", "stat"),
        ("p_value", "pvalue"),
        ("p_value_adjusted", "padj"),
        ("mean", "baseMean"),
    ):
        np.testing.assert_allclose(found[column], expected[name], rtol=1e-10)
    assert set(passing(found, min_log2_fold=1)["gene"]) == {f"g{i}" for i in range(6)}


@pytest.mark.filterwarnings("ignore::UserWarning")
def test_a_donor_as_covariate_is_pydeseq2s_own_result_whatever_it_is_called():
    sums, compared = bulk(n_samples=8)
    donor = pd.DataFrame({"condition) + np.exp(1": [f"__import__('os') {i % 4}" for i in range(8)]}, index=sums.index)
    found, _ = pseudobulk_test(sums, compared, donor)
    metadata = pd.DataFrame(
        {"condition": np.where(compared, "compared", "reference"), "donor": [f"d{i % 4}" for i in range(8)]},
        index=sums.index,
    )
    expected = reference(sums, metadata, "~ donor + condition")
    np.testing.assert_allclose(found["statistic"], expected["stat"], rtol=1e-6)
    # a covariate that is the same everywhere changes nothing
    same, _ = pseudobulk_test(sums, compared, pd.DataFrame({"sex": "f"}, index=sums.index))
    plain, _ = pseudobulk_test(sums, compared)
    pd.testing.assert_frame_equal(same, plain)


def test_designs_that_cannot_be_tested_say_why():
    sums, compared = bulk()
    with pytest.raises(DataError, match="found 3 and 1"):
        pseudobulk_test(sums.iloc[:4], compared[:4])
    with pytest.raises(DataError, match="cannot be told from"):
        pseudobulk_test(sums, compared, pd.DataFrame({"batch": np.where(compared, "x", "y")}, index=sums.index))
    with pytest.raises(DataError, match="too few"):
        pseudobulk_test(
            sums.iloc[1:5],
            compared[1:5],
            pd.DataFrame({"a": ["x", "y", "x", "y"], "b": [1.0, 2, 5, 3]}, index=sums.index[1:5]),
        )


def test_tests_of_cells_are_scanpys_own_results():
    dense = RNG.gamma(2, 1, (50, 9)).astype(np.float32)
    dense[dense < 1] = 0
    compared = np.arange(50) < 20
    dense[compared, 3] += 2
    values, genes = sparse.csr_matrix(dense), pd.Index([f"g{i}" for i in range(9)])
    for method in ("wilcoxon", "t-test"):
        adata = ad.AnnData(
            values.copy(),
            obs=pd.DataFrame({"c": pd.Categorical(np.where(compared, "b", "a"))}, index=[str(i) for i in range(50)]),
        )
        adata.var_names = genes
        adata.uns["log1p"] = {"base": None}
        sc.tl.rank_genes_groups(adata, "c", groups=["b"], reference="a", method=method)
        expected = sc.get.rank_genes_groups_df(adata, "b").set_index("names").loc[genes]
        found = cell_test(values, genes, compared, method=method)
        for ours, theirs in (
            ("statistic", "scores"),
            ("p_value", "pvals"),
            ("p_value_adjusted", "pvals_adj"),
            ("log2_fold_change", "logfoldchanges"),
        ):
            np.testing.assert_allclose(found[ours], expected[theirs], rtol=1e-5)
    first, second = expressed(values, ~compared, compared)
    np.testing.assert_allclose(first, (dense[~compared] > 0).mean(axis=0))
    np.testing.assert_allclose(second, (dense[compared] > 0).mean(axis=0))


def test_strength_by_hand():
    table = pd.DataFrame({"log2_fold_change": [-2.0, 3, 1], "p_value": [0.01, 0.0, np.nan]})
    assert strength(table).tolist() == pytest.approx([4.0, 900.0, 0.0])


def test_planted_genes_are_found_and_false_ones_stay_below_their_level():
    """20 made-up studies: pseudobulk finds what was planted at its nominal FDR; tests of cells do not."""
    false_rates, cell_rates, nominal = [], [], []
    for seed in range(20):
        study = simulate_blood(BloodConfig(seed=seed, n_cells=2400))
        planted = study.var["planted_severe"].to_numpy()
        kept = np.flatnonzero((planted != 0) | (np.arange(study.n_vars) % 3 == 0))
        cells = ((study.obs["cell_type"] == TARGET) & study.obs["condition"].isin(["healthy", "severe"])).to_numpy()
        counts = sparse.csr_matrix(study.layers["counts"])[cells]
        donors = pd.Categorical(study.obs["donor_id"][cells]).remove_unused_categories()
        condition = study.obs["condition"][cells].to_numpy() == "severe"
        sums = pd.DataFrame(
            pseudobulk(counts[:, kept], donors.codes, len(donors.categories)),
            index=list(donors.categories),
            columns=study.var_names[kept],
        )
        of_donor = np.array([condition[donors.codes == code][0] for code in range(len(donors.categories))])
        found, _ = pseudobulk_test(sums, of_donor)
        truth = planted[kept]
        called = (found["p_value_adjusted"] <= 0.05).to_numpy()
        assert (called & (truth != 0)).sum() >= 0.9 * (truth != 0).sum()
        right = np.sign(found["log2_fold_change"].to_numpy()) == np.sign(truth)
        assert right[called & (truth != 0)].all()
        false_rates.append((called & (truth == 0)).sum() / max(called.sum(), 1))
        nominal.append((found["p_value"][truth == 0] <= 0.05).mean())
        scaled = counts.multiply(1e4 / counts.sum(axis=1)).tocsr()
        scaled.data = np.log1p(scaled.data).astype(np.float32)
        by_cell = cell_test(scaled[:, kept], study.var_names[kept], condition)
        wrong = (by_cell["p_value_adjusted"] <= 0.05).to_numpy()
        cell_rates.append((wrong & (truth == 0)).sum() / wrong.sum())
    assert np.mean(false_rates) <= 0.05
    assert np.mean(nominal) <= 0.05
    assert np.mean(cell_rates) > 0.15
