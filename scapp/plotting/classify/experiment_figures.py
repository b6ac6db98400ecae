"""The thesis's figures 5 and 6 for any data, and how models stand dropout."""

import numpy as np
import pandas as pd
import plotly.graph_objects as go
from plotly.subplots import make_subplots

from scapp.plotting.palette import palette
from scapp.plotting.theme import MUTED, empty_figure, styled

COMPONENT_COLOURS = {"mlp": MUTED, "mls": "#e8833a", "competing": "#3a7ca5"}
"""Grey and orange, as in the thesis; blue."""
COMPONENT_TITLES = {"mlp": "MLP-CC", "mls": "MLS-CC", "competing": "competing circles"}
BASE_TITLES = {"lr": "Logistic regression", "actinn": "ACTINN", "scdae": "scDAE", "clear": "X_clear"}
REFERENCE_TITLES = {
    "sklearn_lr": "Logistic regression (scikit-learn)",
    "pca_svm": "PCA + SVM",
    "boosting": "Gradient boosting",
    "knn_pca": "Nearest neighbours on PCA",
    "knn_clear": "Nearest neighbours on X_clear",
    "xgboost": "XGBoost",
    "celltypist": "CellTypist",
}
FIGURE_TITLES = {"macro_f1": "macro F1", "top1": "top-1 accuracy", "mean_auprc": "mean AUPRC"}


def title_of(model: str) -> str:
    """A model of the experiment in words: 'lr+mls' is 'Logistic regression + MLS-CC'."""
    base, _, component = model.partition("+")
    title = REFERENCE_TITLES.get(base) or BASE_TITLES.get(base, base)
    return f"{title} + {COMPONENT_TITLES[component]}" if component in COMPONENT_TITLES else title


def differences(results: pd.DataFrame) -> pd.DataFrame:
    """What a component changes, paired by seed.

    Parameters
    ----------
    results
        A row per training: ``setting``, ``seed``, ``base``, ``component``, ``macro_f1``, ``top1``, ``mean_auprc``.

    Returns
    -------
    ``setting``, ``base``, ``component``, ``n_seeds`` and, of each figure, mean and standard deviation (``_sd``) of with
    - without.
    """
    ours = results[results["component"].isin(["none", *COMPONENT_TITLES])]
    plain = ours[ours["component"] == "none"].set_index(["setting", "seed", "base"])
    figures = list(FIGURE_TITLES)
    rows = []
    for (setting, base, component), part in ours[ours["component"] != "none"].groupby(
        ["setting", "base", "component"], sort=False
    ):
        paired = part.set_index(["setting", "seed", "base"])[figures]
        gain = (paired - plain[figures].reindex(paired.index)).dropna()
        row = {"setting": setting, "base": base, "component": component, "n_seeds": len(gain)}
        for name in figures:
            row |= {name: gain[name].mean(), f"{name}_sd": gain[name].std(ddof=1)}
        rows.append(row)
    columns = ["setting", "base", "component", "n_seeds", *(c for name in figures for c in (name, f"{name}_sd"))]
    return pd.DataFrame(rows, columns=columns)


def plot_differences(found: pd.DataFrame, figure_name: str, titles: dict[str, str]) -> go.Figure:
    """Bars of what each component adds to each base model, a panel per setting (thesis, Figure 5).

    Parameters
    ----------
    found
        Of ``differences``.
    figure_name
        ``macro_f1``, ``top1`` or ``mean_auprc``.
    titles
        Of the settings.
    """
    if not len(found):
        return empty_figure("no model was trained with and without a component", height=360)
    settings = list(dict.fromkeys(found["setting"]))
    trained = {name: colour for name, colour in COMPONENT_COLOURS.items() if (found["component"] == name).any()}
    figure = make_subplots(
        cols=len(settings), shared_yaxes=True, subplot_titles=[titles.get(name, name) for name in settings]
    )
    for column, setting in enumerate(settings, start=1):
        for component, colour in trained.items():
            part = found[(found["setting"] == setting) & (found["component"] == component)]
            figure.add_trace(
                go.Bar(
                    x=[BASE_TITLES.get(base, base) for base in part["base"]],
                    y=part[figure_name],
                    name=COMPONENT_TITLES[component],
                    error_y={"type": "data", "array": part[f"{figure_name}_sd"].fillna(0), "color": MUTED},
                    marker={"color": colour},
                    legendgroup=component,
                    showlegend=column == 1,
                    hovertemplate=f"%{{x}} + {COMPONENT_TITLES[component]}: %{{y:+.3f}}<extra></extra>",
                ),
                1,
                column,
            )
    figure = styled(figure, height=400, x_title="", y_title=f"change of {FIGURE_TITLES[figure_name]}", legend=True)
    figure.update_layout(barmode="group", legend={"orientation": "h", "y": 1.16, "x": 0}, margin={"t": 70})
    figure.update_yaxes(zeroline=True, zerolinewidth=2)
    return figure


