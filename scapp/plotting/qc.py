"""Quality metrics: distributions with their thresholds, and counts against genes."""

from typing import NamedTuple

import numpy as np
import pandas as pd
import plotly.graph_objects as go

from scapp.plotting.palette import palette
from scapp.plotting.theme import KEPT, MUTED, REMOVED, empty_figure, styled

MOST_SAMPLES = 12
SCATTER_CELLS = 20_000
N_BINS = 60


class HistogramData(NamedTuple):
    """Counts of cells in equal bins, per sample, and the least and the greatest value."""

    edges: np.ndarray
    counts: dict[str, np.ndarray]
    least: float = 0.0
    greatest: float = 0.0


def histogram_data(values: np.ndarray, samples: pd.Series | None = None, *, n_bins: int = N_BINS) -> HistogramData:
    """Bin a metric, for all cells together or by sample; beyond 12 samples the rest are pooled."""
    values = np.asarray(values, dtype=float)
    if not values.size:
        return HistogramData(np.array([0.0, 1.0]), {})
    edges = _edges(values, n_bins)
    if samples is None:
        return HistogramData(edges, {"all cells": np.histogram(values, edges)[0]}, values.min(), values.max())
    names = samples.astype(str)
    largest = names.value_counts().index[:MOST_SAMPLES]
    counts = {str(name): np.histogram(values[(names == name).to_numpy()], edges)[0] for name in largest}
    rest = ~names.isin(largest).to_numpy()
    if rest.any():
        counts["other samples"] = np.histogram(values[rest], edges)[0]
    return HistogramData(edges, counts, values.min(), values.max())


def _edges(values: np.ndarray, n_bins: int) -> np.ndarray:
    """Of bins of one width; of whole numbers each bin holds as many of them, or the bars would look like a comb."""
    if not (values == np.round(values)).all():
        return np.histogram_bin_edges(values, bins=n_bins)
    low, high = values.min(), values.max()
    width = max(np.ceil((high - low + 1) / n_bins), 1.0)
    return np.arange(low, high + width + 1, width) - 0.5


def plot_histogram(
    data: HistogramData, *, title: str, lower: float | None = None, upper: float | None = None
) -> go.Figure:
    """Stacked bars with a line at each threshold and the removed side shaded."""
    if not data.counts:
        return empty_figure("no cells")
    figure = go.Figure()
    centres = (data.edges[:-1] + data.edges[1:]) / 2
    width = data.edges[1] - data.edges[0]
    colours = [KEPT] if len(data.counts) == 1 else palette(len(data.counts))
    for (name, counts), colour in zip(data.counts.items(), colours, strict=True):
        figure.add_bar(x=centres, y=counts, width=width, name=name, marker={"color": colour, "line": {"width": 0}})
    low, high = float(data.edges[0]), float(data.edges[-1])
    for limit, start, end in ((lower, low, lower), (upper, upper, high)):
        if limit is None or not data.least < limit < data.greatest:
            continue
        figure.add_vrect(x0=start, x1=end, fillcolor=REMOVED, opacity=0.15, line_width=0)
        figure.add_vline(x=limit, line={"color": REMOVED, "width": 2})
    figure.update_layout(barmode="stack", bargap=0)
    return styled(figure, height=260, x_title=title, y_title="cells", legend=len(data.counts) > 1)


def plot_counts_against_genes(
    counts: np.ndarray, genes: np.ndarray, mitochondrial: np.ndarray | None, removed: np.ndarray
) -> go.Figure:
    """Each cell's counts and genes, coloured by mitochondrial share; removed cells as open red circles.

    Above 20,000 cells a seeded sample is drawn, and the title says so.
    """
    if not len(counts):
        return empty_figure("no cells")
    shown = np.arange(len(counts))
    if len(shown) > SCATTER_CELLS:
        shown = np.sort(np.random.default_rng(0).choice(shown, SCATTER_CELLS, replace=False))
    kept, out = shown[~removed[shown]], shown[removed[shown]]
    figure = go.Figure()
    colour = (
        {"color": KEPT}
        if mitochondrial is None
        else {
            "color": mitochondrial[kept].astype(np.float32),
            "colorscale": "Viridis",
            "colorbar": {"title": {"text": "mitochondrial %"}},
        }
    )
    figure.add_scattergl(
        x=counts[kept].astype(np.float32),
        y=genes[kept].astype(np.float32),
        mode="markers",
        name="kept",
        marker={"size": 5, **colour},
    )
    figure.add_scattergl(
        x=counts[out].astype(np.float32),
        y=genes[out].astype(np.float32),
        mode="markers",
        name="removed",
        marker={"size": 6, "color": REMOVED, "symbol": "circle-open"},
    )
    figure = styled(figure, height=380, x_title="total counts", y_title="genes with counts", legend=True)
    figure.update_layout(legend={"orientation": "h", "y": 1.08, "x": 0})
    if len(shown) < len(counts):
        figure.update_layout(
            title={"text": f"{len(shown):,} of {len(counts):,} cells drawn", "font": {"size": 13, "color": MUTED}}
        )
    return figure
