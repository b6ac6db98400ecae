"""Whether values of genes can be compared between cells."""

from scapp.core import keys
from scapp.core.errors import DataError
from scapp.steps.step import Reading


def require_log_values(data: Reading) -> None:
    """Refuse what has no normalised values, or scaled ones.

    Raises
    ------
    DataError
        Naming what to click.
    """
    data.require(keys.X, "Comparing genes between cells needs normalised values.")
    if data.source.get("units") == "scaled":
        raise DataError(
            "These are scaled values, whose fold changes mean nothing.",
            hint="Import the raw counts, then compare genes.",
        )
