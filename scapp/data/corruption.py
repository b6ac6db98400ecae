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


def thin_counts(counts: Any, share: float, seed: int) -> sparse.csr_matrix:
    """Lose each molecule with a chance, as in shallower sequencing.

    Parameters
    ----------
    counts
        Whole numbers, CSR or dense, shape (n_cells, n_genes); left as they are.
    share
        Chance that a molecule is lost, 0 to 1.
    seed
        Of the draws.

    Returns
    -------
    CSR of the same shape and dtype, without stored zeros.

    Raises
    ------
    DataError
        The share is not between 0 and 1, or the values are not counts.
    """
    if not 0 <= share <= 1:
        raise DataError(f"{share:g} is no share.", hint="Choose a share between 0 and 1.")
    left = sparse.csr_matrix(counts, copy=True)
    if (left.data < 0).any() or not np.array_equal(left.data, np.round(left.data)):
        raise DataError(
            "Only molecules can be thinned, and these values are not whole counts.",
            hint="Set entries to zero instead, or import raw counts.",
        )
    kept = np.random.default_rng(seed).binomial(left.data.astype(np.int64), 1 - share)
    left.data = kept.astype(left.data.dtype)
    left.eliminate_zeros()
    return left
