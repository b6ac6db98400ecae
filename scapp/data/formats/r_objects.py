"""R's saved objects as plain values: what ``rdata`` parses, walked without running or building anything of R's.

An R object is a value (numbers, text, a list) with named attributes; classes, dimensions, names and the slots of S4
objects are all attributes (R Internals, section 1.8, "Serialization Formats").
"""

import io
import sys
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from rdata.parser import DEFAULT_ALTREP_MAP, RObject, RObjectType, parse_data
from scipy import sparse

from scapp.core.errors import DataError
from scapp.core.memory import check_memory
from scapp.data.formats.decoding import open_unpacked
from scapp.data.formats.hdf5 import MOST_NAMES, check_shape, matrix_of

BLOCK = 1 << 20
DEEPEST = 20_000
"""Levels of nesting: pairlists nest once for each element."""
FROM_TRIPLETS, BY_CELL, BY_GENE, DENSE = "gTMatrix", "gCMatrix", "gRMatrix", "geMatrix"


def parse(path: Path) -> RObject:
    """The objects of an .rds or .RData, compressed in any of R's ways or not at all.

    Raises
    ------
    ConfigError
        Unpacked it would not fit in memory; bytes are counted while unpacking.
    """
    content = _unpacked(path)
    with _deep(), warnings.catch_warnings():
        # what rdata is in doubt about is looked at here: classes, dimensions and lengths
        warnings.simplefilter("ignore")
        return parse_data(content, altrep_constructor_dict=_BOUNDED, extension=".rds").object


def _unpacked(path: Path) -> bytes:
    content = io.BytesIO()
    with open_unpacked(path) as stream:
        while block := stream.read(BLOCK):
            content.write(block)
            check_memory(
                3.0 * content.tell(),
                f"Reading '{path.name}'",
                "Write the counts with Matrix::writeMM and import those.",
            )
    return content.getvalue()


def _bounded(constructor: Callable[[RObject], Any]) -> Callable[[RObject], Any]:
    """R writes 1:n as three numbers; what is declared is not believed."""

    def build(state: RObject) -> Any:
        if not 0 <= float(state.value[0]) <= MOST_NAMES:
            raise DataError("The file declares a sequence that is too long.", hint="Save it again from R.")
        return constructor(state)

    return build


_BOUNDED = {
    name: _bounded(build) if name.startswith(b"compact") else build for name, build in DEFAULT_ALTREP_MAP.items()
}


@contextmanager
def _deep() -> Iterator[None]:
    before = sys.getrecursionlimit()
    sys.setrecursionlimit(max(DEEPEST, before))
    try:
        yield
    finally:
        sys.setrecursionlimit(before)


def known(node: RObject | None) -> RObject | None:
    """The object itself, where a reference stands for it; None for R's NULL."""
    while node is not None and node.info.type == RObjectType.REF:
        node = node.referenced_object
    if node is None or node.info.type in (RObjectType.NILVALUE, RObjectType.NIL):
        return None
    # an empty slot of an S4 object is the symbol \001NULL\001
    return None if node.info.type == RObjectType.SYM and _symbol(node) == "\x01NULL\x01" else node


def _symbol(node: RObject) -> str:
    return _text(node.value) or ""


def _text(node: RObject | None) -> str | None:
    value = None if node is None else node.value
    return value.decode(errors="replace") if isinstance(value, bytes) else None


def pairs(node: RObject | None) -> dict[str, RObject]:
    """A pairlist, R's way to write attributes and the objects of an .RData."""
    found: dict[str, RObject] = {}
    while node is not None and node.info.type == RObjectType.LIST:
        tag = known(node.tag)
        value = known(node.value[0])
        if tag is not None and value is not None:
            found[_symbol(tag)] = value
        node = node.value[1]
    return found


def slots(node: RObject | None) -> dict[str, RObject]:
    """Attributes, slots of S4 objects among them; those that are NULL are left out."""
    return {} if node is None else pairs(node.attributes)


def slot(node: RObject | None, *path: str) -> RObject | None:
    """A slot of a slot of ..., or None."""
    for name in path:
        node = slots(node).get(name)
    return node


def classes(node: RObject | None) -> tuple[str, ...]:
    """The names of an object's class."""
    return tuple(name or "" for name in texts(slots(node).get("class")) or ())


def texts(node: RObject | None) -> list[str | None] | None:
    """A character vector."""
    if node is None or node.info.type != RObjectType.STR:
        return None
    return [_text(value) for value in node.value]


def names(node: RObject | None) -> list[str] | None:
    """A character vector without missing values, as names are."""
    found = texts(node)
    return None if found is None else [name if name is not None else "NA" for name in found]


def members(node: RObject | None) -> dict[str, RObject]:
    """A list by its names."""
    if node is None or node.info.type != RObjectType.VEC:
        return {}
    own = names(slots(node).get("names")) or []
    found = {name: known(value) for name, value in zip(own, node.value, strict=False)}
    return {name: value for name, value in found.items() if value is not None}


def is_numeric(node: RObject | None) -> bool:
    """Whether it is a vector or matrix of numbers."""
    return node is not None and node.info.type in (RObjectType.INT, RObjectType.REAL, RObjectType.LGL)


def numbers(node: RObject) -> np.ndarray:
    """Numbers as they are; where some are missing, as float with NaN."""
    value = node.value
    if isinstance(value, np.ma.MaskedArray):
        return np.where(np.ma.getmaskarray(value), np.nan, np.ma.getdata(value).astype(float))
    return np.asarray(value)


