"""Read and prepare data: any file as AnnData; filtering, normalisation, variable genes and PCA.

The functions carry out the steps of the web app and of the command line, with the same results.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

import anndata as ad

from scapp.core import keys
from scapp.core.errors import ConfigError
from scapp.data.config import DoubletConfig, ImportConfig, PrepareConfig
from scapp.data.formats.reader import read as read_file
from scapp.data.qc.quality_metrics import qc_metrics
from scapp.jobs.in_memory import run_step, write_values
from scapp.steps.anndata_source import AnnDataSource

__all__ = ["doublets", "prepare", "read"]


def read(
    path: str | Path,
    *,
    orientation: Literal["auto", "genes_in_rows", "cells_in_rows"] = "auto",
    genome: str | None = None,
    missing_as_zero: bool = False,
    round_to_counts: bool = False,
) -> ad.AnnData:
    """Read a file or folder of any supported format.

    Parameters
    ----------
    path
        ``.h5ad``, ``.zarr``, ``.loom``, 10x folder or ``.h5``, text table (compressed or not).
    orientation
        Of a text table; ``auto`` looks at the names.
    genome
        Of a 10x file with several.
    missing_as_zero
        Whether an empty field means that no molecule was seen.
    round_to_counts
        Whether expected counts are rounded to whole ones.

    Returns
    -------
    AnnData of shape (n_cells, n_genes), with raw counts in ``layers["counts"]`` and in ``X`` where the file
    holds them; what was noticed stands in ``uns["scapp_findings"]``.

    Raises
    ------
    ScappError
        The file is not what a reader can use; the message says what was found and what to do.
    """
    config = ImportConfig.build(
        {
            "orientation": orientation,
            "genome": genome,
            "missing_as_zero": missing_as_zero,
            "round_to_counts": round_to_counts,
        }
    )
    imported = read_file(Path(path), config)
    adata = imported.in_memory()
    if adata.X is None:
        adata.X = adata.layers["counts" if "counts" in adata.layers else "expression"].copy()
    adata.uns["scapp_findings"] = [f"{finding.sentence} {finding.fix}".strip() for finding in imported.findings]
    return adata


def prepare(
    adata: ad.AnnData,
    *,
    min_genes: int = 0,
    min_cells: int = 0,
    n_top_genes: int = 2000,
    batch_key: str | None = None,
    settings: Mapping[str, Any] | None = None,
    copy: bool = False,
) -> ad.AnnData | None:
    """Filter, normalise to 10,000 counts a cell, take the logarithm, choose variable genes, compute PCA.

    Parameters
    ----------
    adata
        Raw counts in ``layers["counts"]``, or in ``X``; log-normalised values in ``X`` are used as they are.
    min_genes, min_cells
        Cells with fewer detected genes, and genes in fewer cells, are removed; by default none.
    n_top_genes
        How many highly variable genes are chosen.
    batch_key
        Column of ``obs``; genes are then chosen in each batch and the choices combined.
    settings
        Other settings of ``scapp qc``, by their names.
    copy
        Whether to return a changed copy instead of changing ``adata``.

    Returns
    -------
    The copy, or None. Written are ``X``, ``layers["counts"]``, ``var["highly_variable"]``, ``obsm["X_pca"]``,
    ``varm["PCs"]`` and the quality metrics of ``obs`` and ``var``.

    Raises
    ------
    ScappError
        A setting is out of bounds, or nothing is left.
    """
    adata = adata.copy() if copy else adata
    config = PrepareConfig.build(
        {
            **(settings or {}),
            "min_genes": min_genes,
            "min_cells": min_cells,
            "n_top_genes": n_top_genes,
            "batch_key": batch_key,
        }
    )
    if config.max_doublet_score is not None and keys.DOUBLET_SCORE not in adata.obs:
        raise ConfigError("There are no doublet scores.", hint="Call scapp.pp.doublets(adata) first.")
    source = AnnDataSource(adata)
    if keys.COUNTS in source.slots:
        # what the filters look at is measured as on import
        cells, genes = qc_metrics(source.matrix(keys.COUNTS), adata.var_names, adata.var)
        adata.obs = adata.obs.assign(**{name: cells[name].to_numpy() for name in cells})
        adata.var = adata.var.assign(**{name: genes[name].to_numpy() for name in genes})
    outcome, _ = run_step(adata, "prepare", config)
    assert outcome.new_dataset is not None
    values = dict(outcome.new_dataset.values)
    adata._inplace_subset_obs(adata.obs_names.isin(values.pop(keys.OBS_NAMES)))
    adata._inplace_subset_var(adata.var_names.isin(values.pop(keys.VAR_NAMES)))
    adata.uns["log1p"] = {}  # natural; a None in it cannot be read by anndata before 0.12
    write_values(adata, "prepare", config, values, outcome.summary)
    return adata if copy else None


def doublets(
    adata: ad.AnnData, *, batch_key: str | None = None, settings: Mapping[str, Any] | None = None, copy: bool = False
) -> ad.AnnData | None:
    """Score how likely each cell is a doublet, by Scrublet on raw counts.

    Parameters
    ----------
    adata
        Raw counts in ``layers["counts"]``, or in ``X``.
    batch_key
        Column of ``obs``: doublets arise within a sample, so each is scored by itself.
    settings
        Other settings of the step, by their names.
    copy
        Whether to return a changed copy instead of changing ``adata``.

    Returns
    -------
    The copy, or None. Written is ``obs["doublet_score"]``.

    Raises
    ------
    ScappError
        There are no counts, or a setting is out of bounds.
    """
    adata = adata.copy() if copy else adata
    config = DoubletConfig.build({**(settings or {}), "batch_key": batch_key})
    outcome, _ = run_step(adata, "doublets", config)
    write_values(adata, "doublets", config, outcome.values, outcome.summary)
    return adata if copy else None
