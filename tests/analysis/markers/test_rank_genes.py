"""Marker genes against scipy, gene by gene."""

import numpy as np
import pandas as pd
import pytest
import scanpy as sc
from anndata import AnnData
from scipy import sparse, stats

from scapp.analysis.de.gene_tables import strongest
from scapp.analysis.markers.rank_genes import COLUMNS, rank_genes
from scapp.core.errors import DataError
from scapp.data.blocks import blocked_matrix

RNG = np.random.default_rng(0)
GENES = pd.Index([f"g{i}" for i in range(8)])
GROUPS = pd.Categorical(["a"] * 20 + ["b"] * 25 + ["c"] * 15)


def values():
    dense = RNG.gamma(2, 1, size=(60, 8))
    dense[:20, 2] += 3
    dense[20:45, 5] += 2
    return sparse.csr_matrix(dense.astype(np.float32))


def test_wilcoxon_agrees_with_scipy_and_adjusts_by_hand():
    matrix = values()
    table = rank_genes(matrix, GENES, GROUPS)
    assert tuple(table.columns) == COLUMNS
    dense = matrix.toarray().astype(float)
    for group in "abc":
        part = table[table["group"] == group].set_index("gene")
        here = np.asarray(group == GROUPS)
        reference = np.array(
            [
                stats.mannwhitneyu(dense[here, j], dense[~here, j], method="asymptotic", use_continuity=False).pvalue
                for j in range(8)
            ]
        )
        np.testing.assert_allclose(part["p_value"][GENES], reference, rtol=1e-3)
        np.testing.assert_allclose(part["p_value_adjusted"][GENES], stats.false_discovery_control(reference), rtol=1e-3)
        fold = np.log2((np.expm1(dense[here].mean(axis=0)) + 1e-9) / (np.expm1(dense[~here].mean(axis=0)) + 1e-9))
        np.testing.assert_allclose(part["log2_fold_change"][GENES], fold, rtol=1e-3)
        np.testing.assert_allclose(part["mean_elsewhere"][GENES], dense[~here].mean(axis=0), rtol=1e-4)
    assert table[table["group"] == "a"]["gene"].iloc[0] == "g2"


def test_one_group_against_another_leaves_the_rest_out():
    matrix = values()
    table = rank_genes(matrix, GENES, GROUPS, reference="b")
    assert table["group"].cat.categories.tolist() == ["a", "c"]
    dense = matrix.toarray().astype(float)
    row = table[(table["group"] == "a") & (table["gene"] == "g2")].iloc[0]
    expected = stats.mannwhitneyu(dense[:20, 2], dense[20:45, 2], method="asymptotic", use_continuity=False)
    assert row["p_value"] == pytest.approx(expected.pvalue, rel=1e-3)
    assert row["mean_elsewhere"] == pytest.approx(dense[20:45, 2].mean(), rel=1e-4)


@pytest.mark.parametrize("reference", ["rest", "b"])
@pytest.mark.parametrize("method", ["wilcoxon", "t-test"])
def test_all_statistics_are_scanpys_wherever_blocks_begin(method, reference, monkeypatch):
    monkeypatch.setattr(blocked_matrix, "ENTRIES", 90)
    counts = RNG.poisson(RNG.gamma(0.5, 1, 40), (60, 40)).astype(np.float32)
    counts[:, 3] = 0  # a gene that nobody has
    counts[:, 4] = 1  # and one that all cells have alike
    matrix = sparse.csr_matrix(np.log1p(counts))
    genes = pd.Index([f"g{i}" for i in range(40)])
    table = rank_genes(matrix, genes, GROUPS, method=method, reference=reference)
    adata = AnnData(matrix, obs=pd.DataFrame({"group": GROUPS}, index=[f"c{i}" for i in range(60)]))
    adata.var_names, adata.uns["log1p"] = genes, {"base": None}
    sc.tl.rank_genes_groups(adata, "group", method=method, reference=reference)
    found = adata.uns["rank_genes_groups"]
    for group in table["group"].cat.categories:
        part = table[table["group"] == group]
        assert (np.diff(part["score"]) <= 0).all()
        part = part.set_index("gene").loc[found["names"][group]]
        columns = {"scores": "score", "pvals": "p_value", "pvals_adj": "p_value_adjusted"}
        for theirs, own in {**columns, "logfoldchanges": "log2_fold_change"}.items():
            np.testing.assert_allclose(part[own], found[theirs][group], rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("reference", ["rest", "b"])
def test_stored_zeros_are_no_values(reference):
    dense = RNG.poisson(0.7, (60, 12)).astype(np.float32)
    stored = sparse.csr_matrix(dense)
    stored.data[::5] = 0
    clean = sparse.csr_matrix(stored.toarray())
    assert stored.nnz > clean.nnz
    genes = pd.Index([f"g{i}" for i in range(12)])
    found = [rank_genes(matrix, genes, GROUPS, reference=reference) for matrix in (stored, clean)]
    pd.testing.assert_frame_equal(*found)
    assert (stored.data == 0).any()  # what was given is not changed


def test_a_gene_that_is_constant_in_each_group_and_differs_is_infinitely_different():
    dense = np.zeros((60, 8), dtype=np.float32)
    dense[:20, 0] = 1
    table = rank_genes(sparse.csr_matrix(dense), GENES, GROUPS, method="t-test", reference="b").set_index("gene")
    told = table[table["group"] == "a"].loc["g0"]
    assert (told["score"], told["p_value"]) == (np.inf, 0)
    alike = table[table["group"] == "a"].loc["g1"]
    assert (alike["score"], alike["p_value"]) == (0, 1)


def test_progress_is_told_and_nothing_else_is_printed(monkeypatch, capfd):
    monkeypatch.setattr(blocked_matrix, "ENTRIES", 90)
    told = []
    rank_genes(values(), GENES, GROUPS, report=lambda done, total: told.append((done, total)))
    assert told[0] == (0, 8)
    assert len(told) > 3
    assert capfd.readouterr() == ("", "")


def test_shares_count_cells_with_any_count():
    dense = np.zeros((6, 8), dtype=np.float32)
    dense[0, 0] = dense[1, 0] = dense[5, 0] = 2
    dense[:, 1] = 1
    table = rank_genes(sparse.csr_matrix(dense), GENES, pd.Categorical(["a"] * 3 + ["b"] * 3))
    row = table[(table["group"] == "a") & (table["gene"] == "g0")].iloc[0]
    assert row["share_in_group"] == pytest.approx(2 / 3)
    assert row["share_elsewhere"] == pytest.approx(1 / 3)


def test_groups_of_one_cell_and_cells_without_a_group_are_left_out():
    groups = pd.Categorical(["a"] * 30 + ["b"] * 28 + ["single"] + [None])
    table = rank_genes(values(), GENES, groups)
    assert table["group"].cat.categories.tolist() == ["a", "b"]
    with pytest.raises(DataError, match="two groups of 2 cells"):
        rank_genes(values(), GENES, pd.Categorical(["a"] * 60))
    with pytest.raises(DataError, match="two groups"):
        rank_genes(values(), GENES, pd.Categorical(["a"] * 59 + ["b"]))


def test_thresholds():
    table = rank_genes(values(), GENES, GROUPS)
    top = strongest(table, 1)
    assert dict(zip(top["group"], top["gene"], strict=True)) == {"a": "g2", "b": "g5"}
    assert not len(strongest(table, 5, max_p=0))
