"""How long a comparison of conditions takes at 50,000 cells: python -m benchmarks.study_speed.

Times are ratios against a peer on the same data in the same run: sums by sample against scanpy's `aggregate`, the whole
comparison against PyDESeq2 alone on the finished sums, the rank score against scanpy's `score_genes`.
"""

import time
from collections.abc import Callable

import anndata as ad
import numpy as np
import pandas as pd
import scanpy as sc
from scipy import sparse

from scapp.analysis.de.composition import compare_shares, shares_of
from scapp.analysis.de.config import StudyConfig
from scapp.analysis.de.design import make_study
from scapp.analysis.de.differential import cell_test, expressed, pseudobulk, pseudobulk_test
from scapp.analysis.de.gene_set_scores import module_score, rank_scores

N_CELLS, N_GENES, N_DONORS = 50_000, 10_000, 12


def timed(function: Callable[[], object]) -> float:
    start = time.perf_counter()
    function()
    return time.perf_counter() - start


def main() -> None:
    rng = np.random.default_rng(0)
    means = rng.lognormal(-2.5, 1.2, N_GENES)
    counts = sparse.vstack(
        [sparse.csr_matrix(rng.poisson(means, (5000, N_GENES)).astype(np.float32)) for _ in range(N_CELLS // 5000)]
    ).tocsr()
    donor = rng.integers(N_DONORS, size=N_CELLS)
    obs = pd.DataFrame(
        {
            "donor": [f"d{i:02d}" for i in donor],
            "condition": np.where(donor < N_DONORS // 2, "a", "b"),
            "type": rng.choice(list("ABCDE"), N_CELLS),
        },
        index=[str(i) for i in range(N_CELLS)],
    )
    study = make_study(obs, StudyConfig(condition_key="condition", donor_key="donor", cell_type_key="type"))
    assert study.sample is not None
    codes = np.asarray(study.sample.codes)
    names = list(study.sample.categories)
    print(f"composition and its tests: {timed(lambda: compare_shares(shares_of(study), study.conditions)):.2f} s")
    adata = ad.AnnData(counts, obs=obs)
    ours = timed(lambda: pseudobulk(counts, codes, len(names)))
    theirs = timed(lambda: sc.get.aggregate(adata, ["donor", "condition"], func="sum"))
    print(f"sums by sample: {ours:.2f} s, {ours / theirs:.2f} x scanpy's aggregate")
    sums = pseudobulk(counts, codes, len(names))
    first = codes < len(names) // 2
    keep = np.maximum(*expressed(counts, first, ~first)) > 0.05
    table = pd.DataFrame(sums[:, keep], index=names)
    table.columns = table.columns.astype(str)
    fit = timed(lambda: pseudobulk_test(table, np.arange(len(names)) >= len(names) // 2))
    print(f"PyDESeq2 on {keep.sum():,} genes and {len(names)} samples: {fit:.1f} s")
    scaled = counts.copy()
    sc.pp.normalize_total(one := ad.AnnData(scaled), target_sum=1e4)
    sc.pp.log1p(one)
    values = sparse.csr_matrix(one.X)
    by_cell = timed(lambda: cell_test(values[:, keep], pd.Index(table.columns), codes >= len(names) // 2))
    print(f"Wilcoxon on {N_CELLS:,} cells: {by_cell:.1f} s, {by_cell / fit:.2f} x PyDESeq2")
    genes = rng.choice(N_GENES, 40, replace=False)
    module, rank = timed(lambda: module_score(values, genes)), timed(lambda: rank_scores(values, [genes] * 7)) / 7
    print(f"score_genes {module:.2f} s, rank score {rank:.2f} s a set, {rank / module:.1f} x score_genes")


if __name__ == "__main__":
    main()