def gains_by_type(types: pd.DataFrame, base: str, component: str) -> pd.DataFrame:
    """What a component changes in each type's AUPRC, of each seed.

    Parameters
    ----------
    types
        A row per training and type: ``setting``, ``seed``, ``base``, ``component``, ``type``, ``n_train``, ``auprc``.
    base, component
        Which to compare with the same base alone.

    Returns
    -------
    ``setting``, ``seed``, ``type``, ``n_train``, ``n_test``, ``gain``.
    """
    by = ["setting", "seed", "type"]
    chosen = types[types["base"] == base].set_index(by)
    with_component, alone = (chosen[chosen["component"] == name] for name in (component, "none"))
    table = with_component[["n_train", "n_test"]].copy()
    table["gain"] = with_component["auprc"] - alone["auprc"].reindex(with_component.index)
    return table.dropna(subset=["gain"]).reset_index()


def plot_gains(gains: pd.DataFrame, titles: dict[str, str]) -> go.Figure:
    """Change of AUPRC of each type against its training cells (thesis, Figure 6)."""
    if not len(gains):
        return empty_figure("no type has test cells", height=380)
    settings = list(dict.fromkeys(gains["setting"]))
    figure = go.Figure()
    for setting, colour in zip(settings, palette(len(settings)), strict=True):
        part = gains[gains["setting"] == setting]
        figure.add_scatter(
            x=part["n_train"],
            y=part["gain"],
            mode="markers",
            name=titles.get(setting, setting),
            text=part["type"],
            customdata=np.stack([part["n_test"], part["seed"]], axis=1),
            marker={"size": 8, "color": colour, "opacity": 0.7},
            hovertemplate=(
                "%{text}: %{y:+.3f}, %{x} training and %{customdata[0]} test cells, seed"
                " %{customdata[1]}<extra></extra>"
            ),
        )
    figure.add_hline(y=0, line={"color": MUTED, "width": 1})
    figure = styled(figure, height=420, x_title="training cells of the type", y_title="change of AUPRC", legend=True)
    figure.update_xaxes(type="log")
    figure.update_layout(legend={"orientation": "h", "y": 1.12, "x": 0})
    return figure


def plot_dropout(table: pd.DataFrame, setting: str, figure_name: str) -> go.Figure:
    """Figures on test cells that have lost counts, a line per model.

    Parameters
    ----------
    table
        ``setting``, ``model``, ``share`` and the figures, means over seeds.
    setting
        Which to show.
    figure_name
        ``macro_f1``, ``top1`` or ``mean_auprc``.
    """
    part = table[table["setting"] == setting]
    if not len(part):
        return empty_figure("dropout was not tried", height=360)
    models = list(dict.fromkeys(part["model"]))
    figure = go.Figure()
    for model, colour in zip(models, palette(len(models)), strict=True):
        one = part[part["model"] == model]
        figure.add_scatter(
            x=100 * one["share"],
            y=one[figure_name],
            name=title_of(model),
            mode="lines+markers",
            line={"color": colour},
            hovertemplate=f"{model}: %{{y:.3f}} at %{{x:.0f}}%<extra></extra>",
        )
    return styled(
        figure,
        height=400,
        x_title="non-zero counts of test cells set to zero (%)",
        y_title=FIGURE_TITLES[figure_name],
        legend=True,
    )
