"""Do circles that compete name cells better than logistic regression, and is it the contrast that does it?

``python -m benchmarks.competing_circles FOLDER --side choosing|reporting --seeds N``: of each set of a side (see
``benchmarks.clear_default``), with at most 3,000 cells, a quarter of the cells of each type is the test, or whole
groups where ``HELD_OUT`` names a column; of the others a tenth validates and all, or at most 60 a type, are trained on.
Prints means over sets and seeds as Markdown; writes every row as CSV with ``-o``.
"""

import argparse
import os
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from benchmarks.clear_default import SIDES
from benchmarks.few_labels import load

HELD_OUT = {"kang_pbmc_ifnb_donors": "donor", "pancreas_3studies": "batch", "tms_mouse_liver_age": "plate"}
TRAINED_ON = {"60 a type": 60, "all": None}
RARE = 60
"""A type with fewer training cells is rare."""
DROPPED = 0.6
WAYS: dict[str, dict[str, Any]] = {
    "lr": {"component": "none"},
    "lr + MLS-CC": {"component": "mls"},
    "competing": {"component": "competing"},
    "competing, not trained": {"component": "competing", "steps": 1, "learning_rate": 1e-9},
    "competing, no copies": {"component": "competing", "lossy_copies": False},
    "competing, random start": {"component": "competing", "start": "random"},
}
"""Settings of each way; scikit-learn's logistic regression (C = 1) stands beside them."""


def split_of(codes: np.ndarray, groups: np.ndarray | None, most: int | None, seed: int) -> Any:
    """Training, validation and test cells."""
    from scapp.classify.splits import Split, group_split, stratified_split

    shares = {"valid_share": 0.1, "test_share": 0.25, "seed": seed}
    whole = stratified_split(codes, **shares) if groups is None else group_split(codes, groups, **shares)
    if most is None:
        return whole
    order = np.random.default_rng(seed).permutation(whole.train)
    kept = [order[codes[order] == code][:most] for code in np.unique(codes[whole.train])]
    return Split(np.sort(np.concatenate(kept)), whole.valid, whole.test)


def measured(file: Path, trained_on: str, seed: int, ways: list[str]) -> list[dict[str, Any]]:
    """All rows of one set, one size and one seed; ``lr`` is the first way."""
    import threadpoolctl
    import torch
    from sklearn.linear_model import LogisticRegression

    from scapp.classify.classifier import CellTypeClassifier
    from scapp.classify.config import ClassifierConfig
    from scapp.classify.experiment.reference_classifiers import spread
    from scapp.data.corruption import drop_counts
    from scapp.data.symbols import gene_names

    torch.set_num_threads(1)  # one process a core, and equal results
    threadpoolctl.threadpool_limits(1)
    adata, codes = load(file)
    column = HELD_OUT.get(file.stem)
    groups = None if column is None else adata.obs[column].astype(str).to_numpy()
    split = split_of(codes, groups, TRAINED_ON[trained_on], seed)
    types = [f"{code:04d}" for code in range(codes.max() + 1)]
    genes, counts = gene_names(adata.var_names, adata.var), adata.X.tocsr()
    lossy = drop_counts(counts[split.test], DROPPED, seed)
    base, rows = None, []
    for way in ways:
        settings = WAYS[way]
        model = CellTypeClassifier(ClassifierConfig(seed=seed, **settings), types=types)
        found = model.fit_split(counts, codes, genes, split, base=base)
        base = base or found
        assert model.preparation is not None
        assert model.test_probabilities is not None
        said = {way: (model.test_probabilities, model.predict_counts(lossy, genes)[0])}
        if way == "lr":
            inputs, missing = model.preparation.apply(counts), model.preparation.apply(lossy)
            fitted = LogisticRegression(max_iter=1000).fit(inputs[split.train], codes[split.train])
            said["LR"] = tuple(
                spread(fitted.predict_proba(part), codes[split.train], len(types))
                for part in (inputs[split.test], missing)
            )
        rows += [
            {"set": file.stem, "trained_on": trained_on, "seed": seed, "way": name}
            | _figures(codes, split, *probabilities)
            | {"step": model.metrics.get("component_step", np.nan) if name == way else np.nan}
            for name, probabilities in said.items()
        ]
    return rows


def _figures(codes: np.ndarray, split: Any, probabilities: np.ndarray, lossy: np.ndarray) -> dict[str, float]:
    from scapp.metrics.by_type import headline, per_type

    truth, n_train = codes[split.test], np.bincount(codes[split.train], minlength=probabilities.shape[1])
    by_type = per_type(truth, probabilities)["auprc"].to_numpy()
    rare = (n_train < RARE) & np.isfinite(by_type)
    found = headline(truth, probabilities)
    return {
        "macro_f1": float(found["macro_f1"]),
        "mean_auprc": float(found["mean_auprc"]),
        "rare_auprc": float(by_type[rare].mean()) if rare.any() else np.nan,
        "macro_f1_dropped": float(headline(truth, lossy)["macro_f1"]),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--side", choices=list(SIDES), default="reporting")
    parser.add_argument("--sets", nargs="*", help="only these")
    parser.add_argument("--ways", nargs="*", choices=list(WAYS), default=list(WAYS)[1:], help="beside LR and lr")
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("-o", "--output", type=Path)
    given = parser.parse_args()
    names = [name for name in SIDES[given.side] if not given.sets or name in given.sets]
    files = [file for name in names if (file := given.folder / f"{name}.h5ad").exists()]
    ways = ["lr", *(way for way in given.ways if way != "lr")]
    with ProcessPoolExecutor(os.cpu_count()) as pool:
        jobs = [
            pool.submit(measured, file, size, seed, ways)
            for file in files
            for size in TRAINED_ON
            for seed in range(given.seeds)
        ]
        table = pd.DataFrame([row for job in jobs for row in job.result()])
    if given.output is not None:
        table.to_csv(given.output, index=False)
    for size, part in table.groupby("trained_on", sort=False):
        report(str(size), part, given.seeds)


def report(size: str, part: pd.DataFrame, seeds: int) -> None:
    """Means over sets, and the set that changes worst, as Markdown."""
    figures = ["macro_f1", "mean_auprc", "rare_auprc", "macro_f1_dropped"]
    means = part.groupby(["way", "set"])[figures].mean()
    f1 = means["macro_f1"].unstack(0)
    best = f1[["LR", "lr"]].max(axis=1)
    print(f"\n**Trained on {size}, {part['set'].nunique()} sets, {seeds} seeds**\n")
    print(
        "| | macro F1 | mean AUPRC | AUPRC of rare types | macro F1, 60% of counts lost |"
        " least change of F1 against the better of LR and lr |"
    )
    print("| --- | --- | --- | --- | --- | --- |")
    for way in part["way"].unique():
        mean, worst = means.loc[way].mean(), (f1[way] - best).idxmin()
        cells = " | ".join(f"{mean[name]:.3f}" for name in figures)
        print(f"| {way} | {cells} | {(f1[way] - best)[worst]:+.3f} ({worst}) |")


if __name__ == "__main__":
    main()
