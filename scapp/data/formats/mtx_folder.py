"""Folders of a sparse matrix with lists of cells and genes, as Cell Ranger, STARsolo, kb-python and alevin write.

A new program is a record in ``PROGRAMS``.
"""

import csv
import re
from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path

import numpy as np
import pandas as pd
from scipy import sparse
from scipy.io import mminfo, mmread

from scapp.core.errors import DataError, listed
from scapp.core.memory import check_memory
from scapp.data.blocks.blocked_matrix import BlockedMatrix, InMemory
from scapp.data.blocks.composed import Ordered
from scapp.data.checks import Finding, counts_rows
from scapp.data.config import ImportConfig
from scapp.data.formats.archives import plain_file
from scapp.data.formats.decoding import open_text
from scapp.data.formats.features import split_features
from scapp.data.formats.hdf5 import check_shape
from scapp.data.formats.imported import Imported, added, from_matrix, keep_proteins
from scapp.data.formats.matrices_in_files import check_disk, turned_matrix

CURE = "Free memory by closing other programs, use a larger machine, or import fewer cells."
HEADERS = ("barcode", "barcodes", "cell", "cells", "cell_id", "x", "v1")
GENE_HEADERS = (
    "ensembl",
    "ensembl_id",
    "gene",
    "genes",
    "gene_id",
    "gene_ids",
    "geneid",
    "id",
    "symbol",
    "x",
    "v1",
    "feature",
)


@dataclass(frozen=True)
class Program:
    """How a program names the files of one matrix.

    Parameters
    ----------
    title
        For people.
    matrices
        Endings of the matrix's name; several that must all be there are added up.
    cells, genes
        Endings of the lists, the better first.
    symbols
        Ending of a list of symbols beside the ids.
    """

    title: str
    matrices: tuple[str, ...]
    cells: tuple[str, ...]
    genes: tuple[str, ...]
    symbols: str | None = None


PROGRAMS = (
    Program("10x output", ("matrix.mtx",), ("barcodes.tsv",), ("features.tsv", "genes.tsv")),
    Program("10x output", ("counts.mtx",), ("barcodes.tsv",), ("features.tsv", "genes.tsv")),
    Program("STARsolo's Velocyto", ("spliced.mtx", "unspliced.mtx"), ("barcodes.tsv",), ("features.tsv", "genes.tsv")),
    Program(
        "kb-python's nascent and mature counts",
        ("cells_x_genes.mature.mtx", "cells_x_genes.nascent.mtx", "cells_x_genes.ambiguous.mtx"),
        ("cells_x_genes.barcodes.txt",),
        ("cells_x_genes.genes.txt",),
        "cells_x_genes.genes.names.txt",
    ),
    Program(
        "kb-python's counts",
        ("cells_x_genes.mtx",),
        ("cells_x_genes.barcodes.txt",),
        ("cells_x_genes.genes.txt",),
        "cells_x_genes.genes.names.txt",
    ),
    Program("bustools' counts", ("output.mtx",), ("output.barcodes.txt",), ("output.genes.txt",)),
    Program("a matrix with lists as .csv", ("matrix.mtx",), ("barcodes.csv",), ("features.csv", "genes.csv")),
    Program("alevin's counts", ("quants_mat.mtx",), ("quants_mat_rows.txt",), ("quants_mat_cols.txt",)),
    Program(
        "a Parse Biosciences folder", ("count_matrix.mtx",), ("cell_metadata.csv",), ("all_genes.csv", "genes.csv")
    ),
    Program("a Parse Biosciences folder", ("DGE.mtx",), ("cell_metadata.csv",), ("all_genes.csv", "genes.csv")),
)


@dataclass(frozen=True)
class Found:
    """The files of one matrix in a folder."""

    program: Program
    prefix: str
    matrices: tuple[str, ...]
    cells: str
    genes: str
    symbols: str | None = None

    @property
    def files(self) -> set[str]:
        """Their names."""
        return {*self.matrices, self.cells, self.genes, *([self.symbols] if self.symbols else [])}


def plain_name(name: str) -> str:
    """A name without the ending of compression."""
    return name.removesuffix(".gz")


def matrices_in(names: Iterable[str]) -> list[Found]:
    """Matrices among the files of one folder, each with its lists; several share a folder by prefixes, as GEO's do."""
    files = sorted(names)
    found: list[Found] = []
    for program in PROGRAMS:
        first = program.matrices[0]
        for prefix in [plain_name(n).removesuffix(first) for n in files if plain_name(n).endswith(first)]:
            matrices = [_of(files, prefix, [ending]) for ending in program.matrices]
            cells, genes = _of(files, prefix, program.cells), _of(files, prefix, program.genes)
            taken = {used for other in found for used in other.matrices}
            if None in matrices or cells is None or genes is None or taken & set(matrices):
                continue
            symbols = _of(files, prefix, [program.symbols]) if program.symbols else None
            found.append(Found(program, prefix, tuple(m for m in matrices if m), cells, genes, symbols))
    return found


