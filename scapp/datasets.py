"""AnnData objects that need no network: a real set of blood cells, and made-up studies whose truth is known."""

import anndata as ad

from scapp.data.config import BloodConfig, LineageConfig, SimulationConfig
from scapp.data.examples import load_pbmc
from scapp.data.simulated.blood import simulate_blood
from scapp.data.simulated.lineage import simulate_lineage
from scapp.data.simulated.simulate import simulate as simulate_study

__all__ = ["blood_study", "lineage", "pbmc", "simulate"]


def pbmc() -> ad.AnnData:
    """700 blood cells x 765 genes with ten labelled types in ``obs["cell_type"]``, bundled with scanpy.

    Returns
    -------
    Raw counts in ``X`` and ``layers["counts"]``.

    References
    ----------
    Zheng et al. 2017, Nature Communications 8: 14049.
    """
    return _with_counts(load_pbmc())


def simulate(
    n_cells: int = 2000,
    n_genes: int = 1000,
    n_types: int = 6,
    n_batches: int = 2,
    *,
    type_strength: float | None = None,
    batch_strength: float | None = None,
    doublet_rate: float | None = None,
    seed: int = 0,
) -> ad.AnnData:
    """A made-up study: one line for a bug report.

    Parameters
    ----------
    n_cells, n_genes, n_types, n_batches
        How many of each.
    type_strength, batch_strength, doublet_rate
        How far types and batches differ, and the share of doublets; None takes the defaults of
        ``scapp.data.config.SimulationConfig``.
    seed
        Equal seeds give equal studies.

    Returns
    -------
    Raw counts in ``X`` and ``layers["counts"]``; the truth in ``obs``.

    Raises
    ------
    ConfigError
        A number is out of bounds.
    """
    given = {"type_strength": type_strength, "batch_strength": batch_strength, "doublet_rate": doublet_rate}
    config = SimulationConfig.build(
        {
            "n_cells": n_cells,
            "n_genes": n_genes,
            "n_types": n_types,
            "n_batches": n_batches,
            "seed": seed,
            **{name: value for name, value in given.items() if value is not None},
        }
    )
    return _with_counts(simulate_study(config))


def lineage(n_cells: int = 1500, n_genes: int = 1000, *, n_stages: int = 5, seed: int = 0) -> ad.AnnData:
    """A made-up differentiation whose order is known.

    Parameters
    ----------
    n_cells, n_genes, n_stages
        How many of each.
    seed
        Equal seeds give equal data.

    Returns
    -------
    Raw counts in ``X`` and ``layers["counts"]``; each cell's true time and stage in ``obs``.

    Raises
    ------
    ConfigError
        A number is out of bounds.
    """
    values = {"n_cells": n_cells, "n_genes": n_genes, "n_stages": n_stages, "seed": seed}
    return _with_counts(simulate_lineage(LineageConfig.build(values)))


def blood_study(n_cells: int = 6000, *, donors_per_group: int = 6, seed: int = 0) -> ad.AnnData:
    """A made-up study of blood in health and in a moderate and a severe infection, with planted truth.

    Parameters
    ----------
    n_cells
        Of all donors.
    donors_per_group
        Donors of each of the three conditions.
    seed
        Equal seeds give equal data.

    Returns
    -------
    Raw counts in ``X`` and ``layers["counts"]``; types, donors and conditions in ``obs``.

    Raises
    ------
    ConfigError
        A number is out of bounds.
    """
    values = {"n_cells": n_cells, "donors_per_group": donors_per_group, "seed": seed}
    return _with_counts(simulate_blood(BloodConfig.build(values)))


def _with_counts(adata: ad.AnnData) -> ad.AnnData:
    """The same counts in X, where scanpy looks."""
    adata.X = adata.layers["counts"].copy()
    return adata
