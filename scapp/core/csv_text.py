"""Tables as CSV that a spreadsheet shows and does not carry out."""

import re
from pathlib import Path

import pandas as pd

_FORMULA = re.compile(r"^[=+\-@\t\r]")
_NUMBER = re.compile(r"^[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?$")
_NEUTRALISED = re.compile(r"^'(?=[=+\-@\t\r])")


def csv_text(table: pd.DataFrame) -> str:
    """A table as CSV, without its index.

    Names come from files that strangers write, and spreadsheets take a cell that begins with ``=``, ``+``, ``-``, ``@``
    or a tab for a formula. Such text gets an apostrophe in front; numbers stay numbers.

    References
    ----------
    OWASP, CSV injection.
    """
    safe = table.rename(columns=neutralised)
    for place, dtype in enumerate(safe.dtypes):
        if not pd.api.types.is_numeric_dtype(dtype) and not pd.api.types.is_bool_dtype(dtype):
            text = safe.iloc[:, place].astype(object)
            safe.isetitem(place, text.map(neutralised, na_action="ignore"))
    return str(safe.to_csv(index=False))


def neutralised(value: object) -> object:
    """Text that would be a formula, with an apostrophe in front; anything else as it is.

    A carriage return becomes a line feed: pandas does not quote it, and readers would begin a row after it.
    """
    if not isinstance(value, str):
        return value
    text = value.replace("\r\n", "\n").replace("\r", "\n")
    return f"'{text}" if _FORMULA.match(value) and not _NUMBER.match(value) else text


def write_csv(table: pd.DataFrame, path: Path) -> None:
    """Write a table as CSV; see ``csv_text``."""
    path.write_text(csv_text(table), encoding="utf-8")


def read_csv(path: Path, texts: list[str]) -> pd.DataFrame:
    """Read what ``write_csv`` wrote.

    Parameters
    ----------
    path
        The file.
    texts
        Columns of text, read as they were before.
    """
    table = pd.read_csv(path, dtype=dict.fromkeys(texts, str), keep_default_na=False, na_values=[""])
    for column in texts:
        if column in table:
            table[column] = table[column].map(lambda text: _NEUTRALISED.sub("", text), na_action="ignore")
    return table
