"""Text tables of counts: cells by genes or genes by cells, with annotations among the columns."""

import csv
import re
import zlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO

import numpy as np
import pandas as pd
from scipy import sparse

from scapp.core.errors import DataError, listed
from scapp.data.checks import Finding
from scapp.data.config import ImportConfig
from scapp.data.formats.decoding import GZIP, decoded, open_text, packing_of
from scapp.data.formats.features import about_proteins
from scapp.data.formats.orientation import Axis, guess_orientation, look_like_genes
from scapp.data.formats.table_layout import Layout, layout_of

TABLE_ENDINGS = (".csv", ".csv.gz", ".tsv", ".tsv.gz", ".txt", ".txt.gz", ".tab", ".tab.gz")
ROWS_PER_PIECE = 2_000
FEW_COLUMNS = 50
"""A table with fewer columns of numbers, beside columns of words, needs names that look like genes."""
PREVIEW_BYTES = 4_000_000
PREVIEW_ROWS, PREVIEW_COLUMNS = 6, 6

_ABOUT_GENES = re.compile(
    r"^(?:(?:gene|transcript|tx|exon|effective|feature|coding|cds|union)?_?(?:length|len|width|size)(?:_?(?:bp|kb))?"
    r"|(?:n_?)?(?:exons?|exon_?(?:count|number)|transcripts?|introns?)|chr(?:om(?:osome)?)?(?:_?name)?|seqnames?"
    r"|(?:gene_?)?(?:start|stop|end|strand|position|locus|location|coordinates?)|gc_?(?:content|percent\w*)"
    r"|(?:gene_?|transcript_?)?(?:bio)?type|(?:gene_?)?description|genes?|gene_?(?:name|symbol|short_?name|id)s?"
    r"|symbols?|hgnc(?:_?(?:id|symbol))?|mgi(?:_?(?:id|symbol))?|entrez(?:_?(?:gene)?_?ids?)?|ncbi_?gene_?ids?"
    r"|ensembl(?:_?(?:gene)?_?ids?)?|refseq\w*|uniprot\w*|accession|feature_?(?:name|id|type)s?)$",
    re.IGNORECASE,
)
"""Columns that featureCounts, Ensembl and others write beside the samples."""
_ABOUT_CELLS = re.compile(
    r"^(?:n_?(?:counts?|genes?|umis?|features?)(?:_?\w+)?|total_?counts?"
    r"|(?:log1p_)?total_counts\w*|percent[._]\w+|pct_\w+"
    r"|(?:umap|t-?sne|component)[_ .-]?\d+|(?:pc|dim)[_.]\d+|clusters?(?:_?ids?)?|seurat_clusters|leiden|louvain"
    r"|orig\.ident|batch|sample"
    r"|donor(?:_id)?|plate|well|tissue|condition|treatment|cell_?types?|celltypes?|labels?|annotation|library_?size"
    r"|size_?factors?|doublet_?scores?|phase|s\.score|g2m\.score|barcodes?|cell_?(?:id|index|barcode))$",
    re.IGNORECASE,
)
_NO_GENE = re.compile(
    r"^__\w+$|^N_(?:unmapped|multimapping|noFeature|ambiguous)$"
    r"|^(?:no_feature|ambiguous|too_low_aQual|not_aligned|alignment_not_unique|\*|[Tt]otal|nCount_\w+|nFeature_\w+)$"
)
"""Rows that HTSeq and STAR write below the genes."""
_PROTEIN = re.compile(
    r"[|_-](?:pAbO|stAbO)$|[_-]TotalSeq[-_]?[A-D]?(?:[_-]?\d+)?$|^(?-i:ADT|HTO|AB|PROT)[_-]", re.IGNORECASE
)
_LONG = tuple({"gene", cell, count} for cell in ("cell", "barcode") for count in ("count", "counts", "umi", "umis"))
_WITH_TRANSCRIPT = re.compile(r"^([^|]+)\|(?:[NX][MR]_|ENS|chr|Reference)")


@dataclass(frozen=True)
class Table:
    """A text table as cells by genes.

    Parameters
    ----------
    values
        CSR, shape (n_cells, n_genes).
    cells, genes
        Names.
    about_genes, about_cells
        Annotations that stood among the columns, in the order of genes or cells.
    proteins
        Antibody counts that stood among the genes, shape (n_cells, n_proteins).
    findings
        What was noticed.
    has_header
        Whether the file names its columns.
    """

    values: sparse.csr_matrix
    cells: pd.Index
    genes: pd.Index
    about_genes: pd.DataFrame = field(default_factory=pd.DataFrame)
    about_cells: pd.DataFrame = field(default_factory=pd.DataFrame)
    proteins: pd.DataFrame = field(default_factory=pd.DataFrame)
    findings: list[Finding] = field(default_factory=list)
    has_header: bool = True


