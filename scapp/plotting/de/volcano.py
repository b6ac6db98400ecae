"""What changes: volcano, MA plot, and genes by donor."""

import html
from collections.abc import Sequence

import numpy as np
import pandas as pd
import plotly.graph_objects as go

from scapp.plotting.theme import MUTED, empty_figure, styled
from scapp.plotting.tokens import DOWN, UNCHANGED, UP

"""Red and blue, as in the CLEAR paper's Figure 5."""
SIZE = (390, 400)
"""About the width and height in pixels of the drawing area of a figure that shares its row with another: labels are
kept apart as if it had this size.
"""
CHARACTER, LINE = 7.5, 15
DIRECTIONS = ((0, -1), (1, -1), (-1, -1), (1, 0), (-1, 0), (0, 1), (1, 1), (-1, 1))
DISTANCES = (16, 30, 46, 64)
LEAST_P = 1e-300
WIDEST_FOLD = 15.0
"""|log2 fold change| beyond which points stand at the edge: a gene that one side never shows has no finite one."""


def sides(table: pd.DataFrame, *, max_p: float, min_log2_fold: float) -> pd.Series:
    """``up``, ``down`` or ``no`` for each gene, by thresholds on the adjusted p and the fold change."""
    passing = (table["p_value_adjusted"] <= max_p) & (table["log2_fold_change"].abs() >= min_log2_fold)
    side = np.where(table["log2_fold_change"] > 0, "up", "down")
    return pd.Series(np.where(passing, side, "no"), index=table.index)


def place_labels(points: np.ndarray, texts: Sequence[str]) -> list[tuple[float, float] | None]:
    """Offsets in pixels at which labels collide neither with each other nor with the points that they name.

    Parameters
    ----------
    points
        In pixels, y downwards, the most important first, shape (n, 2).
    texts
        One per point.

    Returns
    -------
    (x, y) from the point to the middle of its label; None where there is no room.
    """
    taken: list[tuple[float, float, float, float]] = []
    found: list[tuple[float, float] | None] = []
    for (x, y), text in zip(points, texts, strict=True):
        half = CHARACTER * max(len(text), 1) / 2
        place = None
        for distance in DISTANCES:
            for right, down in DIRECTIONS:
                dx, dy = right * (distance + half * 0.8), down * distance
                box = (x + dx - half, y + dy - LINE / 2, x + dx + half, y + dy + LINE / 2)
                inside = box[0] > -10 and box[2] < SIZE[0] + 10 and box[1] > 0 and box[3] < SIZE[1]
                if inside and not _hits(box, taken) and not _holds_point(box, points):
                    place = (dx, dy)
                    taken.append(box)
                    break
            if place is not None:
                break
        found.append(place)
    return found


def _hits(box: tuple[float, float, float, float], others: list[tuple[float, float, float, float]]) -> bool:
    return any(box[0] < o[2] and o[0] < box[2] and box[1] < o[3] and o[1] < box[3] for o in others)


def _holds_point(box: tuple[float, float, float, float], points: np.ndarray) -> bool:
    inside = (points[:, 0] > box[0]) & (points[:, 0] < box[2]) & (points[:, 1] > box[1]) & (points[:, 1] < box[3])
    return bool(inside.any())


def plot_volcano(
    table: pd.DataFrame,
    *,
    max_p: float,
    min_log2_fold: float,
    n_labels: int = 20,
    chosen: Sequence[str] = (),
    x_title: str = "log2 fold change",
) -> go.Figure:
    """Fold change against p, with the strongest and the chosen genes named.

    Parameters
    ----------
    table
        ``gene``, ``symbol``, ``log2_fold_change``, ``p_value``, ``p_value_adjusted``, ``mean``, ``strength``; genes
        without a p are left out.
    max_p, min_log2_fold
        Thresholds, drawn as lines.
    n_labels
        How many genes are named, by their ``strength`` among those that pass; fewer where labels would collide.
    chosen
        Genes (as in ``gene``) that are circled and named first.
    x_title
        Says what is compared with what.
    """
    known = table[table["p_value"].notna()]
    if not len(known):
        return empty_figure("no gene was tested", height=480)
    x = known["log2_fold_change"].clip(-WIDEST_FOLD, WIDEST_FOLD).to_numpy()
    y = -np.log10(known["p_value"].clip(lower=LEAST_P).to_numpy())
    side = sides(known, max_p=max_p, min_log2_fold=min_log2_fold)
    figure = _by_side(known, x, y, side, "p = %{customdata[3]:.2g}")
    passing_p = known.loc[known["p_value_adjusted"] <= max_p, "p_value"]
    for fold in (-min_log2_fold, min_log2_fold):
        figure.add_vline(x=fold, line={"dash": "dot", "color": MUTED, "width": 1})
    if len(passing_p):
        figure.add_hline(
            y=-np.log10(max(float(passing_p.max()), LEAST_P)), line={"dash": "dot", "color": MUTED, "width": 1}
        )
    figure = _finish(figure, x_title=x_title, y_title="-log10 p")
    span = max(float(np.abs(x).max()), 2 * min_log2_fold, 1e-6) * 1.08
    top = max(float(y.max()), 1e-6) * 1.1
    figure.update_xaxes(range=[-span, span])
    figure.update_yaxes(range=[-0.02 * top, top])
    _name(figure, known, x, y, side, chosen, n_labels, (-span, span), (0.0, top))
    return figure


