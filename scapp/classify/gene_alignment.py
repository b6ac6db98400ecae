"""Finding a model's genes in another dataset."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from scipy import sparse

from scapp.data.symbols import ID_COLUMNS, gene_symbols


@dataclass(frozen=True)
class Genes:
    """Genes by every name that they have.

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


def genes_of(names: Any, var: pd.DataFrame) -> Genes:
    """Every name that a dataset has for its genes."""
    names = pd.Index(names).astype(str)
    ids = next((var[column].astype(str) for column in ID_COLUMNS if column in var), None)
    if ids is None:
        ids = pd.Series(np.where(names.str.match(r"^ENS[A-Z]*G\d+"), names, ""))
    without_version = ids.str.replace(r"\.\d+$", "", regex=True)
    return Genes(names.tolist(), gene_symbols(names, var).tolist(), without_version.tolist())


@dataclass(frozen=True)
class Aligned:
    """A query's counts in a model's order.

    Parameters
    ----------
    counts
        CSR, shape (n_cells, n_model_genes); zero where a gene is missing.
    by
        What matched: ``names``, ``ids`` or ``symbols``.
    there
        Which of the model's genes the query has, bool, shape (n_model_genes,).
    """

    counts: sparse.csr_matrix
    by: str
    there: np.ndarray


def align(counts: Any, query: Genes, model: Genes) -> Aligned:
    """Bring a query's columns into a model's order, by the kind of name that finds most genes.

    Parameters
    ----------
    counts
        Of the query, CSR or dense, shape (n_cells, n_query_genes).
    query, model
        Their genes. Symbols match without regard to case; of a gene that stands twice, the first is taken.
    """
    found: dict[str, np.ndarray] = {}
    for kind in ("names", "ids", "symbols"):
        places: dict[str, int] = {}
        for place, name in enumerate(getattr(query, kind)):
            if name:
                places.setdefault(name.upper(), place)
        wanted = getattr(model, kind)
        found[kind] = np.array([places.get(name.upper(), -1) if name else -1 for name in wanted], dtype=np.int64)
    by = max(found, key=lambda kind: int((found[kind] >= 0).sum()))
    places_found = found[by]
    there = places_found >= 0
    chosen = sparse.csc_matrix(counts)[:, places_found[there]]
    spread = sparse.csr_matrix(
        (np.ones(there.sum(), dtype=np.float32), (np.arange(there.sum()), np.flatnonzero(there))),
        shape=(int(there.sum()), len(there)),
    )
    return Aligned(sparse.csr_matrix(chosen @ spread), by, there)
