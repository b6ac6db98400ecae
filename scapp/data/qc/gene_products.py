"""Sums of products of genes over cells, for many cells with few values each: compiled on first use, and kept."""

import numba
import numpy as np


@numba.njit(nogil=True, cache=True)
def add_products(indptr: np.ndarray, indices: np.ndarray, values: np.ndarray, products: np.ndarray) -> None:
    """Add each cell's outer product to the upper triangle of ``products``, shape (n_genes, n_genes).

    Parameters
    ----------
    indptr, indices, values
        Of a CSR matrix with the genes of each cell in order.
    products
        float64; changed in place.
    """
    for cell in range(len(indptr) - 1):
        for one in range(indptr[cell], indptr[cell + 1]):
            row, value = products[indices[one]], np.float64(values[one])  # of float32 the product would be rounded
            for other in range(one, indptr[cell + 1]):
                row[indices[other]] += value * values[other]
