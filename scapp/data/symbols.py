"""Names of genes: symbols and ids, wherever a file keeps them, and the groups that quality control looks at."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

SYMBOL_COLUMNS = ("feature_name", "gene_symbols", "gene_symbol", "gene_name", "symbol", "gene_short_name", "Gene")

ID_COLUMNS = ("gene_ids", "gene_id", "feature_id", "ensembl_id", "ensembl_gene_id", "Accession", "ENSEMBL")

PATTERNS = {
    "ribo": r"^(?:[a-z0-9.]+_+)?rp[sl]\d",
    "ercc": r"^(?:[a-z0-9.]+_+)?ercc-\d",
}
"""Ribosomal and spike-in genes; matched without regard to case (RPL3, Rpl3). Mitochondrial ones have a module."""


_ID_FIRST = r"^ENS[A-Z]*G\d+(?:\.\d+)?[._|-]([A-Za-z].*)$"
_ID_LAST = r"^(.+)[._|-]ENS[A-Z]*G\d+(?:\.\d+)?$"


def gene_symbols(names: Sequence[str] | pd.Index, var: pd.DataFrame) -> pd.Index:
    """Symbols of genes: from a known column of ``var`` where there is one, else the names, without an Ensembl id that
    is joined to them.
    """
    for column in SYMBOL_COLUMNS:
        if column in var:
            symbols = var[column].astype(object).where(var[column].notna(), np.asarray(names, dtype=object))
            return pd.Index(symbols.astype(str))
    plain = pd.Series(names).astype(str)
    return pd.Index(plain.str.replace(_ID_FIRST, r"\1", regex=True).str.replace(_ID_LAST, r"\1", regex=True))


@dataclass(frozen=True)
class GeneNames:
    """Genes by every name that they have; lists of equal length.

    Parameters
    ----------
    names
        As in ``var_names``.
    symbols
        For people.
    ids
        Ensembl ids without version, or empty where there are none.
    """

    names: list[str]
    symbols: list[str]
    ids: list[str]


def gene_names(names: Sequence[str] | pd.Index, var: pd.DataFrame) -> GeneNames:
    """Every name that a dataset has for its genes."""
    index = pd.Index(names).astype(str)
    ids = next((var[column].astype(str) for column in ID_COLUMNS if column in var), None)
    if ids is None:
        ids = pd.Series(np.where(index.str.match(r"^(?:ENS[A-Z]*G|WBGene|FBgn)\d+"), index, ""))
    without_version = ids.str.replace(r"\.\d+$", "", regex=True)
    return GeneNames(index.tolist(), gene_symbols(index, var).tolist(), without_version.tolist())


_VERSIONED = re.compile(r"^(ENS[A-Z]*G\d+)\.\d+$")


def gene_key(name: str) -> str:
    """A name as it is compared: in capitals (human ISG15, mouse Isg15), an Ensembl id without its version."""
    upper = str(name).upper()
    versioned = _VERSIONED.match(upper)
    return versioned[1] if versioned else upper


def gene_group(symbols: pd.Index, group: str) -> np.ndarray:
    """Which genes belong to a group of ``PATTERNS``, bool, shape (n_genes,)."""
    return np.asarray(symbols.str.contains(PATTERNS[group], case=False, regex=True))
