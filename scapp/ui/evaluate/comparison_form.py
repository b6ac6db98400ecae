"""Sections of the Benchmarks page: choose and run each comparison; the newest of all kinds side by side."""

from typing import Any

import pandas as pd
import streamlit as st

from scapp.analysis.de.design import levels_of
from scapp.core import keys
from scapp.jobs.launch import submit
from scapp.steps.catalogue import step
from scapp.steps.evaluate.config import METHOD_TITLES, NEED_BATCHES, PACKAGES, STORED, title_of
from scapp.ui.evaluate import words
from scapp.ui.evaluate.comparison_results import result_section, table_of
from scapp.ui.export.files_and_script import comparison_as_python
from scapp.ui.kit import live, state
from scapp.ui.kit.boundary import boundary, escape
from scapp.ui.kit.forms import config_form
from scapp.ui.kit.widgets import show_table
from scapp.workspace.datasets.dataset import Dataset
from scapp.workspace.runs.run import ACTIVE

TITLES = {
    "clustering": "Clustering",
    "dropout": "Dropout",
    "batch": "Batch effects",
    "pseudotime": "Pseudotime",
    "ablation": "Augmentations",
}
OF_AUGMENTATIONS = {"ablation": "Without each, and alone", "sweep": "Share and probability"}
"""The comparisons in the tab of augmentations."""
LABELS = {"pseudotime": ("stage", "time", "day", "age")}


def augmentations_section(dataset: Dataset) -> None:
    """What each augmentation is good for, and how much of one."""
    task = st.segmented_control(
        "Comparison",
        list(OF_AUGMENTATIONS),
        default="ablation",
        required=True,
        format_func=OF_AUGMENTATIONS.__getitem__,
        key="augmentations.task",
        persist_state="session",
    )
    task_section(dataset, task)


def task_section(dataset: Dataset, task: str) -> None:
    """One comparison: its form, its run, its result."""
    st.markdown(words.TASKS[task])
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
        result_section(dataset, task, run)
        comparison_as_python(dataset, name, run.config.config)


def _form(dataset: Dataset, task: str) -> Any:
    """The configuration as chosen; None while something is missing."""
    model = step(f"evaluate_{task}").config
    columns = state.categorical_columns(dataset)
    label = keys.suggest(columns, (*LABELS.get(task, ()), *keys.ANNOTATED_LABELS))
    start: dict[str, Any] = {"label_key": label}
    if task == "batch":
        start["batch_key"] = keys.suggest([c for c in columns if c != label], ("batch", *keys.SUGGESTED_SAMPLES))
    values = config_form(model, key=f"{task}.{dataset.id}", start=model.build(start), columns=columns)
    if task not in OF_AUGMENTATIONS:
        values["methods"] = tuple(_methods(dataset, task, model.model_fields["methods"].default))
        if not values["methods"]:
            st.info("Choose methods to compare.")
            return None
    if task == "pseudotime" and values["label_key"] is not None:
        values["stages"] = _stages(dataset, values["label_key"])
        if len(values["stages"]) < 2:
            st.info("Choose two stages or more, the first being where time starts.")
            return None
    if values["label_key"] is not None and _made_here(dataset, values["label_key"]):
        st.warning(words.CIRCULAR.format(column=escape(values["label_key"])))
    if values["label_key"] is None:
        st.info(words.WITHOUT_LABELS.get(task, words.NEEDS_LABELS))
        if task not in words.WITHOUT_LABELS:
            return None
    if task == "batch":
        if values["batch_key"] is None:
            st.info("Choose the column that names batches.")
            return None
        for note in state.batch_notes_of(dataset, values["batch_key"]):
            st.warning(escape(note))
    if task == "sweep":
        for name, title in (("shares", "Shares of the genes"), ("probabilities", "Probabilities of a view")):
            values[name] = _numbers(title, model.model_fields[name].default, f"sweep.{name}.{dataset.id}")
            if not values[name]:
                st.info(f"Choose at least one of: {title.lower()}.")
                return None
        n_trainings = len(values["shares"]) * len(values["probabilities"]) * values["n_seeds"]
        st.caption(f"CLEAR is trained {n_trainings} times.")
    if task == "dropout" and keys.COUNTS not in dataset:
        st.info("This dataset has no raw counts, so none can be lost.")
        return None
    return model.build(values)