def frame(node: RObject | None) -> pd.DataFrame | None:
    """A data.frame, or Bioconductor's DataFrame; columns that are no vectors are left out."""
    if node is None:
        return None
    own = classes(node)
    if "data.frame" in own:
        columns, rows = members(node), slots(node).get("row.names")
        labels = names(rows)
        length = _row_number(rows) if labels is None else len(labels)
    elif own and own[0] in ("DFrame", "DataFrame"):
        columns, labels = members(slot(node, "listData")), names(slot(node, "rownames"))
        declared = slot(node, "nrows")
        length = int(numbers(declared)[0]) if declared is not None else len(labels or ())
    else:
        return None
    check_shape((length, 1), "a table")
    read = {name: _column(value) for name, value in columns.items()}
    kept = {name: value for name, value in read.items() if value is not None and len(value) == length}
    return pd.DataFrame(kept, index=pd.Index(labels if labels is not None else range(length), dtype=object))


def _row_number(rows: RObject | None) -> int:
    # row names that merely count are written as c(NA, -n)
    if rows is None or not is_numeric(rows) or not len(rows.value):
        return 0
    return abs(int(np.nan_to_num(numbers(rows)[-1])))


def _column(node: RObject) -> Any:
    if "factor" in classes(node):
        codes = np.nan_to_num(numbers(node)).astype(int) - 1
        levels = names(slots(node).get("levels")) or []
        return pd.Categorical.from_codes(np.where(codes < len(levels), codes, -1), levels) if _unique(levels) else None
    if node.info.type == RObjectType.STR:
        return np.array(texts(node), dtype=object)
    return numbers(node) if is_numeric(node) and "dim" not in slots(node) else None


def _unique(levels: list[str]) -> bool:
    return len(set(levels)) == len(levels)


def is_matrix(node: RObject | None) -> bool:
    """Whether it is a matrix of base R or of the Matrix package."""
    if node is None:
        return False
    own = classes(node)
    if any(name.endswith((FROM_TRIPLETS, BY_CELL, BY_GENE, DENSE)) for name in own):
        return True
    return is_numeric(node) and shape_of(node) is not None


def dimension_names(node: RObject | None) -> tuple[list[str] | None, list[str] | None]:
    """Names of the rows and of the columns of a matrix, each None where it has none."""
    labels = slots(node).get("Dimnames", slots(node).get("dimnames"))
    if labels is None or labels.info.type != RObjectType.VEC or len(labels.value) != 2:
        return None, None
    return names(known(labels.value[0])), names(known(labels.value[1]))


def shape_of(node: RObject | None) -> tuple[int, int] | None:
    """Numbers of rows and columns of a matrix, as it declares them; None for what has none."""
    shape = slots(node).get("Dim", slots(node).get("dim"))
    if shape is None or not is_numeric(shape) or len(shape.value) != 2:
        return None
    n_rows, n_columns = numbers(shape)
    return int(n_rows), int(n_columns)


def matrix(node: RObject, place: str) -> tuple[sparse.csr_matrix, list[str] | None, list[str] | None]:
    """A matrix of genes by cells, turned: CSR, shape (n_columns, n_rows), and the names of rows and columns in R.

    Raises
    ------
    DataError
        Its parts do not fit together.
    """
    found = slots(node)
    by_slots = "Dim" in found
    shape = shape_of(node)
    if shape is None:
        raise DataError(f"{place} does not say how large it is.", hint="Save it again from R.")
    n_rows, n_columns = shape
    check_shape((n_rows, n_columns), place)
    row_names, column_names = dimension_names(node)
    turned = (n_columns, n_rows)
    if not by_slots or any(name.endswith(DENSE) for name in classes(node)):
        values = numbers(found["x"] if by_slots else node)
        if len(values) != n_rows * n_columns:
            raise DataError(f"{place} holds {len(values):,} values for {n_rows:,} x {n_columns:,}.", hint=_AGAIN)
        return sparse.csr_matrix(values.reshape(turned)), row_names, column_names
    parts = {name: numbers(found[name]) for name in ("i", "j", "p", "x") if name in found}
    entries = parts.get("i", parts.get("j", np.empty(0)))
    values = parts.get("x", np.ones(len(entries)))  # pattern matrices say where something is, and not what
    try:
        if "p" in parts:
            by_column = "j" in parts  # a column of the turned matrix is a row of R's
            return (
                matrix_of(values.astype(float), entries, parts["p"], shape=turned, by_column=by_column, place=place),
                row_names,
                column_names,
            )
        rows, columns = parts["i"], parts["j"]
    except KeyError as error:
        raise DataError(f"{place} lacks a part of its sparse matrix.", hint=_AGAIN) from error
    fits = len(rows) == len(columns) == len(values)
    if fits and len(rows):
        fits = min(rows.min(), columns.min()) >= 0 and rows.max() < n_rows and columns.max() < n_columns
    if not fits:
        raise DataError(f"{place} is damaged: entries lie outside its {n_rows:,} x {n_columns:,}.", hint=_AGAIN)
    return sparse.coo_matrix((values.astype(float), (columns, rows)), shape=turned).tocsr(), row_names, column_names


_AGAIN = "Copy or download the file again, or save it again from R."


def variables(node: RObject | None) -> dict[str, RObject]:
    """What an environment holds: reference classes keep their fields in one."""
    if node is None or node.info.type != RObjectType.ENV or node.value is None:
        return {}
    found = pairs(node.value.frame)
    table = known(node.value.hash_table)
    for chain in table.value if table is not None and table.info.type == RObjectType.VEC else ():
        found |= pairs(known(chain))
    return found
