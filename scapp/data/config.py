"""Choices made when data are read, filtered and normalised."""

from typing import Literal

from scapp.core.config import Config, setting


class ImportConfig(Config):
    """How a file is read."""

    orientation: Literal["auto", "cells_in_rows", "genes_in_rows"] = setting(
        "auto",
        title="Table orientation",
        help="For .csv and .tsv only. 'auto' decides by the names of rows and columns, and says what it decided.",
    )
    genome: str | None = setting(
        None,
        title="Genome",
        help="For 10x .h5 files that hold several genomes: the name of the one to read.",
        advanced=True,
    )
    missing_as_zero: bool = setting(
        False,
        title="Read missing values as zero",
        help="Tick this when an empty field in your table means that no molecule was seen.",
        advanced=True,
    )
    round_to_counts: bool = setting(
        False,
        title="Round to whole counts",
        help=(
            "For expected counts (RSEM, kallisto) and counts cleaned of background (SoupX, CellBender); not for TPM or"
            " RPKM."
        ),
        advanced=True,
    )


class SimulationConfig(Config):
    """A made-up study whose truth is known."""

    n_cells: int = setting(2000, title="Cells", help="Number of cells, doublets included.", ge=20, le=200_000)
    n_genes: int = setting(
        2000, title="Genes", help="Number of genes, of which 13 are mitochondrial.", ge=100, le=30_000
    )
    n_types: int = setting(
        6, title="Cell types", help="Each type is about two thirds the size of the one before.", ge=1, le=40
    )
    n_batches: int = setting(
        2, title="Batches", help="Every gene is a little stronger or weaker in each batch.", ge=1, le=20
    )
    batch_strength: float = setting(
        0.15,
        title="Batch strength",
        help="Standard deviation of a gene's log-fold change between batches. 0 means that batches are alike.",
        ge=0,
        le=2,
        advanced=True,
    )
    type_strength: float = setting(
        1.2,
        title="Type strength",
        help="Standard deviation of a marker gene's log-fold change. Small values make types hard to tell apart.",
        ge=0,
        le=5,
        advanced=True,
    )
    marker_share: float = setting(
        0.1, title="Marker share", help="Share of the genes that differ in each type.", ge=0, le=1, advanced=True
    )
    mean_counts: float = setting(
        3000,
        title="Mean counts per cell",
        help="Average library size.",
        unit="molecules",
        ge=50,
        le=100_000,
        advanced=True,
    )
    dispersion: float = setting(
        0.3,
        title="Dispersion",
        help="Extra gamma noise between cells of one type; 0 is pure Poisson.",
        ge=0,
        le=5,
        advanced=True,
    )
    dropout: float = setting(
        0.1,
        title="Dropout",
        help="Share of the counts set to zero on top of sampling noise.",
        ge=0,
        le=0.95,
        advanced=True,
    )
    doublet_rate: float = setting(
        0.05,
        title="Doublet rate",
        help="Share of the profiles that are the sum of two cells.",
        ge=0,
        le=0.5,
        advanced=True,
    )
    seed: int = setting(0, title="Seed", help="The same seed gives the same study.", ge=0, le=2**31 - 1)


class LineageConfig(Config):
    """A made-up differentiation whose order is known."""

    n_cells: int = setting(1500, title="Cells", help="Number of cells.", ge=20, le=100_000)
    n_genes: int = setting(1000, title="Genes", help="Number of genes.", ge=20, le=20_000)
    n_stages: int = setting(5, title="Stages", help="Time is cut into so many stages.", ge=2, le=20)
    dynamic_share: float = setting(
        0.35, title="Changing genes", help="Share of the genes that change along the lineage.", ge=0, le=1
    )
    mean_counts: float = setting(
        3000, title="Mean counts per cell", help="Average library size.", unit="molecules", ge=50, le=100_000
    )
    seed: int = setting(0, title="Seed", help="The same seed gives the same study.", ge=0, le=2**31 - 1)


class BloodConfig(Config):
    """A made-up study of blood in three conditions."""

    n_cells: int = setting(6000, title="Cells", help="Number of cells of all donors.", ge=200, le=200_000)
    donors_per_group: int = setting(6, title="Donors per condition", help="Each donor has one condition.", ge=2, le=50)
    donor_spread: float = setting(
        0.15,
        title="Donor spread",
        help="Standard deviation of a gene's log-fold change between donors.",
        ge=0,
        le=2,
    )
    batch_spread: float = setting(
        0.1, title="Batch spread", help="Standard deviation of a gene's log-fold change between batches.", ge=0, le=2
    )
    share_precision: float = setting(
        400,
        title="Precision of shares",
        help="How alike donors of one condition are in their shares of cell types; larger is more alike.",
        gt=0,
        le=100_000,
    )
    mean_counts: float = setting(
        3000, title="Mean counts per cell", help="Average library size.", unit="molecules", ge=50, le=100_000
    )
    seed: int = setting(0, title="Seed", help="The same seed gives the same study.", ge=0, le=2**31 - 1)


