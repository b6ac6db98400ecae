"""The thesis's experiment on the Classification page: every base model with and without components, over seeds."""

import pandas as pd
import streamlit as st

from scapp.classify.experiment.config import QUICK, REGIME_TITLES, ExperimentConfig
from scapp.core import keys
from scapp.jobs.launch import submit
from scapp.plotting.classify.experiment_figures import (
    COMPONENT_TITLES,
    FIGURE_TITLES,
    differences,
    gains_by_type,
    plot_differences,
    plot_dropout,
    plot_gains,
    title_of,
)
from scapp.ui.classify import words
from scapp.ui.classify.preset_choice import preset_choice
from scapp.ui.kit import live, state
from scapp.ui.kit.boundary import boundary
from scapp.ui.kit.downloads import download_csv
from scapp.ui.kit.forms import config_form
from scapp.ui.kit.widgets import show_figure, show_table
from scapp.workspace.datasets.dataset import Dataset
from scapp.workspace.runs.run import ACTIVE, Run

STEP = "experiment"


def experiment_section(dataset: Dataset) -> None:
    """Choose, run, and read the tables."""
    st.markdown(words.EXPERIMENT)
    columns = [name for name in state.categorical_columns(dataset) if name != "predicted_cell_type"]
    if not columns:
        st.info("This dataset has no annotation that could name cell types.")
        return
    run = state.latest_run(STEP, dataset)
    with st.expander("Settings of a new comparison", expanded=run is None):
        quick = st.toggle("Quick look", True, key=f"experiment.quick.{dataset.id}", help=words.QUICK)
        label = keys.suggest(columns, keys.SUGGESTED_LABELS) or columns[0]
        preset = preset_choice(f"experiment.preset.{dataset.id}")
        start = ExperimentConfig.build({"label_key": label, "preset": preset, **(QUICK if quick else {})})
        key = f"experiment.{quick}.{preset}.{dataset.id}"
        values = config_form(ExperimentConfig, key=key, start=start, columns=columns, skip=("preset",))
        st.caption(words.HARDER_TEST)
        if values["label_key"] is None:
            st.info("Choose the column that names cell types.")
        elif st.button("Compare classifiers", type="primary", key="experiment.go"):
            submit(state.root(), STEP, ExperimentConfig.build(values), dataset)
            st.rerun()
    if run is None:
        return
    ended = live.run_panel(run, key="experiment")
    if ended in ACTIVE:
        _so_far(run.id)
    elif ended == "done":
        _result(run)
    else:
        _rows_so_far(run)


@st.fragment(run_every=5.0)
def _so_far(run_id: str) -> None:
    with boundary():
        _rows_so_far(state.runs().open(run_id))


def _rows_so_far(run: Run) -> None:
    rows = pd.DataFrame(run.metrics)
    if not len(rows):
        return
    rows = rows.drop_duplicates(["setting", "seed", "model"], keep="last")
    grouped = rows.groupby(["setting", "model"], sort=False)
    table = grouped[["macro_f1", "mean_auprc"]].mean().round(3).reset_index()
    table.insert(2, "seeds", grouped.size().to_numpy())
    st.dataframe(table, hide_index=True, alt="Means of the trainings so far", key=f"experiment.sofar.{run.id}")


def _table(run: Run, name: str) -> pd.DataFrame:
    return state.run_table(run, f"{name}.csv", ["type"])


