"""Is a promise of few wrong names kept? ``python -m benchmarks.wrong_names FILE... --hold-out none donor ...``.

Trains ``lr`` without a component on each file, a quarter of the cells (or whole groups of them) being the test, chooses
the threshold for ``--most-wrong`` on validation cells as the app does, and prints as Markdown what it means on the test
cells.
"""

import argparse
from pathlib import Path

import numpy as np

from benchmarks.few_labels import load


def main() -> None:
    from scapp.classify.classifier import CellTypeClassifier
    from scapp.classify.config import ClassifierConfig
    from scapp.core.errors import DataError
    from scapp.metrics.rejection import among_named

    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("files", type=Path, nargs="+")
    parser.add_argument("--hold-out", nargs="+", required=True, help="a column for each file, or none")
    parser.add_argument("--most-wrong", type=float, default=0.05)
    parser.add_argument("--seeds", type=int, default=3)
    given = parser.parse_args()
    print("| set | held out | named | wrong among all | wrong among named | seeds without a threshold |")
    print("| --- | --- | --- | --- | --- | --- |")
    for file, column in zip(given.files, given.hold_out, strict=True):
        adata, codes = load(file)
        adata.obs["type"] = [f"{code:04d}" for code in codes]
        found, without = [], 0
        for seed in range(given.seeds):
            key = None if column == "none" else column
            config = ClassifierConfig(component="none", test_share=0.25, hold_out_key=key, seed=seed)
            classifier = CellTypeClassifier(config).fit(adata, "type")
            assert classifier.split is not None
            assert classifier.test_probabilities is not None
            said, truth = classifier.test_probabilities, codes[classifier.split.test]
            right = np.array([int(name) for name in classifier.types])[said.argmax(axis=1)] == truth
            try:
                threshold = classifier.threshold_for(given.most_wrong)
            except DataError:
                without += 1
                continue
            of_named = among_named(said.max(axis=1), right, threshold)
            found.append((of_named["share_named"], 1 - right.mean(), of_named["wrong"]))
        means = " | ".join(f"{value:.3f}" for value in np.mean(found, axis=0)) if found else " |  | "
        print(f"| {file.stem} | {column} | {means} | {without} |", flush=True)


if __name__ == "__main__":
    main()
