"""Few labels: logistic regression on genes and on PCA, scapp's ``lr``, and ``lr`` with CLEAR beside it.

``python -m benchmarks.few_labels FOLDER --side choosing|reporting --labels 5 20 60 --seeds N``: of each set of a side
(see ``benchmarks.clear_default``), with at most 3,000 cells, a quarter of the cells of each type is the test, and of
the others so many a type have a label. CLEAR is trained once a set, on all of its cells without labels, the test cells
among them. Prints macro F1 and mean AUPRC as Markdown, means over sets and seeds; writes every row as CSV with ``-o``.
"""

import argparse
import os
import tempfile
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from benchmarks.clear_default import MOST_CELLS, SIDES

WAYS = ("LR", "LR on PCA", "lr", "lr × PCA", "lr × CLEAR")
TEST_SHARE = 0.25


def load(file: Path) -> tuple[Any, np.ndarray]:
    """Counts (or other linear values) as AnnData, and codes of the types."""
    from scapp.data.formats.reader import read

    adata = read(file).in_memory()
    labels = pd.Categorical(adata.obs["cell_type" if "cell_type" in adata.obs else "stage"])
    known = np.flatnonzero(labels.codes >= 0)
    if len(known) > MOST_CELLS:
        known = np.sort(np.random.default_rng(0).choice(known, MOST_CELLS, replace=False))
    layers = adata.layers
    adata.X = next((layers[name] for name in ("counts", "expression") if name in layers), adata.X)
    return adata[known].copy(), labels[known].remove_unused_categories().codes.astype(int)


def trained(adata: Any, folder: Path) -> tuple[Any, np.ndarray]:
    """Log-normalised values, PCA of the variable genes; a CLEAR of the default is kept in the folder."""
    from scapp.clear.apply import ClearModel
    from scapp.clear.config import clear_config
    from scapp.clear.train import train_clear
    from scapp.core.step_context import QuietContext
    from scapp.data.config import PrepareConfig
    from scapp.data.qc.preprocessing import normalise
    from scapp.data.qc.principal_components import principal_components
    from scapp.data.qc.variable_genes import highly_variable
    from scapp.data.symbols import gene_names

    values = normalise(adata.X, 1e4)
    genes = highly_variable(values, adata.X, PrepareConfig())
    pca = principal_components(values, genes, PrepareConfig())
    config = clear_config()
    result = train_clear(values[:, genes], config, QuietContext())
    names = gene_names(adata.var_names[genes], adata.var.iloc[np.flatnonzero(genes)])
    parts = (result.moments, result.correction, result.beside)
    ClearModel(config, names, 1e4, dict(result.weights), *parts).save(folder)
    return values, pca


def measured(file: Path, label_counts: list[int], seeds: int) -> list[dict[str, Any]]:
    """All rows of one set."""
    import threadpoolctl
    import torch

    torch.set_num_threads(1)  # one process a core, and equal results
    threadpoolctl.threadpool_limits(1)
    adata, codes = load(file)
    rows = []
    with tempfile.TemporaryDirectory() as place:
        values, pca = trained(adata, Path(place))
        pca = (pca - pca.mean(axis=0)) / np.sqrt(pca.var(axis=0).mean())
        for n_labels in label_counts:
            for seed in range(seeds):
                for way, found in _said(adata, codes, values, pca, Path(place), n_labels, seed).items():
                    rows.append({"set": file.stem, "labels": n_labels, "seed": seed, "way": way, **found})
    return rows


def _said(
    adata: Any, codes: np.ndarray, values: Any, pca: np.ndarray, folder: Path, n_labels: int, seed: int
) -> dict[str, dict[str, float]]:
    """Figures of each way on the same test cells."""
    from sklearn.linear_model import LogisticRegression

    from scapp.classify.classifier import CellTypeClassifier
    from scapp.classify.config import ClassifierConfig
    from scapp.metrics.by_type import headline

    n_types = codes.max() + 1
    generator = np.random.default_rng(seed)
    train, test = [], []
    for code in range(n_types):
        members = generator.permutation(np.flatnonzero(codes == code))
        n_test = max(int(TEST_SHARE * len(members)), 1) if len(members) > 1 else 0
        test.append(members[:n_test])
        train.append(members[n_test : n_test + n_labels])
    known, asked = np.sort(np.concatenate(train)), np.sort(np.concatenate(test))

    def regression(inputs: Any) -> np.ndarray:
        model = LogisticRegression(max_iter=1000).fit(inputs[known], codes[known])
        probabilities = np.zeros((len(asked), n_types))
        probabilities[:, model.classes_] = model.predict_proba(inputs[asked])
        return probabilities

    def classifier(clear: str) -> np.ndarray:
        labelled = adata[known].copy()
        labelled.obs["type"] = pd.Categorical.from_codes(codes[known], [f"{code:04d}" for code in range(n_types)])
        config = ClassifierConfig(component="none", test_share=0.0, clear=clear, seed=seed)
        model = CellTypeClassifier(config).fit(labelled, "type")
        probabilities = np.zeros((len(asked), n_types))
        probabilities[:, [int(name) for name in model.types]] = model.predict_proba(adata[asked])
        return probabilities

    said = {"LR": regression(values), "LR on PCA": regression(pca), "lr": classifier("")}
    said["lr × CLEAR"] = classifier(str(folder))
    said["lr × PCA"] = np.sqrt(said["lr"] * said["LR on PCA"])
    return {way: headline(codes[asked], probabilities) for way, probabilities in said.items()}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--side", choices=list(SIDES), default="reporting")
    parser.add_argument("--labels", type=int, nargs="+", default=[5, 20, 60])
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("-o", "--output", type=Path)
    given = parser.parse_args()
    files = [file for name in SIDES[given.side] if (file := given.folder / f"{name}.h5ad").exists()]
    with ProcessPoolExecutor(os.cpu_count()) as pool:
        jobs = [pool.submit(measured, file, given.labels, given.seeds) for file in files]
        table = pd.DataFrame([row for job in jobs for row in job.result()])
    if given.output is not None:
        table.to_csv(given.output, index=False)
    for n_labels, part in table.groupby("labels"):
        means = part.groupby(["way", "set"])[["macro_f1", "mean_auprc"]].mean()
        print(f"\n**{n_labels} labels a type, {part['set'].nunique()} sets, {given.seeds} seeds**\n")
        print("| | macro F1 | mean AUPRC | least change of F1 against the best of LR, LR on PCA and lr |")
        print("| --- | --- | --- | --- |")
        f1 = means["macro_f1"].unstack(0)
        best = f1[["LR", "LR on PCA", "lr"]].max(axis=1)
        for way in WAYS:
            mean = means.loc[way].mean()
            worst = (f1[way] - best).idxmin()
            print(
                f"| {way} | {mean['macro_f1']:.3f} | {mean['mean_auprc']:.3f} |"
                f" {(f1[way] - best)[worst]:+.3f} ({worst}) |"
            )


if __name__ == "__main__":
    main()
