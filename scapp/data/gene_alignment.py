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
    """Where a model's genes stand in a query.

    Parameters
    ----------
    by
        What matched: ``names``, ``ids`` or ``symbols``.
    places
        Column of the query for each of the model's genes, int64, shape (n_model_genes,); -1 where it has none.
    n_query_genes
        Columns of the query.
    """

    by: str
    places: np.ndarray
    n_query_genes: int

    @property
    def there(self) -> np.ndarray:
        """Which of the model's genes the query has, bool, shape (n_model_genes,)."""
        return self.places >= 0

    def of(self, values: Any) -> sparse.csr_matrix:
        """Columns in the model's order, CSR, shape (n_cells, n_model_genes); zero where a gene is missing.

        Parameters
        ----------
        values
            Of the query's genes, CSR or dense, shape (n_cells, n_query_genes).
        """
        found = np.flatnonzero(self.there)
        spread = sparse.csr_matrix(
            (np.ones(len(found), dtype=np.float32), (self.places[found], found)),
            shape=(self.n_query_genes, len(self.places)),
        )
        return sparse.csr_matrix(sparse.csr_matrix(values) @ spread)


def align(query: GeneNames, model: GeneNames) -> Aligned:
    """Find a model's genes in a query, by the kind of name that finds most of them.

    Parameters
    ----------
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
    return Aligned(by, found[by], len(query.names))
