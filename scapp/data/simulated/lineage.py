"""A made-up differentiation whose order is known."""

import anndata as ad
import numpy as np
import pandas as pd
from scipy import sparse

from scapp.data.config import LineageConfig

BRANCH_AT = 0.45
TRUNK, FATES = "progenitor", ("fate A", "fate B")
PATTERNS = ("rises", "falls", "peaks", "only fate A", "only fate B", "constant")


def simulate_lineage(config: LineageConfig | None = None) -> ad.AnnData:
    """Simulate cells along one trunk that branches into two fates.

    A cell stands at a time between 0 and 1; after 0.45 it has one of two fates. A share of the genes changes with
    time: a logistic rise or fall, a Gaussian peak, or a rise in one fate alone; each with its own place and height.
    Counts are gamma-Poisson. Stages cut time into equal parts, and cells near a border are sometimes
    called by the stage beside it, as collected samples are.

    Parameters
    ----------
    config
        Sizes and seed; the defaults give 1,500 cells, 1,000 genes and 5 stages.

    Returns
    -------
    AnnData with counts in ``layers["counts"]``; the truth in ``obs``: ``true_time``, ``stage`` (ordered), ``fate``,
    ``cell_type`` (fate and stage), and in ``var``: ``pattern``.
    """
    config = config or LineageConfig()
    rng = np.random.default_rng(config.seed)
    time = rng.random(config.n_cells)
    fate = np.where(time < BRANCH_AT, -1, rng.integers(2, size=config.n_cells))
    pattern, log_means = _profiles(config, time, fate, rng)
    share = np.exp(log_means)
    share /= share.sum(axis=1, keepdims=True)
    library = rng.lognormal(np.log(config.mean_counts), 0.35, size=config.n_cells)
    mean = share * library[:, None] * rng.gamma(4.0, 0.25, size=share.shape)
    counts = rng.poisson(mean).astype(np.float32)

    told = np.clip(time + rng.normal(0, 0.3 / config.n_stages, size=config.n_cells), 0, 1 - 1e-9)
    stages = (told * config.n_stages).astype(int)
    names = [f"stage {i + 1}" for i in range(config.n_stages)]
    fates = np.where(fate < 0, TRUNK, np.where(fate == 0, *FATES))
    obs = pd.DataFrame(
        {
            "cell_type": pd.Categorical([f"{f}, {names[s]}" for f, s in zip(fates, stages, strict=True)]),
            "stage": pd.Categorical.from_codes(stages, names, ordered=True),
            "fate": pd.Categorical(fates, [TRUNK, *FATES]),
            "true_time": time,
        },
        index=[f"cell{i:05d}" for i in range(config.n_cells)],
    )
    var = pd.DataFrame(
        {"pattern": pd.Categorical(pattern, PATTERNS)}, index=[f"Gene{i:04d}" for i in range(config.n_genes)]
    )
    adata = ad.AnnData(obs=obs, var=var)
    adata.layers["counts"] = sparse.csr_matrix(counts)
    return adata


def _profiles(
    config: LineageConfig, time: np.ndarray, fate: np.ndarray, rng: np.random.Generator
) -> tuple[list[str], np.ndarray]:
    """Pattern of each gene, and log means of shape (n_cells, n_genes)."""
    n_genes = config.n_genes
    changing = rng.random(n_genes) < config.dynamic_share
    kinds = rng.integers(len(PATTERNS) - 1, size=n_genes)
    where, steep = rng.uniform(0.1, 0.9, size=n_genes), rng.uniform(8, 20, size=n_genes)
    height = rng.uniform(1.0, 3.0, size=n_genes)
    logistic = 1 / (1 + np.exp(-steep * (time[:, None] - where)))
    peak = np.exp(-0.5 * ((time[:, None] - where) / 0.12) ** 2)
    after = np.clip((time[:, None] - BRANCH_AT) / 0.3, 0, 1)
    shapes = [logistic, 1 - logistic, peak, after * (fate == 0)[:, None], after * (fate == 1)[:, None]]
    change = np.choose(kinds, np.broadcast_arrays(*shapes)) * height * changing
    pattern = [PATTERNS[kind] if dynamic else "constant" for kind, dynamic in zip(kinds, changing, strict=True)]
    return pattern, rng.normal(0, 1.2, size=n_genes) + change