def _result(run: Run) -> None:
    summary, results, types, tests = (_table(run, name) for name in ("summary", "results", "types", "tests"))
    numbers, dropout, grid = (_table(run, name) for name in ("numbers", "dropout", "grid"))
    st.subheader("Means over seeds")
    st.caption(words.settings_in_words(numbers, REGIME_TITLES))
    for setting, part in summary.groupby("setting", sort=False):
        st.markdown(f"**{REGIME_TITLES.get(str(setting), setting)}**")
        show_table(
            _in_words(part.drop(columns="setting")),
            key=f"experiment.summary.{setting}.{run.id}",
            name=f"classifiers_{setting}",
            alt=f"Means and standard deviations in the setting {setting}",
        )
    if run.status.result["left_out"]:
        st.caption("Left out: " + "; ".join(run.status.result["left_out"]) + ".")
    st.subheader("What a component changes")
    figure_name = (
        st.segmented_control(
            "Figure",
            list(FIGURE_TITLES),
            default="macro_f1",
            required=True,
            format_func=FIGURE_TITLES.__getitem__,
            key=f"experiment.figure.{run.id}",
        )
        or "macro_f1"
    )
    gains = differences(results)
    show_figure(
        plot_differences(gains, figure_name, REGIME_TITLES),
        key=f"experiment.differences.{figure_name}.{run.id}",
        name="component_differences",
        alt="Change by each component, for each base model and setting",
    )
    st.markdown(words.components_in_words(tests, gains, REGIME_TITLES))
    download_csv(gains, key=f"experiment.differences.{run.id}", name="component_differences")
    with st.expander("Paired tests"):
        st.caption(words.PAIRED)
        show_table(
            tests,
            key=f"experiment.tests.{run.id}",
            name="paired_tests",
            alt="Paired tests",
            numbers={
                "difference": "%.4f",
                "t": "%.2f",
                **dict.fromkeys(("p_t", "p_wilcoxon", "p_wilcoxon_types"), "%.3g"),
            },
        )
    _by_type(run, types)
    _robustness(run, dropout, grid, figure_name)


def _in_words(part: pd.DataFrame) -> pd.DataFrame:
    """Mean ± standard deviation in one column."""
    table = pd.DataFrame({"model": part["model"].map(title_of)})
    table["seeds"] = part["n_seeds"]
    for name, title in {"top1": "top-1", "top3": "top-3", "macro_f1": "macro F1", "mean_auprc": "mean AUPRC"}.items():
        spread = part[f"{name}_sd"]
        table[title] = [
            f"{mean:.3f}" if pd.isna(sd) else f"{mean:.3f} ± {sd:.3f}"
            for mean, sd in zip(part[name], spread, strict=True)
        ]
    return table


def _by_type(run: Run, types: pd.DataFrame) -> None:
    ours = types[types["component"].isin(list(COMPONENT_TITLES))]
    pairs = list(dict.fromkeys(zip(ours["base"], ours["component"], strict=True)))
    if not pairs:
        return
    st.subheader("Does it help rare types?")
    chosen = st.selectbox(
        "Model",
        pairs,
        index=next((place for place, (base, h) in enumerate(pairs) if (base, h) == ("lr", "mls")), 0),
        format_func=lambda pair: title_of("+".join(pair)),
        key=f"experiment.gains.{run.id}",
        width=420,
    )
    gains = gains_by_type(types, *chosen)
    show_figure(
        plot_gains(gains, REGIME_TITLES),
        key=f"experiment.gains.{chosen}.{run.id}",
        name="auprc_gains",
        alt="Change of AUPRC by number of training cells",
    )
    st.caption(words.GAINS)
    download_csv(gains, key=f"experiment.gains.{run.id}", name="auprc_gains")
    with st.expander("Figures of every type, model and seed"):
        show_table(types, key=f"experiment.types.{run.id}", name="classifiers_types", alt="Figures of every type")


def _robustness(run: Run, dropout: pd.DataFrame, grid: pd.DataFrame, figure_name: str) -> None:
    if len(dropout):
        st.subheader("When test cells lose counts")
        settings = list(dict.fromkeys(dropout["setting"]))
        setting = st.selectbox(
            "Setting",
            settings,
            format_func=lambda s: REGIME_TITLES.get(s, s),
            key=f"experiment.dropout.{run.id}",
            width=300,
        )
        show_figure(
            plot_dropout(dropout, setting, figure_name),
            key=f"experiment.dropout.{setting}.{figure_name}.{run.id}",
            name="dropout",
            alt="Figures by dropout of test cells",
        )
        st.caption(words.DROPPED)
        download_csv(dropout, key=f"experiment.dropout.{run.id}", name="dropout")
    if len(grid):
        st.subheader("Other learning rates and temperatures")
        st.caption(words.GRID)
        show_table(grid.round(4), key=f"experiment.grid.{run.id}", name="grid", alt="Figures over the grid")
