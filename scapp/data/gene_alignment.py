"""Finding a model's genes in another dataset."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy import sparse

from scapp.data.symbols import GeneNames, gene_key

LEAST_COVERED = 0.1
"""Share of a model's input that a dataset must have genes for."""


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


def align(counts: Any, query: GeneNames, model: GeneNames) -> Aligned:
    """Bring a query's columns into a model's order, by the kind of name that finds most genes.

    Parameters
    ----------
    counts
        Of the query, CSR or dense, shape (n_cells, n_query_genes).
    query, model
        Their genes. Names match without regard to case and to the version of an Ensembl id; of a gene that
        stands twice, the first is taken.
    """
    found: dict[str, np.ndarray] = {}
    for kind in ("names", "ids", "symbols"):
        places: dict[str, int] = {}
        for place, name in enumerate(getattr(query, kind)):
            if name:
                places.setdefault(gene_key(name), place)
        wanted = getattr(model, kind)
        found[kind] = np.array([places.get(gene_key(name), -1) if name else -1 for name in wanted], dtype=np.int64)
    by = max(found, key=lambda kind: int((found[kind] >= 0).sum()))
    places_found = found[by]
    there = places_found >= 0
    chosen = sparse.csc_matrix(counts)[:, places_found[there]]
    spread = sparse.csr_matrix(
        (np.ones(there.sum(), dtype=np.float32), (np.arange(there.sum()), np.flatnonzero(there))),
        shape=(int(there.sum()), len(there)),
    )
    return Aligned(sparse.csr_matrix(chosen @ spread), by, there)
