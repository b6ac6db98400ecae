"""Gene sets in the names of a dataset's genes: needs nothing that loads slowly."""

from scapp.analysis.de.gene_sets import GeneMatcher, load_library, matched
from scapp.core import keys
from scapp.steps.step import Reading


def matcher_of(data: Reading) -> GeneMatcher:
    """Finds the genes of a dataset by name, symbol or Ensembl id."""
    return GeneMatcher(data.gene_names())


def sets_of(data: Reading, library: str) -> tuple[dict[str, list[str]], dict[str, str]]:
    """Sets in the names of the dataset's genes, and their titles."""
    sets = load_library(library)
    names = data.names(keys.VAR_NAMES)
    positions = matched(sets, matcher_of(data))
    return {id: names[found].tolist() for id, found in positions.items()}, {s.id: s.title for s in sets}