def plot_ma(
    table: pd.DataFrame,
    *,
    max_p: float,
    min_log2_fold: float,
    n_labels: int = 20,
    chosen: Sequence[str] = (),
    y_title: str = "log2 fold change",
    logarithmic: bool = True,
) -> go.Figure:
    """Mean against fold change: are changes where there is enough to count?

    Parameters
    ----------
    table
        As for ``plot_volcano``.
    logarithmic
        The mean is of counts and drawn on a logarithmic axis; means of log values are not.
    max_p, min_log2_fold, n_labels, chosen, y_title
        As for ``plot_volcano``.
    """
    known = table[table["mean"] > 0]
    if not len(known):
        return empty_figure("no gene was tested", height=480)
    mean = known["mean"].to_numpy(dtype=np.float64)
    x = np.log10(mean) if logarithmic else mean
    y = known["log2_fold_change"].clip(-WIDEST_FOLD, WIDEST_FOLD).to_numpy()
    side = sides(known, max_p=max_p, min_log2_fold=min_log2_fold)
    figure = _by_side(known, x, y, side, "mean %{customdata[4]:.3g}")
    figure.add_hline(y=0, line={"color": MUTED, "width": 1})
    title = "mean of normalised counts" if logarithmic else "mean of log-normalised values"
    figure = _finish(figure, x_title=title, y_title=y_title)
    if logarithmic:
        ticks = list(range(int(np.floor(x.min())), int(np.ceil(x.max())) + 1))
        figure.update_xaxes(tickvals=ticks, ticktext=[f"{10.0**tick:g}" for tick in ticks])
    span = max(float(np.abs(y).max()), 1e-6) * 1.1
    figure.update_yaxes(range=[-span, span])
    margin = 0.06 * max(float(np.ptp(x)), 1e-6)
    bounds = (float(x.min()) - margin, float(x.max()) + margin)
    figure.update_xaxes(range=list(bounds))
    _name(figure, known, x, y, side, chosen, n_labels, bounds, (-span, span))
    return figure


def _by_side(known: pd.DataFrame, x: np.ndarray, y: np.ndarray, side: pd.Series, last: str) -> go.Figure:
    figure = go.Figure()
    data = known[["gene", "symbol", "log2_fold_change", "p_value", "mean", "p_value_adjusted"]].to_numpy()
    for name, colour in (("no", MUTED), ("down", DOWN), ("up", UP)):
        here = (side == name).to_numpy()
        words = {"no": "not passing", "up": "up", "down": "down"}[name]
        figure.add_scattergl(
            x=x[here],
            y=y[here],
            mode="markers",
            name=f"{words} ({int(here.sum()):,})",
            customdata=data[here],
            marker={"size": 5 if name == "no" else 6, "color": colour, "opacity": 0.5 if name == "no" else 0.85},
            hovertemplate=(
                "%{customdata[1]}<br>log2 fold change %{customdata[2]:.2f}, adjusted p %{customdata[5]:.2g}<br>"
            )
            + last
            + "<extra></extra>",
        )
    return figure


def _finish(figure: go.Figure, *, x_title: str, y_title: str) -> go.Figure:
    """Titles, and the legend below the mode bar."""
    figure = styled(figure, height=SIZE[1] + 110, x_title=x_title, y_title=y_title, legend=True)
    figure.update_layout(margin={"t": 70}, legend={"orientation": "h", "y": 1.01, "yanchor": "bottom", "x": 0})
    return figure