def prefixes_in(names: Iterable[str]) -> list[str]:
    """Beginnings of the names of one folder's matrices, complete or not: reading one says what it lacks."""
    files = list(names)
    complete = matrices_in(files)
    taken = {used for found in complete for used in found.matrices}
    endings = PROGRAMS[0].matrices
    alone = [
        plain_name(n).removesuffix(e) for n in files for e in endings if plain_name(n).endswith(e) and n not in taken
    ]
    return list(dict.fromkeys([*(found.prefix for found in complete), *alone]))


def _of(files: Sequence[str], prefix: str, endings: Iterable[str]) -> str | None:
    for ending in endings:
        exact = [name for name in files if plain_name(name) == prefix + ending]
        if exact:
            return exact[0]
    # the lists of a single matrix may have no prefix, or another
    for ending in endings:
        alike = [name for name in files if plain_name(name).endswith(ending)]
        if len(alike) == 1 and (not prefix or plain_name(alike[0]) == ending):
            return alike[0]
    return None


def read_folder(folder: Path, config: ImportConfig, prefix: str = "") -> Imported:
    """Read the one matrix of a folder.

    Parameters
    ----------
    folder
        Holds the matrix and its lists.
    config
        What missing values mean.
    prefix
        Beginning of the three files' names, where a folder holds several matrices.

    Raises
    ------
    DataError
        There is none or are several; files are damaged or do not belong together.
    """
    names = [path.name for path in folder.iterdir() if path.is_file()]
    found = [each for each in matrices_in(names) if not prefix or each.prefix == prefix]
    if len(found) > 1:
        raise DataError(
            f"The folder '{folder.name}' has {len(found)} matrices ({listed([f.matrices[0] for f in found], 3)}).",
            hint="Put each sample into a folder of its own, and import one of them.",
        )
    if not found:
        raise DataError(
            f"The folder '{folder.name}' has no complete set of matrix.mtx, barcodes.tsv and features.tsv or genes.tsv"
            f" (with or without .gz); found {listed(sorted(names))}.",
            hint="Choose the folder that holds all three.",
        )
    imported = read_found(folder, found[0], config)
    others = sorted(set(names) - found[0].files)
    if others and not prefix:
        imported.findings.append(
            Finding(
                f"Other files in the folder were not read: {listed(others, 4)}.",
                "A table of labels can be named under 'Options' (--labels).",
            )
        )
    return imported


def read_found(folder: Path, found: Found, config: ImportConfig) -> Imported:
    """Read the matrix with its lists.

    Raises
    ------
    DataError
        The files are damaged or do not belong together.
    """
    with ExitStack() as stack:
        plain = [stack.enter_context(plain_file(folder / name)) for name in found.matrices]
        return _read_plain(folder, found, plain, config)


def _read_plain(folder: Path, found: Found, plain: Sequence[Path], config: ImportConfig) -> Imported:
    stored = _shape(plain[0], found.matrices[0])
    notes: list[Finding] = []
    if len(found.matrices) > 1:
        notes.append(Finding(f"{found.program.title}: {listed(found.matrices)} were added up, cell by cell."))
    elif found.program.title != PROGRAMS[0].title:
        notes.append(Finding(f"Recognised {found.program.title}."))
    obs, var = _cells(folder / found.cells), _genes(folder / found.genes, stored)
    if found.symbols is not None:
        symbols = _list(folder / found.symbols)[0]
        if len(symbols) == len(var):
            var = var.assign(gene_ids=var.index).set_axis(pd.Index(symbols), axis=0)
    obs = _without_header(obs, stored)
    shape = (len(obs), len(var))
    cells_first = stored == shape
    if cells_first and len(obs) != len(var):
        if found.program.cells == ("barcodes.tsv",) and found.program.matrices == ("matrix.mtx",):
            notes.append(Finding("The matrix has cells in rows, which is not 10x's way.", "It was turned round."))
    elif cells_first:
        # as many cells as genes: the program's own way
        cells_first = found.program.genes[0] != "features.tsv"
    elif stored != shape[::-1]:
        raise DataError(
            f"The 10x folder '{folder.name}' does not fit together: the matrix has {stored[1]:,} cells and"
            f" {stored[0]:,} genes, the lists have {len(obs):,} and {len(var):,}.",
            hint="Check that matrix, barcodes and features come from the same run.",
        )
    parts = [(name, _matrix(path, name, cells_first)) for name, path in zip(found.matrices, plain, strict=True)]
    matrix = parts[0][1] if len(parts) == 1 else added(parts)
    genes, var, proteins, said = _features(matrix, var)
    genes, var, more_said = _three_of_each(genes, var)
    title = "the 10x matrix" if found.program.title == PROGRAMS[0].title else found.program.title
    imported = from_matrix(genes, obs, var, title, config)
    keep_proteins(imported.adata, proteins)
    imported.findings.extend([*notes, *said, *more_said])
    return imported


