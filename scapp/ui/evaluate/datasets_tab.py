"""The same comparison made of several datasets, side by side: means, ranks and paired tests."""

import pandas as pd
import streamlit as st

from scapp.core.errors import listed
from scapp.metrics.over_datasets import compare_over_datasets, least_p, score_by_method, shared_methods
from scapp.plotting.evaluate.score_figures import plot_over_datasets
from scapp.steps.evaluate.config import MAIN_SCORES, METHOD_TITLES, NOT_RANKED, shared_settings
from scapp.ui.evaluate import words
from scapp.ui.evaluate.run_tables import table_of
from scapp.ui.kit import state
from scapp.ui.kit.boundary import escape
from scapp.ui.kit.widgets import show_figure, show_table
from scapp.workspace.runs.run import Run


def datasets_section(tasks: dict[str, str]) -> None:
    """Methods over all datasets of the workspace that a comparison was made of.

    Parameters
    ----------
    tasks
        Kinds of comparisons -> their titles.
    """
    st.markdown(words.OVER_DATASETS)
    task = st.segmented_control(
        "Comparison", list(tasks), default="clustering", required=True, format_func=tasks.__getitem__, key="over.task"
    )
    runs, differ = _newest_of_each(task)
    if len(runs) < 2:
        st.info(words.ONE_DATASET.format(task=tasks[task].lower(), n=len(runs)))
        return
    if differ:
        st.warning(words.OTHER_SETTINGS.format(datasets=escape(listed(differ))))
    results = {name: table_of(run, "results") for name, run in runs.items()}
    score, clusterer = _score(task, results)
    by_method = {name: score_by_method(table, score, clusterer) for name, table in results.items()}
    known = list(dict.fromkeys(title for found in by_method.values() for title in found.index))
    methods = st.multiselect(
        "Methods", known, default=shared_methods(by_method), key=f"over.methods.{task}", help=words.METHODS_OVER
    )
    if len(methods) < 2:
        st.info("Choose two methods or more.")
        return
    ours = METHOD_TITLES["clear"]
    reference = st.selectbox(
        "Tested against the others",
        methods,
        index=methods.index(ours) if ours in methods else 0,
        key=f"over.reference.{task}",
        width=320,
    )
    found = compare_over_datasets(by_method, methods, reference)
    if found.left_out:
        st.caption(f"Without a score of all these methods, and left out: {escape(listed(found.left_out))}.")
    show_figure(
        plot_over_datasets(found.scores, found.summary, title=words.SCORES[score]),
        key=f"over.{task}.{score}",
        name=f"{task}_over_datasets",
        alt=f"{words.SCORES[score]} of each method over datasets",
    )
    if not len(found.scores):
        return
    show_table(
        found.summary.rename(columns=words.OVER_COLUMNS).round(4),
        key=f"over.summary.{task}",
        name=f"{task}_over_datasets",
        alt="Mean, spread and rank of each method over datasets",
    )
    st.markdown(f"**{escape(reference)}** against each other method, paired by dataset")
    show_table(
        found.tests.rename(columns=words.OVER_COLUMNS).round(4),
        key=f"over.tests.{task}",
        name=f"{task}_paired_tests",
        alt="Paired tests over datasets",
    )
    st.caption(words.PAIRED_TESTS.format(n=len(found.scores), least=least_p(len(found.scores))))
    show_table(
        found.scores.rename_axis("dataset").reset_index().round(4),
        key=f"over.scores.{task}",
        name=f"{task}_by_dataset",
        alt="Score of each method on each dataset",
    )


def _newest_of_each(task: str) -> tuple[dict[str, Run], list[str]]:
    """The newest finished comparison of each dataset, made as the newest of all; datasets that have none such."""
    done = [run for run in state.runs().list(step=f"evaluate_{task}") if run.observe().state == "done"]
    titles = {dataset.id: dataset.name for dataset in state.workspace().datasets()}
    newest: dict[str, Run] = {}
    differ: list[str] = []
    wanted = shared_settings(done[0].config.config) if done else {}
    seen = set()
    for run in done:
        if run.config.dataset not in titles:
            continue  # the dataset was deleted
        name = titles[run.config.dataset]
        if run.config.dataset in seen:
            continue
        if shared_settings(run.config.config) != wanted:
            differ.append(name)
            continue
        seen.add(run.config.dataset)
        newest[name if name not in newest else f"{name} ({run.config.dataset})"] = run
    return newest, [name for name in dict.fromkeys(differ) if name not in newest]


def _score(task: str, results: dict[str, pd.DataFrame]) -> tuple[str, str | None]:
    columns = {name for table in results.values() for name in table}
    scores = [name for name in words.SCORES if name in columns and name not in NOT_RANKED]
    left, right = st.columns(2)
    score = left.selectbox(
        "Score",
        scores,
        index=scores.index(MAIN_SCORES[task]) if MAIN_SCORES[task] in scores else 0,
        format_func=words.SCORES.__getitem__,
        key=f"over.score.{task}",
    )
    clusterers = [name for name in words.CLUSTERERS if "clusterer" in columns]
    clusterer = (
        right.selectbox("Clusters by", clusterers, format_func=words.CLUSTERERS.__getitem__, key=f"over.by.{task}")
        if clusterers
        else None
    )
    return score, clusterer
