"""Pieces of a page that needs nothing from elsewhere: figures that can be zoomed and saved, tables, headings."""

import html
from collections.abc import Mapping, Sequence

import pandas as pd
import plotly.graph_objects as go
from plotly.offline import get_plotlyjs

from scapp.plotting.tokens import CODE_PAPER, WARNING, WARNING_PAPER

MOST_DRAWN = 25_000
"""Points of a figure up to which it does without WebGL."""
STYLE = (
    "body{font-family:system-ui,sans-serif;max-width:1100px;margin:2rem auto;padding:0 1rem;color:#222;line-height:1.5}"
    "table{border-collapse:collapse;margin:1rem 0}td,th{border-bottom:1px solid #ddd;padding:.25rem"
    " .75rem;text-align:left}"
    f".fault{{border-left:4px solid {WARNING};background:{WARNING_PAPER};padding:.5rem .75rem}}"
    f"pre{{white-space:pre-wrap;background:{CODE_PAPER};padding:1rem}}"
    "td.n{white-space:nowrap;font-variant-numeric:tabular-nums}.scroll{overflow-x:auto}"
)


def page(title: str, sections: Sequence[str]) -> str:
    """The whole page; the title is escaped here, the sections are HTML already."""
    name = html.escape(title)
    return (
        f"<!doctype html><html lang='en'><head><meta charset='utf-8'><title>{name}</title><style>{STYLE}</style>"
        f"<script>{get_plotlyjs()}</script></head><body>{''.join(sections)}</body></html>"
    )


def figure_html(figure: go.Figure) -> str:
    """A figure on white. A browser gives a page few WebGL contexts, so points are drawn without unless there are very
    many.
    """
    figure.update_layout(template="plotly_white")
    if sum(len(trace.x) for trace in figure.data if trace.type == "scattergl" and trace.x is not None) <= MOST_DRAWN:
        content = figure.to_dict()
        for trace in content["data"]:
            trace["type"] = "scatter" if trace["type"] == "scattergl" else trace["type"]
        figure = go.Figure(content)
    return str(figure.to_html(full_html=False, include_plotlyjs=False, config={"displaylogo": False}))


def table_html(table: pd.DataFrame, *, formats: Mapping[str, str] | None = None) -> str:
    """A table, every text escaped.

    Parameters
    ----------
    table
        Without an index that means something.
    formats
        Column -> format specification, such as ``.2e``; missing numbers are left empty.
    """
    formats = formats or {}
    head = "".join(f"<th>{html.escape(str(name))}</th>" for name in table.columns)
    rows = []
    for values in table.itertuples(index=False):
        cells = [_cell(value, formats.get(str(name), "")) for name, value in zip(table.columns, values, strict=True)]
        rows.append(f"<tr>{''.join(cells)}</tr>")
    return f"<div class='scroll'><table><tr>{head}</tr>{''.join(rows)}</table></div>"


def _cell(value: object, spec: str) -> str:
    if isinstance(value, float) and pd.isna(value):
        return "<td></td>"
    if isinstance(value, str):
        return f"<td>{html.escape(value)}</td>"
    return f"<td class='n'>{html.escape(format(value, spec) if spec else str(value))}</td>"