PIECE = 64 << 20
"""Bytes of text that are read at a time."""
IN_MEMORY = 16 << 20
"""Entries of a matrix that is read as a whole."""
_EMPTY_LINES = re.compile(rb"\n\s+")


@contextmanager
def _naming(name: str) -> Iterator[None]:
    try:
        yield
    except (ValueError, OverflowError) as error:
        raise DataError(f"'{name}' is damaged: {error}.", hint="Copy or download it again.") from error


def _shape(path: Path, name: str) -> tuple[int, int]:
    """Rows and columns, as the file declares them."""
    with _naming(name):
        n_rows, n_columns = mminfo(str(path))[:2]
    check_shape((n_rows, n_columns), f"'{name}'")
    return int(n_rows), int(n_columns)


def _matrix(path: Path, name: str, cells_first: bool) -> BlockedMatrix:
    """A matrix of cells by genes; a large one is read piece by piece, and put in order on disk."""
    with _naming(name):
        n_rows, n_columns, n_values, form, kind, symmetry = mminfo(str(path))
        if kind == "complex":
            raise DataError(f"'{name}' holds complex numbers.", hint="Write counts as whole numbers or decimals.")
        if n_values <= IN_MEMORY or form != "coordinate" or symmetry != "general":
            check_memory(40.0 * n_values, f"Reading '{name}'", CURE)
            found = mmread(str(path))
            return InMemory(found if cells_first else found.T)
        check_disk(n_values, f"'{name}'")
        return _in_pieces(path, (n_rows, n_columns), n_values, kind, cells_first)


def _in_pieces(path: Path, stored: tuple[int, int], n_values: int, kind: str, cells_first: bool) -> BlockedMatrix:
    """A matrix of which some lines are read at a time, by scipy.

    Raises
    ------
    ValueError
        A line is none, or there are more or fewer of them than declared.
    """
    shape = stored if cells_first else stored[::-1]
    pieces = _pieces(path)
    seen = []

    def turned(start: int, stop: int) -> sparse.csr_matrix:
        with open(path, "rb") as stream:
            stream.seek(start)
            # empty lines, which scipy reads over, must not be counted
            lines = _EMPTY_LINES.sub(b"\n", stream.read(stop - start).strip())
        if not lines:
            return sparse.csr_matrix(shape, dtype=np.float32)
        n_lines = lines.count(b"\n") + 1
        head = f"%%MatrixMarket matrix coordinate {kind} general\n{stored[0]} {stored[1]} {n_lines}\n"
        found = mmread(BytesIO(head.encode() + lines + b"\n"))
        seen.append(n_lines)
        return sparse.csr_matrix(found if cells_first else found.T, dtype=np.float32)

    matrix = turned_matrix(shape, pieces, turned, counted_from_first=False)
    if sum(seen) != n_values:
        raise ValueError(f"{sum(seen):,} values of {n_values:,} are there")
    # a cell's entries may come from several pieces
    return Ordered(matrix)


def _pieces(path: Path) -> list[tuple[int, int]]:
    """First byte of some lines that hold values, and the one after their last."""
    with open(path, "rb") as stream:
        while (line := stream.readline()).startswith(b"%") or not line.strip():
            if not line:
                raise ValueError("it ends before its values")
        starts, size = [stream.tell()], path.stat().st_size
        while starts[-1] + PIECE < size:
            stream.seek(starts[-1] + PIECE)
            stream.readline()
            starts.append(stream.tell())
    starts = [start for start in starts if start < size]
    return list(zip(starts, [*starts[1:], size], strict=True))


def _list(path: Path, separator: str | None = None) -> pd.DataFrame:
    """A list as it stands: nothing is a quotation mark unless R wrote it around every field."""
    with open_text(path) as stream:
        lines = [line.rstrip("\r\n") for line in stream]
    lines = [line for line in lines if line.strip()]
    if not lines:
        raise DataError(f"'{path.name}' is empty.", hint="Copy or download it again.")
    if separator is None:
        separator = "\t" if any("\t" in line for line in lines[:50]) else ","
        quoted = all(line.startswith('"') and line.count('"') >= 2 for line in lines[:50])
        if quoted:
            separator = separator if separator in lines[0] else " "
            return pd.DataFrame(list(csv.reader(lines, delimiter=separator)))
        if separator == ",":
            both = [line.split(",") if "," in line else line.split(" ") for line in lines]
            joined = len({len(row) for row in both}) == 1 and _ID.match(both[-1][0]) and len(both[0]) > 1
            return pd.DataFrame(both if joined else [[line] for line in lines])
    return pd.DataFrame([line.split(separator) for line in lines]).fillna("")


