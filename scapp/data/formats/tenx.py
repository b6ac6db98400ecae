"""10x Genomics output: folders of version 2 and 3, and .h5 files."""

from pathlib import Path
from typing import BinaryIO

import h5py
import pandas as pd
from scipy import sparse
from scipy.io import mminfo, mmread

from scapp.core.errors import DataError, listed
from scapp.core.memory import check_memory
from scapp.data.checks import Finding
from scapp.data.config import ImportConfig
from scapp.data.formats.imported import Imported, from_matrix
from scapp.data.samples.find import MATRIX_STEMS

HEADERS = ("barcode", "barcodes", "cell", "cells", "x", "v1")
CURE = "Free memory by closing other programs, use a larger machine, or import fewer cells."


def read_folder(path: Path, config: ImportConfig, prefix: str = "") -> Imported:
    """Version 2 (genes.tsv) and 3 (features.tsv), compressed or not; scanpy's reader knows two of the four.

    Parameters
    ----------
    path
        The folder; STARsolo's are alike.
    config
        What missing values mean.
    prefix
        Beginning of the three files' names, where a folder holds several samples.
    """
    matrix_file, barcode_file = _tenx_file(path, prefix, *MATRIX_STEMS), _tenx_file(path, prefix, "barcodes.tsv")
    gene_file = _tenx_file(path, prefix, "features.tsv", "genes.tsv")
    barcodes = pd.read_csv(barcode_file, sep="\t", header=None, dtype=str, keep_default_na=False)[0]
    genes = pd.read_csv(gene_file, sep="\t", header=None, dtype=str, keep_default_na=False)
    try:
        n_values = mminfo(matrix_file)[2]
        check_memory(40.0 * n_values, f"Reading '{matrix_file.name}'", CURE)
        matrix = sparse.csr_matrix(mmread(matrix_file)).T
    except ValueError as error:
        raise DataError(
            f"'{matrix_file.name}' is damaged: {error}.", hint="Copy or download it again, then upload it once more."
        ) from error
    notes: list[Finding] = []
    if len(barcodes) - 1 in matrix.shape and str(barcodes[0]).lower() in HEADERS:
        barcodes = barcodes[1:]
    if matrix.shape == (len(genes), len(barcodes)) and len(genes) != len(barcodes):
        matrix = matrix.T.tocsr()
        notes.append(Finding("The matrix has cells in rows, which is not 10x's way.", "It was turned round."))
    if matrix.shape != (len(barcodes), len(genes)):
        raise DataError(
            f"The 10x folder '{path.name}' does not fit together: the matrix has {matrix.shape[0]:,} cells and"
            f" {matrix.shape[1]:,} genes, the lists have {len(barcodes):,} and {len(genes):,}.",
            hint="Check that matrix, barcodes and features come from the same run, then upload them again.",
        )
    symbols = genes[1] if genes.shape[1] > 1 else genes[0]
    var = pd.DataFrame({"gene_ids": genes[0].to_numpy()}, index=pd.Index(symbols))
    if genes.shape[1] > 2:
        expression = (genes[2] == "Gene Expression").to_numpy()
        if expression.any():
            kinds = genes[2][~expression]
            if len(kinds):
                notes.append(
                    Finding(f"{len(kinds):,} features that are no genes were left out ({listed(kinds.unique(), 3)}).")
                )
            matrix, var = matrix.tocsc()[:, expression], var[expression]
    imported = from_matrix(matrix, pd.DataFrame(index=pd.Index(barcodes)), var, "the 10x matrix", config)
    imported.findings.extend(notes)
    others = sorted({p.name for p in path.iterdir()} - {matrix_file.name, barcode_file.name, gene_file.name})
    if others and not prefix:
        note = Finding(
            f"Other files in the folder were not read: {listed(others, 4)}.",
            "A table of labels can be named under 'Options'.",
        )
        imported.findings.append(note)
    return imported


def _tenx_file(folder: Path, prefix: str, *stems: str) -> Path:
    """The one file that begins with the prefix and ends in a stem; without a prefix, names may begin with any, as GEO's
    do.
    """
    files = sorted(p for p in folder.iterdir() if p.is_file() and p.name.startswith(prefix))
    for stem in stems:
        matching = [p for p in files if p.name.removesuffix(".gz").endswith(stem)]
        exact = [p for p in matching if p.name.removesuffix(".gz") == prefix + stem]
        if len(exact or matching) > 1:
            raise DataError(
                f"The folder '{folder.name}' has {len(matching)} files that end in {stem}"
                f" ({listed([p.name for p in matching], 3)}).",
                hint="Put each sample into a folder of its own, and import one of them.",
            )
        if matching:
            return (exact or matching)[0]
    raise DataError(
        f"The folder '{folder.name}' has no {' or '.join(stems)} (nor with .gz); found"
        f" {listed([p.name for p in files])}.",
        hint="Choose the folder that holds matrix.mtx(.gz), barcodes.tsv(.gz) and features.tsv(.gz) or genes.tsv.",
    )


def read_h5(path: Path, config: ImportConfig) -> Imported:
    """Version 2 (a group per genome) and 3 (one matrix), by scanpy; several genomes must be chosen from."""
    import scanpy as sc

    with h5py.File(path) as file:
        names = list(file)
        if not names:
            raise DataError(f"'{path.name}' is empty.", hint="Copy or download it again, then upload it once more.")
        if {"X", "obs", "var"} <= set(names):
            raise DataError(
                f"'{path.name}' holds an AnnData object, not 10x output.", hint="Rename it so that it ends in .h5ad."
            )
        n_values = max((file[name]["data"].size for name in names if "data" in file[name]), default=0)
    check_memory(24.0 * n_values, f"Reading '{path.name}'", CURE)
    if "matrix" in names:
        # v3 keeps the genome of each feature in a column, and scanpy filters by it
        genome = config.genome
    elif config.genome is None and len(names) > 1:
        raise DataError(
            f"'{path.name}' holds {len(names)} genomes: {listed(names)}.",
            hint="Write the one you want into 'Genome' under 'Options' (--genome on the command line).",
        )
    else:
        genome = config.genome or names[0]
    try:
        adata = sc.read_10x_h5(path, genome=genome)
    except Exception as error:
        raise DataError(
            f"'{path.name}' could not be read as a 10x .h5 file ({error}); it holds {listed(names)}.",
            hint="Check the genome's name, or save the data as .h5ad and upload that.",
        ) from error
    return from_matrix(adata.X, adata.obs, adata.var, "the 10x matrix", config)


def genomes_of(source: Path | BinaryIO) -> list[str]:
    """Names of the genomes in a 10x version 2 .h5 file; empty for other files."""
    try:
        with h5py.File(source) as file:
            groups = [name for name in file if isinstance(file[name], h5py.Group) and "indptr" in file[name]]
    except OSError:
        return []  # not HDF5: the import itself says so
    return [] if "matrix" in groups else groups