def _name(
    figure: go.Figure,
    known: pd.DataFrame,
    x: np.ndarray,
    y: np.ndarray,
    side: pd.Series,
    chosen: Sequence[str],
    n_labels: int,
    x_range: tuple[float, float],
    y_range: tuple[float, float],
) -> None:
    """Names beside points, in an order of importance."""
    is_chosen = known["gene"].isin(list(chosen)).to_numpy()
    by_strength = np.argsort(-np.where(side == "no", -1.0, known["strength"].to_numpy()), kind="stable")
    strongest = [i for i in by_strength if side.iloc[i] != "no" and not is_chosen[i]]
    named = [*np.flatnonzero(is_chosen), *strongest][: max(n_labels, int(is_chosen.sum()))]
    if not named:
        return
    wide, high = SIZE
    pixels = np.column_stack(
        [
            (x[named] - x_range[0]) / (x_range[1] - x_range[0]) * wide,
            (y_range[1] - y[named]) / (y_range[1] - y_range[0]) * high,
        ]
    )
    texts = [str(known["symbol"].iloc[i]) for i in named]
    for i, text, place in zip(named, texts, place_labels(pixels, texts), strict=True):
        if place is not None:
            figure.add_annotation(
                x=x[i],
                y=y[i],
                text=text,
                ax=place[0],
                ay=place[1],
                arrowwidth=0.8,
                arrowhead=0,
                arrowcolor=MUTED,
                font={"size": 12},
                standoff=3,
            )
    if is_chosen.any():
        figure.add_scatter(
            x=x[is_chosen],
            y=y[is_chosen],
            mode="markers",
            name="chosen",
            hoverinfo="skip",
            showlegend=False,
            marker={"size": 12, "color": "rgba(0,0,0,0)", "line": {"width": 1.5, "color": MUTED}},
        )


def means_by_sample(values: np.ndarray, codes: np.ndarray, n_samples: int) -> np.ndarray:
    """Mean over the cells of each sample, shape (n_samples, n_genes); NaN where a sample has no cell.

    Parameters
    ----------
    values
        Shape (n_cells, n_genes).
    codes
        Sample of each cell, -1 for none.
    """
    known = codes >= 0
    sizes = np.bincount(codes[known], minlength=n_samples)
    sums = np.column_stack([np.bincount(codes[known], weights=v[known], minlength=n_samples) for v in values.T])
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.where(sizes[:, None] > 0, sums / sizes[:, None], np.nan)


def plot_gene_samples(
    means: np.ndarray, genes: Sequence[str], samples: pd.DataFrame, *, row_height: int = 20
) -> go.Figure:
    """Genes (rows) by donors (columns, ordered by condition): how many standard deviations from the gene's mean (CLEAR
    paper, Figure 5F).

    Parameters
    ----------
    means
        Mean log-normalised values, shape (n_samples, n_genes), as ``means_by_sample`` gives them.
    genes
        Labels of the columns of ``means``.
    samples
        ``sample`` and ``condition``, a row for each row of ``means``, by condition.
    row_height
        Of a gene, in pixels.
    """
    if not len(genes) or not len(samples):
        return empty_figure("choose genes")
    known = np.isfinite(means).all(axis=1)
    if not known.any():
        return empty_figure("no donor has cells of this comparison")
    shown, table = means[known], samples[known].reset_index(drop=True)
    spread = shown.std(axis=0)
    scaled = (shown - shown.mean(axis=0)) / np.where(spread > 0, spread, 1)
    limit = max(float(np.abs(scaled).max()), 1e-6)
    names = table["sample"].astype(str).tolist()
    heat = go.Heatmap(
        z=scaled.T,
        x=names,
        y=list(genes),
        zmin=-limit,
        zmax=limit,
        colorscale=[[0, DOWN], [0.5, UNCHANGED], [1, UP]],
        customdata=shown.T,
        hovertemplate="%{y} in %{x}: mean %{customdata:.2f}, %{z:.2f} SD from the gene's mean<extra></extra>",
        colorbar={"title": {"text": "SD from the<br>gene's mean"}},
    )
    figure = styled(go.Figure(heat), height=190 + row_height * len(genes), x_title="", y_title="")
    figure.update_layout(margin_t=60)  # names of conditions stay below the figure's own buttons
    figure.update_yaxes(type="category", autorange="reversed", automargin=True, dtick=1)
    figure.update_xaxes(type="category", tickangle=-60, automargin=True, dtick=1)
    conditions = table["condition"].astype(str)
    starts = [i for i in range(len(names)) if i == 0 or conditions[i] != conditions[i - 1]]
    for start, stop in zip(starts, [*starts[1:], len(names)], strict=True):
        if start:
            figure.add_vline(x=start - 0.5, line={"width": 2, "color": MUTED})
        figure.add_annotation(
            x=(start + stop - 1) / 2,
            y=1,
            yref="paper",
            yanchor="bottom",
            text=f"<b>{html.escape(conditions[start])}</b>",
            showarrow=False,
        )
    return figure
