"""Gene symbols, wherever a file keeps them, and the gene groups that quality control looks at."""

from collections.abc import Sequence

import numpy as np
import pandas as pd

SYMBOL_COLUMNS = ("feature_name", "gene_symbols", "gene_symbol", "gene_name", "symbol", "gene_short_name", "Gene")

ID_COLUMNS = ("gene_ids", "gene_id", "feature_id", "ensembl_id", "ensembl_gene_id", "Accession", "ENSEMBL")

PATTERNS = {
    "mt": r"^mt[-.]",
    "ribo": r"^rp[sl]\d",
    "ercc": r"^ercc-\d",
}
"""Mitochondrial, ribosomal and spike-in genes; matched without regard to case (MT-ND1, mt-Nd1)."""


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


def gene_group(symbols: pd.Index, group: str) -> np.ndarray:
    """Which genes belong to a group of ``PATTERNS``, bool, shape (n_genes,)."""
    return np.asarray(symbols.str.contains(PATTERNS[group], case=False, regex=True))
