"""Sections of the Benchmarks page: choose, run, and read each comparison; all of them side by side."""

from typing import Any

import pandas as pd
import streamlit as st

from scapp.core import keys
from scapp.jobs.launch import submit
from scapp.metrics.clustering import turning_points
from scapp.pipelines.catalogue import step
from scapp.pipelines.evaluation_config import METHOD_TITLES, NEED_BATCHES, STORED, title_of
from scapp.plotting.evaluation import plot_curves, plot_orders, plot_scores
from scapp.ui import explain_evaluation as explain
from scapp.ui import live, state
from scapp.ui.boundary import boundary, escape
from scapp.ui.forms import config_form
from scapp.ui.widgets import download_csv, show_figure, show_table
from scapp.workspace.dataset import Dataset
from scapp.workspace.runs import ACTIVE, Run

TITLES = {
    "clustering": "Clustering",
    "dropout": "Dropout",
    "batch": "Batch effects",
    "pseudotime": "Pseudotime",
    "ablation": "Augmentations",
}
LABELS = {"pseudotime": ("stage", "time", "day", "age")}
OPTIONAL = ("scvi",)


def task_section(dataset: Dataset, task: str) -> None:
    """One comparison: its form, its run, its result."""
    st.markdown(explain.TASKS[task])
    name = f"evaluate_{task}"
    run = state.latest_run(name, dataset)
    active = run is not None and run.observe().state in ACTIVE
    with st.expander("Settings of a new comparison", expanded=run is None):
        config = _form(dataset, task)
        if config is not None and not active and st.button("Compare", type="primary", key=f"{task}.go"):
            submit(state.root(), name, config, dataset)
            st.rerun()
    ended = live.run_panel(run, key=name)
    if run is None:
        return
    if ended in ACTIVE:
        _so_far(run.id)
    elif ended == "done":
        _result(dataset, task, run)


def _form(dataset: Dataset, task: str) -> Any:
    """The configuration as chosen; None while something is missing."""
    model = step(f"evaluate_{task}").config
    columns = state.categorical_columns(dataset)
    label = keys.suggest(columns, (*LABELS.get(task, ()), *keys.SUGGESTED_LABELS))
    start: dict[str, Any] = {"label_key": label}
    if task == "batch":
        start["batch_key"] = keys.suggest([c for c in columns if c != label], ("batch", *keys.SUGGESTED_SAMPLES))
    values = config_form(model, key=f"{task}.{dataset.id}", start=model.build(start), columns=columns)
    if task != "ablation":
        values["methods"] = tuple(_methods(dataset, task, model.model_fields["methods"].default))
        if not values["methods"]:
            st.info("Choose methods to compare.")
            return None
    if task != "clustering" and values["label_key"] is None:
        st.info("This comparison needs labels: choose the column of known types or stages.")
        return None
    if task == "clustering" and values["label_key"] is None:
        st.info("Without labels only the number of clusters and their silhouette can be compared.")
    if task == "batch":
        if values["batch_key"] is None:
            st.info("Choose the column that names batches.")
            return None
        _warn_of_conditions(dataset, values["batch_key"])
    if task == "dropout" and keys.COUNTS not in dataset:
        st.info("This dataset has no raw counts, so none can be lost.")
        return None
    return model.build(values)


def _methods(dataset: Dataset, task: str, default: tuple[str, ...]) -> list[str]:
    offered = [name for name in METHOD_TITLES if task == "batch" or name not in NEED_BATCHES]
    if task != "dropout":
        offered += [STORED + name for name in keys.representations(dataset.slots)]
    chosen: list[str] = st.multiselect(
        "Methods", offered, default=list(default), key=f"{task}.methods.{dataset.id}", persist_state="session", format_func=_words,
        help="Computed here from the same values; or representations of this dataset, such as your CLEAR runs and what came with the file.",
    )  # fmt: skip
    return chosen


def _words(method: str) -> str:
    if method.startswith(STORED):
        return f"{title_of(method)} (as it is in the dataset)"
    return title_of(method) + (" (needs scvi-tools)" if method in OPTIONAL else "")


def _warn_of_conditions(dataset: Dataset, batch_key: str) -> None:
    for column in keys.CONDITIONS:
        if column in state.categorical_columns(dataset) and column != batch_key:
            table = pd.crosstab(state.grouping(dataset, batch_key), state.grouping(dataset, column))
            if (table > 0).sum(axis=1).max() == 1:
                st.warning(
                    f"Every batch of '{escape(batch_key)}' holds one '{escape(column)}' only: mixing these batches may remove what the experiment is about."
                )


@st.fragment(run_every=5.0)
def _so_far(run_id: str) -> None:
    with boundary():
        rows = pd.DataFrame(state.runs().open(run_id).metrics)
        if len(rows):
            rows = rows.drop_duplicates(["method", "seed", "level"], keep="last").drop(columns="method")
            st.dataframe(rows.round(3), hide_index=True, alt="Results so far", key=f"evaluation.sofar.{run_id}")


def _table(run: Run, name: str) -> pd.DataFrame:
    path = run.folder / f"{name}.csv"
    return pd.read_csv(path, dtype={"title": str, "method": str}) if path.exists() else pd.DataFrame()


def _named(table: pd.DataFrame) -> pd.DataFrame:
    """Ways to cluster in words, and no column that is the same everywhere."""
    if "clusterer" in table:
        table = table.assign(clusterer=table["clusterer"].map(explain.CLUSTERERS))
    return table.drop(columns="level") if "level" in table and table["level"].nunique() < 2 else table