def _methods(dataset: Dataset, task: str, default: tuple[str, ...]) -> list[str]:
    offered = [name for name in METHOD_TITLES if task == "batch" or name not in NEED_BATCHES]
    if task != "dropout":
        offered += [STORED + name for name in keys.representations(dataset.slots)]
    chosen: list[str] = st.multiselect(
        "Methods",
        offered,
        default=list(default),
        key=f"{task}.methods.{dataset.id}",
        persist_state="session",
        format_func=_words,
        help=(
            "Computed here from the same values; or representations of this dataset, such as your CLEAR runs and what"
            " came with the file."
        ),
    )
    return chosen


def _numbers(title: str, default: tuple[float, ...], key: str) -> tuple[float, ...]:
    offered = sorted({*default, *(round(0.1 * i, 1) for i in range(1, 11))})
    return tuple(
        st.multiselect(
            title, offered, default=list(default), key=key, persist_state="session", format_func="{:g}".format
        )
    )


def _stages(dataset: Dataset, column: str) -> tuple[str, ...]:
    levels = levels_of(pd.Series(state.read(dataset, keys.obs(column))))
    chosen = st.multiselect(
        "Stages in order",
        levels,
        default=levels,
        key=f"pseudotime.stages.{dataset.id}.{column}",
        persist_state="session",
        help=(
            "The first is where time starts. Take stages out and add them again to change their order; cells of others"
            " take no part."
        ),
    )
    return tuple(map(str, chosen))


def _words(method: str) -> str:
    if method.startswith(STORED):
        return f"{method.removeprefix(STORED)} (as it is in the dataset)"
    return title_of(method) + (f" (needs {PACKAGES[method][1]})" if method in PACKAGES else "")


def _made_here(dataset: Dataset, column: str) -> bool:
    """Whether a column holds clusters, or what was predicted or named from them, that a step wrote."""
    record = dataset.manifest.provenance.get(dataset.slots[keys.obs(column)].provenance)
    return record is not None and record.step in ("map", "cluster", "name_clusters", "predict")


@st.fragment(run_every=5.0)
def _so_far(run_id: str) -> None:
    with boundary():
        rows = pd.DataFrame(state.runs().open(run_id).metrics)
        if len(rows):
            rows = rows.drop_duplicates(["method", "seed", "level"], keep="last").drop(columns="method")
            st.dataframe(rows.round(3), hide_index=True, alt="Results so far", key=f"evaluation.sofar.{run_id}")


def scoreboard_section(dataset: Dataset) -> None:
    """Methods by tasks, of the newest comparison of each kind."""
    st.caption(words.SCOREBOARD)
    parts = []
    for task in ("clustering", "dropout", "batch", "pseudotime"):
        run = next(
            (r for r in state.runs().list(dataset=dataset.id, step=f"evaluate_{task}") if r.observe().state == "done"),
            None,
        )
        if run is None:
            continue
        results = table_of(run, "results")
        scores = words.main_scores(task, results)
        if not len(scores):
            continue  # without labels there is no main score
        said = words.verdict(task, results)
        if said:
            st.markdown(f"- **{TITLES[task]}.** {said}")
        grouped = scores.groupby("title", sort=False)["value"]
        part = grouped.agg(["mean", "std", "count"]).reset_index().assign(task=TITLES[task])
        cost = results.groupby("title")[["seconds", "memory_mb"]].mean()
        part = part.join(cost, on="title")
        part["rank"] = part["mean"].rank(ascending=False, method="min")
        parts.append(part)
    if not parts:
        st.info("Nothing has been compared with labels yet: choose a comparison above.")
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
        key="scoreboard",
        name="scoreboard",
        alt="Main score, rank, time and memory of each method and task",
    )
