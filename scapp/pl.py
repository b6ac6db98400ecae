"""Draw results: plotly figures of CLEAR's training, of augmentations, and of the circles of MLS-CC."""

from collections.abc import Mapping
from typing import Any

import anndata as ad
import numpy as np
import pandas as pd
import plotly.graph_objects as go

from scapp.clear.augment.preview import Sample, certain, stages
from scapp.clear.config import Preset, clear_config
from scapp.core import keys
from scapp.core.errors import ConfigError, DataError
from scapp.data.symbols import gene_symbols
from scapp.plotting.augment import plot_top_genes, profile_table
from scapp.plotting.circles import plot_circle, plot_rims
from scapp.plotting.clear.curves import curves_data, plot_loss
from scapp.steps.anndata_source import AnnDataSource

__all__ = ["augmentation", "circles", "clear_history"]

N_DONORS = 256


def clear_history(adata: ad.AnnData) -> go.Figure:
    """Loss of CLEAR by epoch, with the level at which nothing has been learnt.

    Parameters
    ----------
    adata
        After ``scapp.tl.clear``.

    Raises
    ------
    DataError
        CLEAR was not trained on it.
    """
    if "clear" not in adata.uns:
        raise DataError("There is no uns['clear'].", hint="Call scapp.tl.clear(adata) first.")
    return plot_loss(curves_data(pd.DataFrame(adata.uns["clear"]["history"]).to_dict("records")))


def circles(adata: ad.AnnData, label_key: str, *, cell_type: str | None = None) -> go.Figure:
    """The circle of each type, or of one.

    Parameters
    ----------
    adata
        After ``scapp.tl.circles``.
    label_key
        Column of ``obs`` that names the true types.
    cell_type
        The type whose circle is drawn, a point per cell; None draws all as rims, in the types' own order.

    Raises
    ------
    ScappError
        There are no circles, or no such type or column.
    """
    if "X_mls" not in adata.obsm or "mls" not in adata.uns:
        raise DataError("There is no obsm['X_mls'].", hint="Call scapp.tl.circles(adata, label_key) first.")
    if label_key not in adata.obs:
        raise DataError(f"There is no obs['{label_key}'].", hint="Name the column of true cell types.")
    table = pd.DataFrame(adata.uns["mls"])
    types = table["type"].astype(str).tolist()
    if int(table["dims"].iloc[0]) != 2:
        raise DataError("Each type has more than two dimensions.", hint="Call scapp.tl.circles with circle_dims 2.")
    points = np.asarray(adata.obsm["X_mls"]).reshape(adata.n_obs, len(types), 2)
    codes = pd.Categorical(adata.obs[label_key].astype(str), categories=types).codes.astype(int)
    known = codes >= 0
    if cell_type is None:
        return plot_rims(points[known], codes[known], range(len(types)), types)
    if cell_type not in types:
        raise ConfigError(f"There is no type '{cell_type}'.", hint=f"Choose one of: {', '.join(types)}.")
    code = types.index(cell_type)
    return plot_circle(points[known][:, code], codes[known], types, code)


def augmentation(
    adata: ad.AnnData,
    cell: str | int = 0,
    *,
    preset: Preset = "recommended",
    settings: Mapping[str, Any] | None = None,
    seed: int = 0,
) -> go.Figure:
    """A cell's strongest genes before and after the augmentations of CLEAR.

    Parameters
    ----------
    adata
        As for ``scapp.tl.clear``.
    cell
        Name or number of the cell.
    preset, settings
        Of which augmentations; ``settings`` changes single ones, by their names. All that are on happen.
    seed
        Of what is drawn.

    Raises
    ------
    ScappError
        There is no such cell, or a setting is out of bounds.
    """
    source = AnnDataSource(adata)
    place = int(cell) if isinstance(cell, int) else int(adata.obs_names.get_indexer([cell])[0])
    if not 0 <= place < adata.n_obs:
        raise ConfigError(
            f"There is no cell '{cell}'.", hint=f"Name one of adata.obs_names, or 0 to {adata.n_obs - 1}."
        )
    config = clear_config(preset, augmentation=dict(settings or {}))
    chosen = np.asarray(source.read(keys.var(keys.HIGHLY_VARIABLE)), dtype=bool)
    others = np.random.default_rng(0).permutation(adata.n_obs)[:N_DONORS]
    rows = np.concatenate([[place], others[others != place]])
    profiles = np.asarray(source.matrix(keys.X).rows(rows)[:, chosen].toarray(), dtype=np.float32)
    totals = None
    if config.augmentation.thin_probability > 0:
        totals = np.asarray(source.matrix(keys.COUNTS).rows(rows).sum(axis=1), dtype=np.float32).ravel()
    groups = None
    if config.augmentation.groups_probability > 0:
        from scapp.clear.augment.gene_groups import N_GENE_GROUPS, gene_groups

        groups = gene_groups(profiles, N_GENE_GROUPS, 0)
    found = stages(Sample(profiles, config.scale_input, groups, totals), 0, certain(config.augmentation), seed)
    after = found[-1].profile if found else profiles[0]
    genes = gene_symbols(adata.var_names, adata.var)[chosen]
    return plot_top_genes(profile_table(profiles[0], after, genes.tolist()))