class DoubletConfig(Config):
    """Doublet scores by Scrublet."""

    expected_doublet_rate: float = setting(
        0.06,
        title="Expected doublet rate",
        help="About 0.8% per 1,000 cells loaded on a 10x lane. Only the scale of the scores depends on it.",
        ge=0.001,
        le=0.5,
    )
    batch_key: str | None = setting(
        None,
        title="Sample column",
        help="Doublets form within a sample, so each sample is scored on its own when you name its column.",
        column=True,
    )
    seed: int = setting(
        0, title="Seed", help="Scrublet simulates doublets at random.", ge=0, le=2**31 - 1, advanced=True
    )


class PrepareConfig(Config):
    """Filtering, normalisation, choice of genes, PCA."""

    min_genes: int = setting(
        200,
        title="Minimum genes per cell",
        help=(
            "Cells with fewer detected genes are often empty droplets. Too high a value loses small cells such as"
            " platelets."
        ),
        unit="genes",
        ge=0,
    )
    max_genes: int | None = setting(
        None,
        title="Maximum genes per cell",
        help="Very many genes can mean two cells in one droplet. Large or dividing cells have many genes as well.",
        unit="genes",
        ge=1,
    )
    min_counts: int = setting(
        0,
        title="Minimum counts per cell",
        help="Cells with few molecules carry little information.",
        unit="counts",
        ge=0,
    )
    max_counts: int | None = setting(
        None,
        title="Maximum counts per cell",
        help="Very many molecules can mean two cells in one droplet.",
        unit="counts",
        ge=1,
    )
    max_pct_mt: float | None = setting(
        None,
        title="Maximum mitochondrial counts",
        help="A high mitochondrial share often marks dying cells; heart and muscle are naturally high.",
        unit="%",
        ge=0,
        le=100,
    )
    max_doublet_score: float | None = setting(
        None,
        title="Maximum doublet score",
        help="Cells that score above this are taken for two cells in one droplet. Needs doublet scores.",
        ge=0,
        le=1,
    )
    min_cells: int = setting(
        3, title="Minimum cells per gene", help="Genes seen in fewer cells than this are dropped.", unit="cells", ge=0
    )
    n_top_genes: int = setting(
        2000,
        title="Highly variable genes",
        help="Genes that models read. Too few hide rare types; too many add noise.",
        unit="genes",
        ge=10,
        le=30_000,
    )
    flavor: Literal["seurat", "cell_ranger", "seurat_v3"] = setting(
        "seurat",
        title="Highly variable by",
        help=(
            "'seurat' and 'cell_ranger' rank the dispersion of log values, 'seurat_v3' the standardised variance of"
            " counts."
        ),
        labels={"seurat": "Seurat", "cell_ranger": "Cell Ranger", "seurat_v3": "Seurat v3"},
        advanced=True,
    )
    batch_key: str | None = setting(
        None,
        title="Choose genes per batch",
        help=(
            "Genes are ranked within each batch and the ranks combined, so that genes that differ only between batches"
            " are not chosen."
        ),
        column=True,
        advanced=True,
    )
    target_sum: float = setting(
        10_000,
        title="Counts per cell after normalisation",
        help="Every cell is scaled to this total before log1p, so that deeply sequenced cells do not stand apart.",
        unit="counts",
        gt=0,
        advanced=True,
    )
    n_pcs: int = setting(
        50,
        title="Principal components",
        help="Dimensions that PCA keeps; fewer where there are fewer cells or genes.",
        ge=2,
        le=200,
        advanced=True,
    )
    scale_for_pca: bool = setting(
        False,
        title="Scale genes before PCA",
        help="Gives every gene the same weight in PCA. Helps with subtle types, and amplifies noise.",
        advanced=True,
    )
    seed: int = setting(
        0,
        title="Seed",
        help="Start of the PCA solver, which is used where cells and chosen genes both exceed 6,000.",
        ge=0,
        le=2**31 - 1,
        advanced=True,
    )


KEEP_EVERYTHING = {"min_genes": 0, "min_counts": 0, "min_cells": 0}
"""Filters of ``PrepareConfig`` that keep every cell and gene."""