def _has_columns(path: Path, table: pd.DataFrame) -> bool:
    """Whether a list is a .csv with several columns and a header, and no mere list."""
    return path.name.removesuffix(".gz").endswith(".csv") and (table.shape[1] > 1 or "," in str(table.iloc[0, 0]))


def _cells(path: Path) -> pd.DataFrame:
    table = _list(path)
    if _has_columns(path, table):
        with open_text(path) as stream:
            annotated = pd.read_csv(stream, dtype={0: str})
        return annotated.set_index(annotated.columns[0])
    column = 1 if table.shape[1] > 1 and counts_rows(table[0], 20) else 0
    return pd.DataFrame(index=pd.Index(table[column], dtype=object))


def _without_header(obs: pd.DataFrame, shape: tuple[int, int]) -> pd.DataFrame:
    first = str(obs.index[0]).strip().lower() if len(obs) else ""
    return obs.iloc[1:] if len(obs) - 1 in shape and len(obs) not in shape and first in HEADERS else obs


def _genes(path: Path, shape: tuple[int, int]) -> pd.DataFrame:
    """Ids, symbols and kinds of features, by symbol; ids stand in for symbols that are empty."""
    table = _list(path)
    if _has_columns(path, table):
        with open_text(path) as stream:
            named = pd.read_csv(stream, dtype=str, keep_default_na=False)
        ids = named[named.columns[0]]
        return pd.DataFrame({"gene_ids": ids.to_numpy()}, index=_filled(named.get("gene_name", ids), ids))
    if len(table) - 1 in shape and len(table) not in shape:
        head = [str(name).strip().lower() for name in table.iloc[0]]
        if head[0] in GENE_HEADERS or (len(head) > 1 and head[1] in GENE_HEADERS):
            table = table.iloc[1:].reset_index(drop=True)
    # R writes the numbers of rows before the first column
    if table.shape[1] > 2 and counts_rows(table[0], 20):
        table = table.drop(columns=0).set_axis(range(table.shape[1] - 1), axis=1)
    ids = table[0].str.strip()
    names = table[1].str.strip() if table.shape[1] > 1 else ids
    if names.str.match(_ID).mean() > 0.9 and ids.str.match(_ID).mean() < 0.1:
        ids, names = names, ids  # some write the symbol first
    var = pd.DataFrame({"gene_ids": ids.to_numpy()}, index=_filled(names, ids))
    if table.shape[1] > 2 and table[2].str.contains("[A-Za-z]").any():
        var["feature_type"] = table[2].to_numpy()
    return var


def _filled(names: pd.Series, ids: pd.Series) -> pd.Index:
    return pd.Index(names.where(names.str.len() > 0, ids), dtype=object)


def _features(
    matrix: BlockedMatrix, var: pd.DataFrame
) -> tuple[BlockedMatrix, pd.DataFrame, pd.DataFrame, list[Finding]]:
    """Genes; antibody counts apart; other kinds of features left out and said."""
    if "feature_type" not in var:
        return matrix, var, pd.DataFrame(), []
    return split_features(matrix, var.drop(columns="feature_type"), var["feature_type"].to_numpy(dtype=str))


_ID = re.compile(r"^(?:ENS[A-Z]*G\d{6,}|FBgn\d+|WBGene\d+)")
_STATE = re.compile(r"^(.*)-([UA])$")


def _three_of_each(matrix: BlockedMatrix, var: pd.DataFrame) -> tuple[BlockedMatrix, pd.DataFrame, list[Finding]]:
    """alevin-fry's USA mode has each gene spliced, unspliced (-U) and ambiguous (-A): their total."""
    names = [str(name) for name in var.index]
    own = [m[1] if (m := _STATE.match(name)) else name for name in names]
    if len(names) % 3 or sorted(names) != sorted(name for g in set(own) for name in (g, f"{g}-U", f"{g}-A")):
        return matrix, var, []
    genes = pd.Index(dict.fromkeys(own), dtype=object)
    place = genes.get_indexer(own)
    fold = sparse.csr_matrix(
        (np.ones(len(own), np.float32), (np.arange(len(own)), place)), shape=(len(own), len(genes))
    )
    note = Finding("Spliced, unspliced and ambiguous counts of each gene (alevin-fry's USA mode) were added up.")
    return InMemory(matrix.to_csr() @ fold), var[[not _STATE.match(name) for name in names]].reindex(genes), [note]
