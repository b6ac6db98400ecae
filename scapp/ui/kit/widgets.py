"""Figures and tables with their downloads, and the map with its selection."""

from collections.abc import Callable, Mapping
from typing import Any, Literal

import pandas as pd
import plotly.graph_objects as go
import streamlit as st

from scapp.analysis.map.selection import Polygon
from scapp.steps.config import RELIABLE_SHARE
from scapp.ui.kit.downloads import download_csv, say_figure
from scapp.ui.kit.table_heads import heads, without_zero

MOST_ROWS = 10_000


def show_gene_match(result: Mapping[str, Any], reader: str, taken: str) -> None:
    """How many of a model's genes a dataset has, as a warning where much is missing.

    Parameters
    ----------
    result
        Summary of a step that aligned genes.
    reader, taken
        What reads, and what is to be taken with care.
    """
    known, total = result["n_genes"] - result["n_genes_missing"], result["n_genes"]
    matched = (
        f"{known:,} of the {reader}'s {total:,} genes were found by their {result['genes_matched_by']}; they hold"
        f" {result['covered']:.0%} of what it reads."
    )
    if result["covered"] < RELIABLE_SHARE:
        st.warning(f"{matched} With so much missing, take the {taken} with care.")
    else:
        st.success(matched)


def show_figure(
    figure: go.Figure,
    *,
    key: str,
    name: str,
    alt: str,
    select: bool = False,
    on_click: Callable[[], None] | None = None,
    lasso: bool = False,
) -> Any:
    """Draw a figure; its mode bar saves it as SVG, or PNG when so chosen in the page's menu.

    Parameters
    ----------
    figure
        What to draw.
    key
        Of the widget.
    name
        Of the downloaded file, without ending.
    alt
        What the figure shows, for screen readers.
    select
        Let the user select by lasso and box; the selection comes back.
    on_click
        Called when the user has clicked on a point; ``clicked`` says on which.
    lasso
        With ``on_click``, several points may be chosen at once by lasso or box.
    """
    say_figure()
    image = {"format": st.session_state.get("image_format", "svg"), "filename": name, "scale": 2}
    config = {"displaylogo": False, "toImageButtonOptions": image, "displayModeBar": True}
    if on_click is not None:
        modes: tuple[Literal["points", "box", "lasso"], ...] = ("points", "box", "lasso") if lasso else ("points",)
        return st.plotly_chart(figure, key=key, config=config, alt=alt, on_select=on_click, selection_mode=modes)
    if not select:
        return st.plotly_chart(figure, key=key, config=config, alt=alt)
    return st.plotly_chart(figure, key=key, config=config, alt=alt, on_select="rerun", selection_mode=("lasso", "box"))


def show_table(
    table: pd.DataFrame,
    *,
    key: str,
    name: str,
    alt: str,
    index_name: str | None = None,
    numbers: Mapping[str, str] | None = None,
) -> None:
    """A table, offered as CSV.

    Parameters
    ----------
    table
        What to show; above 10,000 rows the first ones, and the download has all.
    key, name
        Of the widgets, and of the file without ending.
    alt
        What the table holds, for screen readers.
    index_name
        Show the index as a column of this name.
    numbers
        Column -> printf format.
    """
    if index_name is not None:
        table = table.rename_axis(index_name).reset_index()
    shown = without_zero(table.head(MOST_ROWS))
    # the index may be a column of the user's, whose name means what the user means
    config = heads(shown.drop(columns=[index_name] if index_name else []), numbers or {})
    st.dataframe(shown, hide_index=True, alt=alt, key=f"{key}.table", column_config=config)
    if len(table) > MOST_ROWS:
        st.caption(f"The first {MOST_ROWS:,} of {len(table):,} rows are shown; the download has all.")
    download_csv(table, key=key, name=name)


def clicked(event: Any) -> list[str]:
    """What the points that were clicked on stand for: the first of their ``customdata``."""
    selection = getattr(event, "selection", None) or {}
    return [
        str(data[0] if isinstance(data, list) else data)
        for point in selection.get("points", [])
        if (data := point.get("customdata"))
    ]


def selected_polygons(event: Any) -> list[Polygon]:
    """Lasso and box selections of a figure as polygons of (x, y) corners."""
    selection = getattr(event, "selection", None) or {}
    polygons: list[Polygon] = [list(zip(lasso["x"], lasso["y"], strict=True)) for lasso in selection.get("lasso", [])]
    for box in selection.get("box", []):
        (left, right), (bottom, top) = sorted(box["x"]), sorted(box["y"])
        polygons.append([(left, bottom), (right, bottom), (right, top), (left, top)])
    return polygons
