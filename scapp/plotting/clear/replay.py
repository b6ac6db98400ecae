"""What a training run looked like: similarities, agreement with labels, a replay by epoch, one cell's loss."""

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
import plotly.graph_objects as go
from plotly.subplots import make_subplots

from scapp.plotting.map.points import MISSING, marker_size
from scapp.plotting.palette import palette
from scapp.plotting.theme import KEPT, MUTED, REMOVED, SEQUENTIAL, empty_figure, styled

POSITIVE, NEGATIVE = "views of the same", "views of others"
FRAME_MS = 350
BELOW = {"orientation": "h", "y": -0.35, "yanchor": "top", "x": 0}
Frame = Mapping[str, np.ndarray]


def similarity_table(frame: Frame) -> pd.DataFrame:
    """Share of pairs by similarity: ``similarity`` (centre of the bin) and one column for each kind of pair, in
    percent.
    """
    n_bins = len(frame["positive"])
    centres = (np.arange(n_bins) + 0.5) * 2 / n_bins - 1
    return pd.DataFrame(
        {
            "similarity": centres,
            POSITIVE: _percent(frame["positive"]),
            NEGATIVE: _percent(frame["negative"]),
        }
    )


def _percent(counts: np.ndarray) -> np.ndarray:
    return np.asarray(100 * counts / max(counts.sum(), 1), dtype=np.float32)


def plot_similarities(frame: Frame | None) -> go.Figure:
    """How similar views that belong together are, and others, in one frame."""
    if frame is None:
        return empty_figure("waiting for the first epoch", height=240)
    figure = go.Figure(_similarity_bars(similarity_table(frame)))
    figure = styled(figure, height=280, x_title="cosine similarity", y_title="pairs (%)", legend=True)
    figure.update_layout(barmode="overlay", bargap=0, legend=BELOW)
    return figure


def _similarity_bars(table: pd.DataFrame) -> list[go.Bar]:
    return [
        go.Bar(x=table["similarity"], y=table[name], name=name, marker={"color": colour}, opacity=0.6)
        for name, colour in ((NEGATIVE, MUTED), (POSITIVE, KEPT))
    ]


def plot_similarity_course(curves: pd.DataFrame) -> go.Figure:
    """Mean similarity of both kinds of pairs by epoch."""
    seen = _seen(curves, "positive_similarity")
    if not len(seen):
        return empty_figure("waiting for the first epoch", height=240)
    figure = go.Figure()
    mode = "lines" if len(seen) > 1 else "markers"
    for column, name, colour in (
        ("positive_similarity", POSITIVE, KEPT),
        ("negative_similarity", NEGATIVE, MUTED),
    ):
        figure.add_scatter(x=seen["epoch"], y=seen[column], mode=mode, name=name, line={"color": colour, "width": 2})
    figure = styled(figure, height=280, x_title="epoch", y_title="mean similarity", legend=True)
    figure.update_layout(legend=BELOW)
    return figure


def plot_alignment(curves: pd.DataFrame) -> go.Figure:
    """Alignment against uniformity, a point per epoch that was looked at: good runs go down and to the left."""
    seen = _seen(curves, "alignment")
    if not len(seen):
        return empty_figure("waiting for the first epoch", height=240)
    marker = {
        "color": seen["epoch"],
        "colorscale": SEQUENTIAL,
        "size": 7,
        "colorbar": {"title": {"text": "epoch"}, "thickness": 10},
    }
    figure = go.Figure(
        go.Scatter(
            x=seen["uniformity"],
            y=seen["alignment"],
            mode="lines+markers",
            marker=marker,
            line={"color": MUTED, "width": 1},
            customdata=seen["epoch"],
            hovertemplate="epoch %{customdata}<br>uniformity %{x:.2f}, alignment %{y:.2f}<extra></extra>",
        )
    )
    return styled(figure, height=280, x_title="uniformity (lower: more even)", y_title="alignment (lower: closer)")