def read_table(path: Path, config: ImportConfig) -> Table:
    """Read a text table, gzipped or not, in either orientation, with or without a header or R's short one.

    Raises
    ------
    DataError
        No numbers, text inside the matrix, rows of unequal length, or an orientation that nothing tells.
    """
    found = layout(path)
    if {name.strip().lower() for name in found.columns} in _LONG:
        raise DataError(
            f"'{path.name}' has a row for each cell and gene ({listed(found.columns)}); a table of cells by genes is"
            " needed.",
            hint="Spread it out: a row for each gene and a column for each cell (in Python: pandas.pivot).",
        )
    values, rows, columns, aside = _read_pieces(path, found)
    if not len(columns):
        raise DataError(
            f"The columns of '{path.name}' hold text or annotations ({listed(aside.columns, 4)}); none holds counts.",
            hint="Import the table of counts, and this one as its labels.",
        )
    notes: list[Finding] = []
    if not found.has_header:
        notes.append(Finding("The table has no header: its first row holds numbers.", "Its columns were numbered."))
    values, rows, said = _without_rows(values, rows, aside)
    if found.has_header:
        values, columns, more = _without_columns(values, columns)
        said += more
    if said:
        notes.append(Finding(f"Rows that are no genes were left out: {listed(said, 6)}."))
    orientation, reason = _orientation(config, values, rows, columns, found)
    finding = Finding(
        f"The table was read with {'genes' if orientation == 'genes_in_rows' else 'cells'} in rows ({reason}).",
        "If that is wrong, import it again and click 'Flip' below its preview.",
    )
    if orientation == "genes_in_rows":
        return _genes_in_rows(values, rows, columns, aside, [finding, *notes], found)
    return _cells_in_rows(values, rows, columns, aside, [finding, *notes], found)


def _genes_in_rows(
    values: sparse.csr_matrix,
    rows: pd.Index,
    columns: pd.Index,
    aside: pd.DataFrame,
    findings: list[Finding],
    found: Layout,
) -> Table:
    genes, named = _symbols(rows)
    about = aside.set_axis(genes, axis=0)
    if len(about.columns):
        findings.append(Finding(f"Columns about genes were read as such, not as cells: {listed(about.columns, 6)}."))
    values, genes, about, proteins = _split_proteins(values.T.tocsr(), genes, about)
    if len(proteins.columns):
        findings.append(about_proteins(proteins))
    return Table(
        values, columns, genes, about, proteins=proteins, findings=[*findings, *named], has_header=found.has_header
    )


def _cells_in_rows(
    values: sparse.csr_matrix,
    rows: pd.Index,
    columns: pd.Index,
    aside: pd.DataFrame,
    findings: list[Finding],
    found: Layout,
) -> Table:
    of_genes = [name for name in aside.columns if _ABOUT_GENES.match(str(name)) and not _ABOUT_CELLS.match(str(name))]
    if of_genes:
        raise DataError(
            f"The table has cells in rows and columns about genes ({listed(of_genes)}).",
            hint="If genes are in rows, say so for this table; otherwise remove these columns.",
        )
    words = [name for name in aside.columns if not pd.api.types.is_numeric_dtype(aside[name])]
    if words and len(columns) < FEW_COLUMNS and not look_like_genes(columns):
        raise DataError(
            f"This looks like a table of annotations: it holds words ({listed(words, 3)}), and its"
            f" {len(columns)} columns of numbers ({listed(columns, 3)}) are not named like genes.",
            hint="Import the table of counts, and this one as its labels.",
        )
    if len(aside.columns):
        findings.append(Finding(f"Columns about cells were read as annotations: {listed(aside.columns, 6)}."))
    genes, named = _symbols(columns)
    values, genes, _, proteins = _split_proteins(values, genes, pd.DataFrame(index=genes))
    if len(proteins.columns):
        findings.append(about_proteins(proteins))
    return Table(
        values,
        rows,
        genes,
        about_cells=aside.set_axis(rows, axis=0),
        proteins=proteins,
        findings=[*findings, *named],
        has_header=found.has_header,
    )


