"""What names of cells tell: the library that a barcode comes from."""

import pandas as pd

NUMBERED = r"^[ACGTN]{10,}(?:-\d{1,3})?-(\d{1,3})$"
"""A 10x barcode with the number that Cell Ranger, or anndata on joining, puts behind it."""


def libraries(names: pd.Index) -> pd.Categorical | None:
    """The library of each cell, where barcodes are numbered by library.

    Parameters
    ----------
    names
        Of the cells.

    Returns
    -------
    Numbers as categories in their order, shape (n_cells,); None where a name is no numbered barcode, or all have the
    same number.

    Examples
    --------
    >>> libraries(pd.Index(["AAACCTGAGAAACCAT-1", "AAACCTGAGAAACCAT-2"])).tolist()
    ['1', '2']
    """
    numbers = pd.Series(names, dtype=str).str.extract(NUMBERED, expand=False)
    if numbers.isna().any() or numbers.nunique() < 2:
        return None
    return pd.Categorical(numbers, categories=sorted(numbers.unique(), key=int))
