"""Which genes are of the mitochondrion, by the names and ids of the organisms that people study."""

import json
import re
from functools import cache
from importlib import resources

import numpy as np
import pandas as pd

from scapp.data.symbols import GeneNames

NAMED = (
    # MT-ND1, mt-Nd1, mt.Nd1 after R, mt:ND1 of the fly, and behind the genome's name in mixtures (GRCh38_MT-ND1)
    re.compile(r"(?:[a-z0-9.]+(?:_+|-+))?mt[-.:_][a-z0-9].*", re.IGNORECASE),
    # Arabidopsis and yeast give their genomes' genes systematic names
    re.compile(r"ATMG\d{5}", re.IGNORECASE),
    re.compile(r"Q0\d{3}[A-Z]?"),
)
_ENZYMES = {"ND": ("1", "2", "3", "4", "4L", "5", "6"), "COX": ("1", "2", "3"), "CO": ("1", "2", "3", "I", "II", "III")}
PLAIN = frozenset(
    [
        *(stem + number for stem, numbers in _ENZYMES.items() for number in numbers),
        *("ATP6", "ATP8", "ATP9", "CYTB", "COB", "OLI1", "ATP-6", "CTB-1", "CTC-1", "CTC-2", "CTC-3", "NDFL-4"),
        *(f"NDUO-{number}" for number in range(1, 7)),
    ]
)
"""Names without a prefix (chicken, zebrafish before Ensembl 80, worm, yeast): believed where two or more are found and
no gene has the prefix, since ``COX2`` alone is also what people call PTGS2."""


@cache
def ids() -> frozenset[str]:
    """Ensembl and WormBase ids of mitochondrial genes, without version."""
    known = json.loads(resources.files("scapp.data").joinpath("mitochondrial_genes.json").read_text(encoding="utf-8"))
    return frozenset(name for genes in known["organisms"].values() for name in genes)


def is_mitochondrial(genes: GeneNames) -> np.ndarray:
    """Which genes are of the mitochondrion, bool, shape (n_genes,).

    Human, mouse, rat, zebrafish, fly and worm are known by symbol and by id; Arabidopsis and yeast by their systematic
    names; chicken by symbol.
    """
    by_id = pd.Index(genes.ids).isin(ids())
    by_name = np.array(
        [_named(name) or _named(symbol) for name, symbol in zip(genes.names, genes.symbols, strict=True)]
    )
    found = by_id | by_name.astype(bool)
    if found.any():
        return np.asarray(found)
    plain = np.array([symbol.upper() in PLAIN for symbol in genes.symbols], dtype=bool)
    # COX1 and COX2 are what people call PTGS1 and PTGS2
    others = {symbol.upper() for symbol in np.asarray(genes.symbols)[plain]} - {"COX1", "COX2"}
    return plain if plain.sum() >= 2 and others else np.zeros(len(genes.names), dtype=bool)


def _named(name: str) -> bool:
    return any(pattern.fullmatch(name) for pattern in NAMED)
