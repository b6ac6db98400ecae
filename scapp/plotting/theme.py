"""What all figures share."""

import plotly.graph_objects as go

from scapp.plotting.tokens import DATA, HIGHLIGHT, MUTED, SEQUENTIAL

__all__ = ["HIGHLIGHT", "KEPT", "MUTED", "REMOVED", "SEQUENTIAL", "empty_figure", "styled"]
KEPT, REMOVED = DATA, HIGHLIGHT


def styled(figure: go.Figure, *, height: int, x_title: str, y_title: str, legend: bool = False) -> go.Figure:
    """Axis titles, margins and height in one place; background and text colours come from the page's theme."""
    figure.update_layout(
        height=height,
        margin={"l": 60, "r": 20, "t": 30, "b": 50},
        showlegend=legend,
        xaxis={"title": {"text": x_title}},
        yaxis={"title": {"text": y_title}},
        legend={"itemsizing": "constant"},
    )
    return figure


def empty_figure(text: str, *, height: int = 300) -> go.Figure:
    """A figure that says why it is empty."""
    figure = go.Figure()
    figure.update_layout(height=height, xaxis={"visible": False}, yaxis={"visible": False})
    figure.add_annotation(text=text, showarrow=False, x=0.5, y=0.5, xref="paper", yref="paper")
    return figure
