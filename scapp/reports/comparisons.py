"""The comparisons of conditions and their pathways that a dataset holds, the newest first."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from types import MappingProxyType
from typing import Any

from scapp.core import keys
from scapp.workspace.datasets.dataset import Dataset
from scapp.workspace.datasets.elements import read_element

STEP = "enrich"


@dataclass(frozen=True)
class Comparison:
    """One comparison of two conditions within a cell type.

    Parameters
    ----------
    name
        Of the result.
    about
        What was compared with what, and how, as the step ``de`` writes it.
    """

    name: str
    about: Mapping[str, Any]

    @property
    def cell_type(self) -> str:
        """Title of the cells."""
        return str(self.about["cell_type"])

    @property
    def compared(self) -> str:
        """The condition that was compared with the reference."""
        return str(self.about["compared"])


def names_of(dataset: Dataset) -> list[str]:
    """Names of the comparisons."""
    return sorted(keys.differentials(dataset.slots), key=lambda name: -dataset.slots[keys.differential(name)].version)


def comparisons_of(dataset: Dataset, cell_type: str, reference: str) -> dict[str, Comparison]:
    """Condition -> its newest comparison with a reference within a cell type."""
    found: dict[str, Comparison] = {}
    for each in _all(dataset):
        if each.cell_type == cell_type and str(each.about["reference"]) == reference:
            found.setdefault(each.compared, each)
    return found


def types_compared(dataset: Dataset) -> list[str]:
    """Cell types that have a comparison."""
    return list(dict.fromkeys(each.cell_type for each in _all(dataset)))


def pathways_of(dataset: Dataset, comparison: str) -> list[str]:
    """Names of a comparison's pathway results that were made here; of those that came with a file nobody knows the
    settings.
    """
    names = [
        key.removeprefix("enrichment_")
        for key in keys.names_in(dataset.slots, "uns")
        if key.startswith(f"enrichment_{comparison} · ")
        and dataset.manifest.provenance[dataset.slots[f"uns/{key}"].provenance].step == STEP
    ]
    return sorted(names, key=lambda name: -dataset.slots[keys.enrichment(name)].version)


def _all(dataset: Dataset) -> list[Comparison]:
    slots = ((name, keys.about_differential(name)) for name in names_of(dataset))
    elements = ((name, dataset.slots[slot].element) for name, slot in slots if slot in dataset)
    return [Comparison(name, _about(dataset.folder / "elements" / element)) for name, element in elements]


@lru_cache(maxsize=4096)
def _about(element: Path) -> Mapping[str, Any]:
    """Elements never change; a study may have hundreds, of which each panel looks at all."""
    return MappingProxyType(read_element(element))
