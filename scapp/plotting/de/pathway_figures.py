"""Why: scores of gene sets by condition, pathways, and the running sum behind one."""

import html
from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
import plotly.graph_objects as go

from scapp.plotting.de.design_figures import condition_colours
from scapp.plotting.theme import KEPT, MUTED, empty_figure, styled
from scapp.plotting.tokens import DOWN, UP

PER_ROW = 3
LONGEST = 46


def plot_scores(
    scores: Mapping[str, np.ndarray],
    condition: pd.Categorical,
    donors: pd.DataFrame,
    *,
    y_title: str = "score",
) -> go.Figure:
    """For each set, a box of the cells' scores per condition and a point per donor's mean (CLEAR paper, Figure 5G and
    H).

    Parameters
    ----------
    scores
        Title -> score of each cell, shape (n_cells,).
    condition
        Of each cell, in order; -1 leaves it out.
    donors
        ``feature`` (title), ``sample``, ``condition``, ``value`` (mean of the donor); without rows where there are no
        donors.
    """
    if not scores:
        return empty_figure("choose gene sets")
    from plotly.subplots import make_subplots

    n_rows = -(-len(scores) // PER_ROW)
    figure = make_subplots(
        rows=n_rows,
        cols=min(PER_ROW, len(scores)),
        subplot_titles=[_short(title) for title in scores],
        vertical_spacing=min(0.32 / n_rows, 0.2),
        horizontal_spacing=0.08,
    )
    names = [str(name) for name in condition.categories]
    shown = [html.escape(name) for name in names]
    colours = condition_colours(len(names))
    rng = np.random.default_rng(0)
    for number, (title, values) in enumerate(scores.items()):
        row, col = number // PER_ROW + 1, number % PER_ROW + 1
        for code, (name, colour) in enumerate(zip(names, colours, strict=True)):
            cells = values[condition.codes == code]
            if len(cells):
                low, first, median, third, high = np.percentile(cells, [5, 25, 50, 75, 95])
                figure.add_box(
                    x=[code],
                    q1=[first],
                    median=[median],
                    q3=[third],
                    lowerfence=[low],
                    upperfence=[high],
                    width=0.6,
                    name=name,
                    legendgroup=name,
                    showlegend=number == 0,
                    line={"color": colour, "width": 1.2},
                    fillcolor="rgba(0,0,0,0)",
                    row=row,
                    col=col,
                )
            mine = donors[(donors["feature"] == title) & (donors["condition"] == name)]
            figure.add_scatter(
                x=code + rng.uniform(-0.16, 0.16, len(mine)),
                y=mine["value"],
                mode="markers",
                marker={"size": 8, "color": colour},
                text=mine["sample"].astype(str),
                hovertemplate="%{text}: mean %{y:.3f}<extra></extra>",
                showlegend=False,
                legendgroup=name,
                row=row,
                col=col,
            )
    figure.update_xaxes(tickvals=list(range(len(names))), ticktext=shown, tickangle=-30 if len(names) > 3 else 0)
    figure.update_yaxes(title_text=y_title, col=1)
    figure.update_layout(
        height=90 + 300 * n_rows,
        margin={"l": 60, "r": 20, "t": 70, "b": 50},
        legend={"orientation": "h", "y": 1, "yref": "container", "yanchor": "top", "x": 0},
    )
    return figure


def plot_pathways(table: pd.DataFrame, *, n_sets: int = 20) -> go.Figure:
    """A bar per set with its direction: red for up, blue for down (CLEAR paper, Figure 5I and J).

    Parameters
    ----------
    table
        As ``analysis.enrichment`` gives it, with ``title``, best first.
    n_sets
        How many are drawn.
    """
    if not len(table):
        return empty_figure("no set to show")
    best = table.head(n_sets)
    is_gsea = best["normalised_score"].notna().any()
    sign = np.where(best["direction"] == "up", 1, -1)
    p = best["p_value_adjusted"].to_numpy(dtype=np.float64)
    length = best["normalised_score"].to_numpy() if is_gsea else sign * -np.log10(np.clip(p, 1e-300, 1))
    order = np.argsort(-length, kind="stable")
    titles = [_short(text) for text in best["title"]]
    # equal short titles would share a bar
    seen: dict[str, int] = {}
    for place, text in enumerate(titles):
        seen[text] = seen.get(text, 0) + 1
        titles[place] = text + "\u200b" * (seen[text] - 1)
    figure = go.Figure(
        go.Bar(
            x=length[order],
            y=[titles[i] for i in order],
            orientation="h",
            marker={
                "color": [UP if sign[i] > 0 else DOWN for i in order],
                "opacity": [1.0 if p[i] <= 0.05 else 0.35 for i in order],
            },
            customdata=best[["set", "title", "p_value_adjusted", "n_genes", "n_leading"]].to_numpy()[order],
            hovertemplate=(
                "%{customdata[1]}<br>adjusted p %{customdata[2]:.2g}, %{customdata[4]} of %{customdata[3]} tested genes"
                " behind it<extra></extra>"
            ),
        )
    )
    title = "normalised enrichment score" if is_gsea else "-log10 adjusted p, to the left for genes that went down"
    figure = styled(figure, height=130 + 24 * len(best), x_title=title, y_title="")
    figure.update_yaxes(type="category", autorange="reversed", automargin=True, dtick=1)
    figure.update_xaxes(zeroline=True)
    return figure


def plot_running_sum(curve: pd.DataFrame, title: str, *, leading: Sequence[str] = ()) -> go.Figure:
    """The running sum of one set along the ranking, where its genes stand, and the statistic below.

    Parameters
    ----------
    curve
        As ``analysis.enrichment.running_sum`` gives it.
    title
        Of the set.
    leading
        Genes (as in ``curve``) of the leading edge, drawn stronger.
    """
    if not len(curve):
        return empty_figure("no gene of this set was tested")
    from plotly.subplots import make_subplots

    figure = make_subplots(rows=3, cols=1, shared_xaxes=True, row_heights=[0.6, 0.1, 0.3], vertical_spacing=0.02)
    figure.add_scattergl(
        x=curve["rank"], y=curve["running_sum"], mode="lines", line={"color": KEPT}, name="running sum", row=1, col=1
    )
    members = curve[curve["member"]]
    edge = members["gene"].isin(list(leading))
    for part, colour, words in ((members[~edge], MUTED, "genes of the set"), (members[edge], UP, "leading edge")):
        figure.add_scatter(
            x=part["rank"],
            y=np.zeros(len(part)),
            mode="markers",
            name=words,
            text=part.get("symbol", part["gene"]),
            marker={"symbol": "line-ns", "size": 16, "line": {"width": 1.5, "color": colour}},
            hovertemplate="%{text}, rank %{x}<extra></extra>",
            row=2,
            col=1,
        )
    step = max(len(curve) // 2000, 1)
    figure.add_scattergl(
        x=curve["rank"][::step],
        y=curve["statistic"][::step],
        mode="lines",
        fill="tozeroy",
        line={"color": MUTED, "width": 1},
        name="statistic",
        row=3,
        col=1,
    )
    figure.add_hline(y=0, line={"width": 1, "color": MUTED}, row=1, col=1)
    figure.update_layout(
        title={"text": _short(title, 80), "x": 0, "font": {"size": 15}},
        height=460,
        margin={"l": 60, "r": 20, "t": 60, "b": 50},
        showlegend=True,
        legend={"orientation": "h", "y": 1.0, "yanchor": "bottom", "x": 0.4},
    )
    figure.update_yaxes(title_text="running sum", row=1, col=1)
    figure.update_yaxes(visible=False, row=2, col=1)
    figure.update_yaxes(title_text="statistic", row=3, col=1)
    figure.update_xaxes(title_text="rank of the gene, highest statistic first", row=3, col=1)
    return figure


def _short(text: str, longest: int = LONGEST) -> str:
    """Plotly reads some HTML in texts, and names of sets are users' own."""
    return html.escape(text if len(text) <= longest else text[: longest - 1] + "…")