def _read_pieces(path: Path, found: Layout) -> tuple[sparse.csr_matrix, pd.Index, pd.Index, pd.DataFrame]:
    """Numbers, names of rows and columns, and the columns that are annotations."""
    names = found.columns
    aside: list[pd.DataFrame] = []
    blocks: list[sparse.csr_matrix] = []
    row_names: list[str] = []
    described: list[int] | None = None
    try:
        with (
            open_text(path) as stream,
            pd.read_csv(
                stream,
                sep=found.separator,
                decimal=found.decimal,
                header=None,
                names=range(found.n_fields),
                skiprows=found.skipped,
                skip_blank_lines=True,
                chunksize=ROWS_PER_PIECE,
                converters={0: str},  # a gene may be called NA
            ) as pieces,
        ):
            for piece in pieces:
                row_names.extend(piece[0])
                named = _named(piece.set_index(0), names)
                if described is None:
                    described = _annotations(named, names)
                aside.append(named[described])
                blocks.append(sparse.csr_matrix(_numbers(named.drop(columns=described), names)))
    except pd.errors.ParserError as error:
        raise DataError(
            f"'{path.name}' is not a regular table: {error}.",
            hint="Check that every row has the same number of fields.",
        ) from error
    assert described is not None
    columns = pd.Index([name for i, name in enumerate(names) if i and i not in described], dtype=object)
    table = pd.concat(aside, ignore_index=True).set_axis([names[i] for i in described], axis=1)
    rows = pd.Index(row_names, dtype=object)
    # a column of row numbers, and the names after it
    if pd.Index(row_names[:100]).isin([str(i) for i in range(101)]).all():
        for name in table:
            text = table[name].astype(str)
            if not pd.api.types.is_numeric_dtype(table[name]) and text.is_unique and len(text) > 1:
                return (
                    sparse.vstack(blocks, format="csr"),
                    pd.Index(text, dtype=object),
                    columns,
                    table.drop(columns=name),
                )
    return sparse.vstack(blocks, format="csr"), rows, columns, table


def _annotations(piece: pd.DataFrame, names: Sequence[str]) -> list[int]:
    """Columns that hold no counts: mostly words, or numbers under a name that says something of genes or cells."""
    found = []
    for column in piece.columns:
        name = str(names[column]).strip()
        if not pd.api.types.is_numeric_dtype(piece[column]):
            values = piece[column].dropna()
            wordy = pd.to_numeric(values, errors="coerce").isna().mean() if len(values) else 0.0
            if wordy > 0.5:
                found.append(int(column))
        elif _ABOUT_GENES.match(name) or _ABOUT_CELLS.match(name):
            found.append(int(column))
    # a gene may be called like an annotation; a table of nothing else has no counts at all
    return (
        found if len(found) < len(piece.columns) else [i for i in found if not pd.api.types.is_numeric_dtype(piece[i])]
    )


def _named(piece: pd.DataFrame, names: list[str]) -> pd.DataFrame:
    """The columns that have a name; the others come from separators at the end of rows, and must be empty."""
    nameless = piece.iloc[:, len(names) - 1 :]
    if nameless.notna().any(axis=None):
        raise DataError(
            f"Some rows have values in {nameless.shape[1]} columns that have no name.",
            hint="Make the header name every column.",
        )
    return piece.iloc[:, : len(names) - 1]


def _numbers(piece: pd.DataFrame, names: list[str]) -> np.ndarray:
    texts = [column for column in piece.columns if not pd.api.types.is_numeric_dtype(piece[column])]
    if not texts:
        return piece.to_numpy(dtype=np.float32)
    column = piece[texts[0]]
    wrong = (pd.to_numeric(column, errors="coerce").isna() & column.notna()).to_numpy()
    place = int(wrong.argmax())
    raise DataError(
        f"{len(texts)} columns hold text ({listed([names[c] for c in texts], 4)}); "
        f"for example '{column.iloc[place]}' in row '{column.index[place]}'.",
        hint="Move text columns into a labels file; the table itself must hold numbers only.",
    )


def _without_rows(
    values: sparse.csr_matrix, rows: pd.Index, aside: pd.DataFrame
) -> tuple[sparse.csr_matrix, pd.Index, list[str]]:
    strange = np.array([bool(_NO_GENE.match(str(name))) for name in rows], dtype=bool)
    if not strange.any():
        return values, rows, []
    left = rows[strange].tolist()
    keep = np.flatnonzero(~strange)
    aside.drop(index=aside.index[strange], inplace=True)
    return values[keep], rows[keep], left


def _without_columns(values: sparse.csr_matrix, columns: pd.Index) -> tuple[sparse.csr_matrix, pd.Index, list[str]]:
    strange = np.array([bool(_NO_GENE.match(str(name))) for name in columns], dtype=bool)
    if not strange.any():
        return values, columns, []
    keep = np.flatnonzero(~strange)
    return values[:, keep], columns[keep], columns[strange].tolist()


def _symbols(names: pd.Index) -> tuple[pd.Index, list[Finding]]:
    """Genes without the transcripts that Rhapsody and others put behind them, where they stay unique."""
    text = pd.Series(names.astype(str))
    found = text.str.extract(_WITH_TRANSCRIPT)[0]
    short = found.where(found.notna(), text)
    if found.notna().mean() < 0.5 or short.duplicated().any():
        return names, []
    example = f"{text[found.notna()].iloc[0]} is {found.dropna().iloc[0]}"
    return pd.Index(short, dtype=object), [Finding(f"Genes were named by what stands before '|' ({example}).")]


