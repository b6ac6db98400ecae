"""Counts made worse on purpose, to see what a method withstands."""

from typing import Any

import numpy as np
from scipy import sparse

from scapp.core.errors import DataError


def drop_counts(counts: Any, share: float, seed: int) -> sparse.csr_matrix:
    """Set an exact share of the non-zero entries to zero, chosen without replacement.

    Parameters
    ----------
    counts
        CSR or dense, shape (n_cells, n_genes); left as it is.
    share
        Of all non-zero entries together, rounded to a whole number of them, 0 to 1.
    seed
        Of the choice.

    Returns
    -------
    CSR of the same shape, without stored zeros.

    Raises
    ------
    DataError
        The share is not between 0 and 1.

    References
    ----------
    CLEAR, section "Dropout" (Figure 2D).
    """
    if not 0 <= share <= 1:
        raise DataError(f"{share:g} is no share.", hint="Choose a share between 0 and 1.")
    left = sparse.csr_matrix(counts, copy=True)
    left.eliminate_zeros()
    lost = np.random.default_rng(seed).permutation(left.nnz)[: round(share * left.nnz)]
    left.data[lost] = 0
    left.eliminate_zeros()
    return left
