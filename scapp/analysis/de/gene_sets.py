"""Gene sets: our own curated ones with their sources, GMT files, lists that people type, and their match with a
dataset's genes.
"""

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from scapp.analysis.de.config import CURATED
from scapp.core.errors import ConfigError, DataError, listed
from scapp.data.formats.decoding import open_text
from scapp.data.symbols import GeneNames, gene_key

CURATED_FILE = Path(__file__).parent / "curated_gene_sets.json"
MOST_BYTES = 60_000_000
SUGGESTED = ("isg", "mhc_i", "mhc_ii", "cytokine_storm", "s100_alarmins", "cell_cycle_s", "cell_cycle_g2m")
"""Scored unless the user chooses others: those of the CLEAR paper's Figure 5, and the cell cycle."""


@dataclass(frozen=True)
class GeneSet:
    """Genes that belong together.

    Parameters
    ----------
    id
        Word for settings and columns.
    title
        Words for people.
    genes
        Symbols or Ensembl ids.
    group
        What it is about, to sort by.
    citation
        Where it comes from; of a file, what the file says.
    """

    id: str
    title: str
    genes: tuple[str, ...]
    group: str = ""
    citation: str = ""


@cache
def _content() -> dict[str, Any]:
    content: dict[str, Any] = json.loads(CURATED_FILE.read_text())
    return content


@cache
def curated() -> tuple[GeneSet, ...]:
    """Our own sets, compiled from the publications that each names (CC0)."""
    return tuple(
        GeneSet(s["id"], s["title"], tuple(s["genes"].split()), s["group"], s["citation"]) for s in _content()["sets"]
    )


@cache
def _other_symbols() -> dict[str, str]:
    """Symbol -> what it was called before, and the other way round (IL8 and CXCL8)."""
    renamed: dict[str, str] = _content()["former_symbols"]
    return renamed | {former: now for now, former in renamed.items()}


def curated_licence() -> str:
    """On which terms the curated lists may be used."""
    return str(_content()["licence"])


def read_gmt(text: str) -> tuple[GeneSet, ...]:
    """Sets of a GMT file: a line per set, with name, description and genes between tabs.

    Raises
    ------
    DataError
        A line is no set, two lines have one name, or there is no set at all.
    """
    found: dict[str, GeneSet] = {}
    for number, line in enumerate(text.removeprefix("\ufeff").splitlines(), start=1):
        if not line.strip():
            continue
        name, *rest = (part.strip() for part in line.split("\t"))
        # gene,weight is how Enrichr writes some libraries
        genes = tuple(dict.fromkeys(part.split(",")[0] for part in rest[1:] if part))
        if name and rest and not genes:
            continue  # a set without genes says nothing
        if not name or not genes:
            raise DataError(
                f"Line {number} is no gene set: '{line[:60]}'.",
                hint="A GMT file has a line per set: name, description and genes, separated by tabs.",
            )
        if name in found:
            raise DataError(f"Two sets are called '{name}' (line {number}).", hint="Give each set its own name.")
        found[name] = GeneSet(name, name, genes, citation=rest[0])
    if not found:
        raise DataError("The file holds no gene set.", hint="Choose a GMT file with a line per set.")
    return tuple(found.values())


def score_titles(table: pd.DataFrame) -> dict[str, str]:
    """Column of a score -> words for people, of the table that says what was scored; each title once."""
    titles: dict[str, str] = {}
    for row in table.itertuples():
        title = str(row.title) + (" (rank)" if row.method == "rank" else "")
        titles[str(row.column)] = f"{title} [{row.column}]" if title in titles.values() else title
    return titles


def write_gmt(sets: Sequence[GeneSet]) -> str:
    """The text of a GMT file."""
    return "".join("\t".join([s.id, s.citation or s.title, *s.genes]) + "\n" for s in sets)


def load_library(library: str) -> tuple[GeneSet, ...]:
    """The curated sets, or those of a GMT file.

    Raises
    ------
    DataError
        There is no such file, or it holds no gene sets.
    """
    if library == CURATED:
        return curated()
    path = Path(library)
    if not path.is_file():
        raise DataError(f"There is no file '{path.name}' of gene sets.", hint="Choose 'curated' or a GMT file.")
    if path.stat().st_size > MOST_BYTES:
        raise DataError(f"'{path.name}' is larger than {MOST_BYTES / 1e6:.0f} MB.", hint="Choose a GMT file.")
    try:
        with open_text(path) as stream:
            return read_gmt(stream.read())
    except DataError as error:
        raise DataError(f"'{path.name}': {error.message}", hint=error.hint) from error


def typed_set(name: str, text: str) -> GeneSet:
    """A list as people type it, separated by spaces, commas, semicolons or lines.

    Raises
    ------
    ConfigError
        No name, or no gene.
    """
    genes = tuple(dict.fromkeys(part for part in re.split(r"[\s,;]+", text) if part))
    name = " ".join(name.split())
    if not name or not genes:
        raise ConfigError("A list needs a name and genes.", hint="Type both, genes separated by spaces or commas.")
    return GeneSet(re.sub(r"\W+", "_", name).strip("_").lower() or "list", name, genes)


def chosen_sets(library: str, names: Sequence[str]) -> tuple[GeneSet, ...]:
    """Sets of a library by their ids; all of them where no name is given.

    Raises
    ------
    ConfigError
        A name that the library does not hold.
    """
    sets = {s.id: s for s in load_library(library)}
    unknown = [name for name in names if name not in sets]
    if unknown:
        raise ConfigError(
            f"There is no gene set {listed(unknown)}; there are {listed(sets)}.", hint="Choose sets of the library."
        )
    return tuple(sets[name] for name in names) if names else tuple(sets.values())


class GeneMatcher:
    """Finds genes by symbol or Ensembl id, without regard to case (human ISG15, mouse Isg15), an id's version, or a
    symbol's change in recent years (IL8, CXCL8).

    Parameters
    ----------
    genes
        Those of a dataset.
    """

    def __init__(self, genes: GeneNames) -> None:
        self._at: dict[str, list[int]] = {}
        for column in (genes.symbols, genes.names, genes.ids):
            for position, name in enumerate(column):
                if not str(name):
                    continue
                places = self._at.setdefault(gene_key(name), [])
                if position not in places:
                    places.append(position)

    def positions(self, genes: Sequence[str]) -> np.ndarray:
        """Where the genes stand, each once, in order; those that are not there are left out."""
        names = [gene_key(gene) for gene in genes]
        other = _other_symbols()
        found = [place for name in names for place in self._at.get(name) or self._at.get(other.get(name, ""), [])]
        return np.array(sorted(set(found)), dtype=np.int64)


def matched(sets: Sequence[GeneSet], matcher: GeneMatcher) -> Mapping[str, np.ndarray]:
    """Set id -> positions of its genes in a dataset.

    Where the description of every set is a gene of the dataset, the file has no descriptions, and what stands there
    counts as a gene.

    Raises
    ------
    DataError
        None of the sets has any gene here.
    """
    # without a column of descriptions, the first gene stands in its place
    bare = all(len(matcher.positions([s.citation])) for s in sets)
    found = {s.id: matcher.positions([s.citation, *s.genes] if bare else s.genes) for s in sets}
    if not any(len(positions) for positions in found.values()):
        examples = [gene for s in sets for gene in s.genes][:3]
        raise DataError(
            f"No gene of these sets ({listed(examples)}, ...) is in this dataset.",
            hint=(
                "Sets and dataset must name genes alike: by symbol, or by Ensembl id. A column 'feature_name' with"
                " symbols is read as well."
            ),
        )
    return found