def _split_proteins(
    values: sparse.csr_matrix, genes: pd.Index, about: pd.DataFrame
) -> tuple[sparse.csr_matrix, pd.Index, pd.DataFrame, pd.DataFrame]:
    """Antibody counts apart from those of genes."""
    protein = np.array([bool(_PROTEIN.search(str(name))) for name in genes], dtype=bool)
    if not protein.any() or protein.all():
        return values, genes, about, pd.DataFrame()
    proteins = pd.DataFrame(values[:, protein].toarray(), columns=genes[protein].astype(str))
    return values[:, ~protein].tocsr(), genes[~protein], about[~protein], proteins


def _orientation(
    config: ImportConfig, values: sparse.csr_matrix, rows: pd.Index, columns: pd.Index, found: Layout
) -> tuple[Axis, str]:
    if config.orientation != "auto":
        return config.orientation, "as was chosen on import"
    if not found.has_header and len(columns) == 1:
        return "genes_in_rows", "it is one column of counts"
    return guess_orientation(rows, columns if found.has_header else pd.Index([]), values)


def holds_counts(path: Path) -> bool:
    """Whether a table is one of counts, not of annotations: most of its columns hold numbers of no known name."""
    try:
        found = layout(path)
        with open_text(path) as stream:
            piece = pd.read_csv(
                stream,
                sep=found.separator,
                decimal=found.decimal,
                header=None,
                names=range(found.n_fields),
                skiprows=found.skipped,
                nrows=100,
                converters={0: str},
            )
    except (DataError, pd.errors.ParserError):
        return False
    named = piece.set_index(0).iloc[:, : len(found.columns) - 1]
    described = _annotations(named, found.columns)
    return named.shape[1] > 0 and len(described) < 0.5 * named.shape[1] and len(named) > 1


def layout(path: Path) -> Layout:
    """How a text table is written, from its first lines.

    Raises
    ------
    DataError
        It is empty, has one column, or no rows.
    """
    with open_text(path) as stream:
        return layout_of(stream, path.name)


@dataclass(frozen=True)
class Preview:
    """The corner of a table, before it is imported.

    Parameters
    ----------
    corner
        First rows and columns, as they stand in the file.
    orientation, reason
        What was decided, and why; None where it must be chosen.
    """

    corner: pd.DataFrame
    orientation: Axis | None
    reason: str

    def cells_in_rows(self, orientation: Axis) -> pd.DataFrame:
        """The corner as cells by genes, when the file has the given orientation."""
        return self.corner if orientation == "cells_in_rows" else self.corner.T


def preview_table(stream: BinaryIO, name: str) -> Preview:
    """Look at the beginning of a table.

    Parameters
    ----------
    stream
        Its bytes; read from where it stands.
    name
        Of the file.

    Raises
    ------
    DataError
        It is no table.
    """
    head = stream.read(PREVIEW_BYTES)
    if packing_of(head) is GZIP:
        head = zlib.decompressobj(zlib.MAX_WBITS | 32).decompress(head, PREVIEW_BYTES)
    lines = decoded(head).splitlines(keepends=True)
    if len(head) >= PREVIEW_BYTES and len(lines) > 2:
        lines.pop()  # the last one may be cut short
    found = layout_of(lines, name)
    fields = [row for row in csv.reader(lines[found.skipped :], delimiter=found.separator) if row]
    rows = pd.Index([row[0].strip() for row in fields], dtype=object)
    columns = pd.Index(found.columns[1:], dtype=object)
    shown = columns[:PREVIEW_COLUMNS]
    first = fields[:PREVIEW_ROWS]
    corner = pd.DataFrame([row[1 : len(shown) + 1] for row in first], index=rows[: len(first)], columns=shown)
    numbers = pd.DataFrame([row[1 : len(columns) + 1] for row in fields[:ROWS_PER_PIECE]])
    plain = numbers.apply(lambda column: column.str.replace(found.decimal, ".", regex=False))
    numbers = plain.apply(pd.to_numeric, errors="coerce").fillna(0)
    values = sparse.csr_matrix(numbers.to_numpy(dtype=np.float32))
    if not found.has_header and len(columns) == 1:
        return Preview(corner, "genes_in_rows", "it is one column of counts")
    try:
        orientation, reason = guess_orientation(rows, columns if found.has_header else pd.Index([]), values)
    except DataError as error:
        return Preview(corner, None, error.message)
    return Preview(corner, orientation, reason)
