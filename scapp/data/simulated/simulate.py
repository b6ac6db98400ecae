"""A made-up study whose truth is known: for demonstrations, bug reports and tests."""

import anndata as ad
import numpy as np
import pandas as pd
from scipy import sparse

from scapp.data.config import SimulationConfig

MITOCHONDRIAL = [
    "MT-ND1",
    "MT-ND2",
    "MT-CO1",
    "MT-CO2",
    "MT-ATP8",
    "MT-ATP6",
    "MT-CO3",
    "MT-ND3",
    "MT-ND4L",
    "MT-ND4",
    "MT-ND5",
    "MT-ND6",
    "MT-CYB",
]
TYPE_RATIO = 0.65
"""Size of each cell type relative to the one before it."""


def simulate(config: SimulationConfig | None = None) -> ad.AnnData:
    """Simulate gamma-Poisson counts of cells of several types in several batches.

    Each gene has a log-normal mean; in each type a share of the genes is changed by a normal
    log-fold change, in each batch every gene by a smaller one. A cell's library size is log-normal,
    its expected profile is multiplied by gamma noise (variance ``dispersion``), counts are Poisson,
    and a share of them is set to zero. A tenth of the cells are dying: a third of their counts is
    mitochondrial. Doublets are the sum of two cells of the same batch.

    Parameters
    ----------
    config
        Sizes, strengths and seed; the defaults give 2,000 cells, 2,000 genes, 6 types, 2 batches.

    Returns
    -------
    AnnData, shape (n_cells, n_genes), counts in ``layers["counts"]`` (CSR float32); the truth in
    ``obs``: ``cell_type``, ``batch``, ``is_doublet``, ``is_dying``, and in ``var``: ``is_marker``.
    """
    config = config or SimulationConfig()
    rng = np.random.default_rng(config.seed)
    n_cells, n_genes, n_types = config.n_cells, config.n_genes, config.n_types

    weights = TYPE_RATIO ** np.arange(n_types)
    types = rng.choice(n_types, size=n_cells, p=weights / weights.sum())
    types[:n_types] = np.arange(n_types)
    batches = rng.integers(config.n_batches, size=n_cells)
    dying = rng.random(n_cells) < 0.1

    profiles, markers = _profiles(config, rng)
    library = rng.lognormal(np.log(config.mean_counts) - 0.08, 0.4, size=n_cells)
    library[dying] *= 0.4
    counts = np.empty((n_cells, n_genes), dtype=np.float32)
    for start in range(0, n_cells, 4096):
        rows = slice(start, start + 4096)
        counts[rows] = _counts(profiles[types[rows], batches[rows]], library[rows], dying[rows], config, rng)
    doublets = _add_doublets(counts, batches, config, rng)

    genes = [f"Gene{i:05d}" for i in range(n_genes - len(MITOCHONDRIAL))] + MITOCHONDRIAL
    type_names = [f"Type {i + 1}" for i in range(n_types)]
    obs = pd.DataFrame(
        {
            "cell_type": pd.Categorical.from_codes(types, type_names),
            "batch": pd.Categorical.from_codes(batches, [f"batch {i + 1}" for i in range(config.n_batches)]),
            "is_doublet": doublets,
            "is_dying": dying,
        },
        index=[f"cell{i:06d}" for i in range(n_cells)],
    )
    adata = ad.AnnData(obs=obs, var=pd.DataFrame({"is_marker": markers}, index=genes))
    adata.layers["counts"] = sparse.csr_matrix(counts)
    return adata


def _profiles(config: SimulationConfig, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Expected share of each gene by type and batch, (n_types, n_batches, n_genes); which are markers."""
    n_genes = config.n_genes
    base = rng.normal(0, 1.5, size=n_genes)
    base[-len(MITOCHONDRIAL) :] = np.log(0.05 / len(MITOCHONDRIAL) * np.exp(base[: -len(MITOCHONDRIAL)]).sum())
    changed = rng.random((config.n_types, n_genes)) < config.marker_share
    changed[:, -len(MITOCHONDRIAL) :] = False
    by_type = changed * rng.normal(0, config.type_strength, size=(config.n_types, n_genes))
    by_batch = rng.normal(0, config.batch_strength, size=(config.n_batches, n_genes))
    log_profile = base + by_type[:, None, :] + by_batch[None, :, :]
    profile = np.exp(log_profile)
    return (profile / profile.sum(axis=2, keepdims=True)).astype(np.float32), np.asarray(changed.any(axis=0))


def _counts(
    profile: np.ndarray, library: np.ndarray, dying: np.ndarray, config: SimulationConfig, rng: np.random.Generator
) -> np.ndarray:
    """Counts of some cells from their expected profiles, (n_cells, n_genes)."""
    n_mito = len(MITOCHONDRIAL)
    profile = profile.copy()
    profile[dying, :-n_mito] *= 0.7
    profile[dying, -n_mito:] = 0.3 / n_mito
    mean = profile * library[:, None]
    if config.dispersion:
        mean *= rng.gamma(1 / config.dispersion, config.dispersion, size=mean.shape)
    counts = rng.poisson(mean).astype(np.float32)
    counts[rng.random(counts.shape) < config.dropout] = 0
    return counts


def _add_doublets(
    counts: np.ndarray, batches: np.ndarray, config: SimulationConfig, rng: np.random.Generator
) -> np.ndarray:
    """Add a second cell of the same batch to some rows, in place; which rows."""
    n_cells = counts.shape[0]
    doublets = np.zeros(n_cells, dtype=bool)
    doublets[rng.choice(n_cells, round(n_cells * config.doublet_rate), replace=False)] = True
    singlets = np.flatnonzero(~doublets)
    for row in np.flatnonzero(doublets):
        partners = singlets[batches[singlets] == batches[row]]
        if partners.size:
            counts[row] += counts[rng.choice(partners)]
        else:
            doublets[row] = False
    return doublets