def _result(dataset: Dataset, task: str, run: Run) -> None:
    results, summary = _table(run, "results"), _table(run, "summary")
    said = explain.verdict(task, results, ours="all augmentations" if task == "ablation" else "CLEAR")
    if said:
        st.markdown(said)
    scores = [name for name in explain.SCORES if name in results]
    main = explain.MAIN[task]
    score = st.selectbox(
        "Score", scores, index=scores.index(main) if main in scores else 0, format_func=explain.SCORES.__getitem__, key=f"{task}.score.{run.id}", width=320
    )  # fmt: skip
    title = explain.SCORES[score]
    key = f"{task}.{score}.{run.id}"
    if task == "dropout":
        clusterer = st.segmented_control(
            "Clusters by",
            list(dict.fromkeys(results["clusterer"])),
            default="kmeans",
            format_func=explain.CLUSTERERS.__getitem__,
            required=True,
            key=f"{task}.clusterer.{run.id}",
        )
        part = results[results["clusterer"] == clusterer]
        show_figure(
            plot_curves(part, "level", score, x_title="counts lost (% of entries)", y_title=title, percent=True),
            key=f"{key}.{clusterer}",
            name="dropout",
            alt=f"{title} by share of counts lost",
        )
    else:
        show_figure(
            plot_scores(_named(results), score, title=title),
            key=key,
            name=f"{task}_{score}",
            alt=f"{title} of each method",
        )
    show_table(
        _named(summary).drop(columns="method").round(4),
        key=f"{task}.summary.{run.id}",
        name=f"{task}_summary",
        alt="Means over seeds",
    )
    download_csv(results, key=f"{task}.results.{run.id}", name=f"{task}_every_seed", label="Download every seed as CSV")
    if task == "clustering":
        _sweep(run)
    if task == "pseudotime":
        _orders(dataset, run)


def _sweep(run: Run) -> None:
    sweep = _table(run, "sweep")
    if not len(sweep):
        return
    st.subheader("Leiden over resolutions")
    left, right = st.columns(2)
    with left:
        if "ari" in sweep:
            show_figure(
                plot_curves(sweep, "resolution", "ari", x_title="resolution", y_title="ARI"),
                key=f"sweep.ari.{run.id}",
                name="sweep_ari",
                alt="ARI by resolution",
            )
    with right:
        show_figure(
            plot_curves(sweep, "resolution", "n_clusters", x_title="resolution", y_title="clusters"),
            key=f"sweep.n.{run.id}",
            name="sweep_clusters",
            alt="Clusters by resolution",
        )
    if "labels_apart" in sweep:
        apart = turning_points(sweep).groupby("title", sort=False)["resolution"].mean()
        words = [f"{title} {value:.2f}" if pd.notna(value) else f"{title} nowhere" for title, value in apart.items()]
        st.caption(
            "Turning point, the lowest resolution at which no two labels share the cluster that most of their cells are in (mean over seeds): "
            + "; ".join(words)
            + "."
        )
    download_csv(sweep, key=f"sweep.{run.id}", name="sweep")


def _orders(dataset: Dataset, run: Run) -> None:
    times = _table(run, "pseudotime")
    column = str(run.config.config["label_key"])
    if not len(times) or keys.obs(column) not in dataset:
        return
    stages = pd.Categorical(state.grouping(dataset, column))
    order = run.config.config.get("stages") or []
    if order:
        stages = stages.set_categories(order)
    st.subheader("The order of the first seed")
    show_figure(
        plot_orders(times, stages),
        key=f"orders.{run.id}",
        name="pseudotime",
        alt="Pseudotime of the cells of each stage",
    )
    download_csv(times.assign(stage=stages), key=f"orders.{run.id}", name="pseudotime")


def scoreboard_section(dataset: Dataset) -> None:
    """Methods by tasks, of the newest comparison of each kind."""
    st.caption(explain.SCOREBOARD)
    parts = []
    for task in ("clustering", "dropout", "batch", "pseudotime"):
        run = next(
            (r for r in state.runs().list(dataset=dataset.id, step=f"evaluate_{task}") if r.observe().state == "done"),
            None,
        )
        if run is None:
            continue
        results = _table(run, "results")
        grouped = explain.main_scores(task, results).groupby("title", sort=False)["value"]
        part = grouped.agg(["mean", "std", "count"]).reset_index().assign(task=TITLES[task])
        cost = results.groupby("title")[["seconds", "memory_mb"]].mean()
        part = part.join(cost, on="title")
        part["rank"] = part["mean"].rank(ascending=False, method="min")
        parts.append(part)
    if not parts:
        st.info("Nothing has been compared yet: choose a comparison above.")
        return
    table = pd.concat(parts, ignore_index=True)
    table = table.rename(
        columns={"title": "method", "std": "standard deviation", "count": "seeds", "memory_mb": "memory (MB)"}
    )
    table["rank"] = table["rank"].astype("Int64")
    wide = table.pivot_table(index="method", columns="task", values="mean", sort=False)
    st.dataframe(
        wide.round(3).reset_index(),
        hide_index=True,
        key="scoreboard.wide",
        alt="Mean main score of each method and task",
    )
    show_table(
        table[["task", "method", "mean", "standard deviation", "seeds", "rank", "seconds", "memory (MB)"]].round(4),
        key="scoreboard", name="scoreboard", alt="Main score, rank, time and memory of each method and task",
    )  # fmt: skip
