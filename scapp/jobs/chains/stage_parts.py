"""What stages of several plans share: when groups can be compared, and what was done, in words."""

from collections.abc import Callable, Mapping
from typing import Any

import pandas as pd

from scapp.core.errors import count
from scapp.workspace.datasets.dataset import Dataset

LEAST_CELLS = 2


def has_groups(slot: str) -> Callable[[Dataset], bool]:
    """Whether genes can be compared between the groups of a column: there are two of them, and values that mean
    something by themselves.
    """

    def applies(dataset: Dataset) -> bool:
        groups = int((pd.Categorical(dataset.read(slot)).value_counts() >= LEAST_CELLS).sum())
        return groups > 1 and dataset.source.get("units") != "scaled"

    return applies


def mapped(config: Mapping[str, Any], summary: Mapping[str, Any]) -> str:
    """What the step ``map`` did."""
    return (
        f"{count(summary['n_clusters'], 'Leiden cluster')} at resolution {config['resolution']:g}; the map keeps"
        f" {100 * summary['neighbours_kept']:.0f}% of each cell's nearest neighbours."
    )


def marked(config: Mapping[str, Any], summary: Mapping[str, Any]) -> str:
    """What the step ``markers`` did."""
    test = {"wilcoxon": "the Wilcoxon test", "t-test": "the t-test"}[config["method"]]
    return f"{summary['n_genes']:,} genes were compared in {count(summary['n_groups'], 'group')} by {test}."