def plot_agreement(curves: pd.DataFrame) -> go.Figure:
    """Agreement of k-means with the labels by epoch, with PCA's as a dashed line."""
    seen = _seen(curves, "ari")
    if not len(seen):
        return empty_figure("waiting for the first measurement", height=240)
    mode = "lines+markers" if len(seen) > 1 else "markers"
    figure = go.Figure(
        go.Scatter(x=seen["ari_epoch"], y=seen["ari"], mode=mode, name="CLEAR", line={"color": KEPT, "width": 2})
    )
    reference = curves.get("reference_ari", pd.Series(dtype=float)).dropna()
    if len(reference):
        figure.add_hline(
            y=float(reference.iloc[-1]),
            line={"color": MUTED, "dash": "dash"},
            annotation_text="PCA",
            annotation_position="bottom right",
        )
    figure = styled(figure, height=240, x_title="epoch", y_title="k-means ARI")
    figure.update_yaxes(range=[min(0.0, float(seen["ari"].min())), 1.02])
    return figure


def _seen(curves: pd.DataFrame, column: str) -> pd.DataFrame:
    return curves[curves[column].notna()] if column in curves else pd.DataFrame()


def plot_replay(
    frames: Sequence[tuple[int, Frame]],
    colour: pd.Series | None,
    losses: Mapping[int, float],
    colours: list[str] | None = None,
) -> go.Figure:
    """The embedding and the similarities of every frame, to be played in the browser.

    Parameters
    ----------
    frames
        Epoch and frame, ascending; all of the same cells.
    colour
        Annotation of the shown cells, categorical or numeric.
    losses
        Loss by epoch.
    colours
        ``#rrggbb`` per category.
    """
    if not frames:
        return empty_figure("no epoch was kept", height=480)
    figure = make_subplots(
        rows=1,
        cols=2,
        column_widths=[0.62, 0.38],
        horizontal_spacing=0.1,
        subplot_titles=("embedding", "similarities"),
    )
    first = frames[0][1]
    marker, legend = _markers(colour, colours, len(first["shown"]))
    figure.add_trace(
        go.Scattergl(**_points(first), mode="markers", marker=marker, hoverinfo="skip", showlegend=False), 1, 1
    )
    for bars in _similarity_bars(similarity_table(first)):
        figure.add_trace(bars.update(showlegend=False), 1, 2)
    for name, hue in legend:
        figure.add_trace(
            go.Scattergl(x=[None], y=[None], mode="markers", name=name, marker={"color": hue, "size": 9}), 1, 1
        )
    figure.frames = [
        go.Frame(
            name=str(epoch),
            data=[go.Scattergl(**_points(frame)), *_similarity_bars(similarity_table(frame))],
            traces=[0, 1, 2],
            layout=_caption(epoch, losses),
        )
        for epoch, frame in frames
    ]
    reach = 1.05 * max(float(np.abs(frame["points"]).max(initial=1e-6)) for _, frame in frames)
    tallest = max(float(similarity_table(frame)[[POSITIVE, NEGATIVE]].to_numpy().max()) for _, frame in frames)
    figure.update_xaxes(range=[-reach, reach], showticklabels=False, title="component 1", row=1, col=1)
    figure.update_yaxes(range=[-reach, reach], showticklabels=False, title="component 2", row=1, col=1)
    figure.update_xaxes(range=[-1, 1], title="cosine similarity", row=1, col=2)
    figure.update_yaxes(range=[0, min(1.1 * tallest, 100)], title="pairs (%)", row=1, col=2)
    figure.update_layout(
        height=580,
        margin={"l": 50, "r": 20, "t": 70, "b": 120},
        **_caption(frames[0][0], losses),
        barmode="overlay",
        bargap=0,
        legend={"itemsizing": "constant", "title": {"text": str(colour.name) if colour is not None else ""}},
        sliders=[epoch_slider([epoch for epoch, _ in frames])],
        updatemenus=[play_buttons()],
    )
    return figure


def _points(frame: Frame) -> dict[str, np.ndarray]:
    points = np.ascontiguousarray(frame["points"].T, dtype=np.float32)
    return {"x": points[0], "y": points[1]}


def _markers(
    colour: pd.Series | None, colours: list[str] | None, n_shown: int
) -> tuple[dict[str, object], list[tuple[str, str]]]:
    marker: dict[str, object] = {"size": marker_size(n_shown), "color": MUTED}
    if colour is None:
        return marker, []
    if not isinstance(colour.dtype, pd.CategoricalDtype):
        scale = {"title": {"text": str(colour.name)}, "x": 0.57, "thickness": 10}
        return {**marker, "color": colour.to_numpy(dtype=np.float32), "colorscale": SEQUENTIAL, "colorbar": scale}, []
    hues = colours or palette(len(colour.cat.categories))
    codes = colour.cat.codes.to_numpy()
    legend = [(str(name), hue) for name, hue in zip(colour.cat.categories, hues, strict=False)]
    if (codes < 0).any():
        legend.append((MISSING, MUTED))
    return {**marker, "color": [hues[code] if code >= 0 else MUTED for code in codes]}, legend


def epoch_slider(epochs: Sequence[int], noun: str = "epoch") -> dict[str, object]:
    """A slider over the frames of a replay, which are called by their epochs, or whatever the noun says."""
    now = {"mode": "immediate", "frame": {"duration": 0, "redraw": True}, "transition": {"duration": 0}}
    steps = [
        {"method": "animate", "label": str(epoch), "value": str(epoch), "args": [[str(epoch)], now]} for epoch in epochs
    ]
    return {
        "active": 0,
        "steps": steps,
        "currentvalue": {"prefix": f"{noun} "},
        "x": 0.14,
        "len": 0.86,
        "y": -0.1,
        "pad": {"t": 0},
    }


def _caption(epoch: int, losses: Mapping[int, float]) -> dict[str, object]:
    if epoch == 0:
        return {"title": {"text": "before training"}}
    return {"title": {"text": f"epoch {epoch}: loss {losses[epoch]:.3f}" if epoch in losses else f"epoch {epoch}"}}


def play_buttons() -> dict[str, object]:
    """Play and pause."""
    play = {"frame": {"duration": FRAME_MS, "redraw": True}, "transition": {"duration": 0}, "fromcurrent": True}
    halt = {"mode": "immediate", "frame": {"duration": 0, "redraw": False}}
    return {
        "type": "buttons",
        "direction": "left",
        "showactive": False,
        "x": 0,
        "xanchor": "left",
        "y": -0.16,
        "yanchor": "top",
        "buttons": [
            {"label": "▶ Play", "method": "animate", "args": [None, play]},
            {"label": "❚❚", "method": "animate", "args": [[None], halt]},
        ],
    }


def plot_one_cell(table: pd.DataFrame) -> go.Figure:
    """The positive and the hardest negatives of one cell.

    Parameters
    ----------
    table
        ``cell``, ``kind`` (positive or negative), ``similarity`` and ``share of the softmax (%)``, the positive first.
    """
    figure = make_subplots(rows=1, cols=2, shared_yaxes=True, horizontal_spacing=0.04)
    hues = [KEPT if kind == "positive" else REMOVED for kind in table["kind"]]
    for place, column in enumerate(("similarity", "share of the softmax (%)"), start=1):
        figure.add_trace(
            go.Bar(
                x=table[column],
                y=table["cell"],
                orientation="h",
                marker={"color": hues},
                text=[f"{value:.2f}" if place == 1 else f"{value:.1f}" for value in table[column]],
                textposition="outside",
                cliponaxis=False,
                hovertemplate="%{y}: %{x:.3f}<extra></extra>",
            ),
            1,
            place,
        )
        figure.update_xaxes(title="cosine similarity" if place == 1 else column, row=1, col=place)
    figure.update_yaxes(autorange="reversed", automargin=True, type="category")
    figure.update_layout(height=120 + 26 * len(table), showlegend=False, margin={"l": 20, "r": 40, "t": 40, "b": 45})
    return figure
