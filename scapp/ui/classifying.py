"""Sections of the Classification page."""

from typing import Any

import pandas as pd
import streamlit as st

from scapp.classify.config import ClassifierConfig
from scapp.core import keys
from scapp.jobs.launch import submit
from scapp.pipelines.config import RELIABLE_SHARE, TEST_FILE, TYPES_FILE, PredictConfig
from scapp.plotting.classification import confusion, plot_confusion, plot_stage, plot_types
from scapp.ui import explain, live, state
from scapp.ui.boundary import boundary
from scapp.ui.forms import config_form
from scapp.ui.routing import link, next_button
from scapp.ui.widgets import download_csv, show_figure, show_table
from scapp.workspace.dataset import Dataset
from scapp.workspace.runs import ACTIVE, Run

STEP = "classify"
COMPONENT_NAMES = {"none": "no component", "mlp": "MLP-CC", "mls": "MLS-CC"}


def counted_or_stop(dataset: Dataset) -> None:
    """A classifier reads counts; without them, why not and the end of the page."""
    if keys.COUNTS not in dataset:
        st.info("This dataset has no raw counts, which a classifier reads. Import a file that has them.")
        link("upload_qc", "Go to Upload & QC", dataset=dataset.id)
        st.stop()


def train_section(dataset: Dataset) -> None:
    """Settings, the button, and the run while it goes on."""
    columns = [name for name in state.categorical_columns(dataset) if name != "predicted_cell_type"]
    if not columns:
        st.info("This dataset has no annotation that could name cell types. Name clusters on Clusters & map first.")
        link("cell_map", "Go to Clusters & map", dataset=dataset.id)
        return
    live.prewarm("training")
    run = state.latest_run(STEP, dataset)
    with st.expander("Settings of a new classifier", expanded=run is None):
        start = ClassifierConfig(label_key=keys.suggest(columns, keys.SUGGESTED_LABELS) or columns[0])
        values = config_form(ClassifierConfig, key=f"classify.{dataset.id}", start=start, columns=columns)
        st.caption(explain.HARDER_TEST)
        if values["label_key"] is None:
            st.info("Choose the column that names cell types.")
        elif st.button("Train the classifier", type="primary", key="classify.go"):
            submit(state.root(), STEP, ClassifierConfig.build(values), dataset)
            st.rerun()
    if run is None:
        return
    if live.run_panel(run, key="classify") == "done":
        result = run.status.result
        st.success(
            f"Training is done: macro F1 {result['macro_f1']:.3f} on {result['n_test']:,} test cells. The tab 'Evaluate' says which types to trust."
        )
    if run.observe().state in ACTIVE:
        _live_curves(run.id)
    else:
        _draw_curves(run)


@st.fragment(run_every=live.POLL_SECONDS)
def _live_curves(run_id: str) -> None:
    with boundary():
        _draw_curves(state.runs().open(run_id))


def _draw_curves(run: Run) -> None:
    rows = run.metrics
    stages = list(dict.fromkeys(str(row["stage"]) for row in rows))
    for cell, stage in zip(st.columns(max(len(stages), 1)), stages or [""], strict=True):
        with cell:
            if stage:
                st.markdown(f"**{stage}**")
            figure = plot_stage([row for row in rows if row["stage"] == stage])
            show_figure(figure, key=f"stage.{stage}.{run.id}", name="classifier_loss", alt=f"Loss of the stage {stage}")
    st.caption(explain.CLASSIFIER_CURVES)
    if rows:
        download_csv(pd.DataFrame(rows), key=f"stages.{run.id}", name="classifier_loss")


def evaluate_section(dataset: Dataset) -> None:
    """Figures on test cells of one classifier, and all classifiers of the dataset side by side."""
    found = _done(state.runs().list(dataset=dataset.id, step=STEP))
    if not found:
        st.info("No classifier has been trained on this dataset yet: see the tab 'Train'.")
        return
    run = _choice("Classifier", found, key=f"classify.evaluate.{dataset.id}.{len(found)}")
    result = run.status.result
    columns = st.columns(5)
    for column, (title, name) in zip(
        columns[:4],
        (
            ("Top-1 accuracy", "top1"),
            ("Top-3 accuracy", "top3"),
            ("Macro F1", "macro_f1"),
            ("Mean AUPRC", "mean_auprc"),
        ),
        strict=True,
    ):
        column.metric(title, f"{result[name]:.3f}")
    columns[4].metric("Test cells", f"{result['n_test']:,}")
    table = pd.read_csv(run.folder / TYPES_FILE)
    st.subheader("Which types it can be trusted with")
    st.caption(explain.TYPES)
    ranked = table.sort_values("auprc", na_position="last")
    digits = dict.fromkeys(("precision", "recall", "f1", "auroc", "auprc"), "%.3f")
    show_table(
        ranked, key=f"types.{run.id}", name="classifier_types", alt="Figures of each type on test cells", numbers=digits
    )
    left, right = st.columns(2)
    with left:
        show_figure(
            plot_types(table), key=f"auprc.{run.id}", name="classifier_auprc", alt="AUPRC by number of training cells"
        )
    with right:
        shares = confusion(pd.read_csv(run.folder / TEST_FILE, dtype={"type": str, "predicted": str}))
        show_figure(
            plot_confusion(shares), key=f"confusion.{run.id}", name="classifier_confusion", alt="Confusion matrix"
        )
        st.caption(explain.CONFUSION)
        download_csv(shares.rename_axis("type").reset_index(), key=f"confusion.{run.id}", name="classifier_confusion")
    if run.config.config["component"] == "mls":
        link("latent_circles", "Look at each type's circle", dataset=dataset.id)
    st.subheader("Classifiers of this dataset")
    rows = pd.DataFrame([_row(run) for run in found])
    show_table(rows.drop(columns="test"), key="classifiers", name="classifiers", alt="All classifiers of this dataset")
    st.markdown(explain.component_worth(rows))


def _done(runs: list[Run]) -> list[Run]:
    return [run for run in runs if run.observe().state == "done"]


def _choice(label: str, runs: list[Run], *, key: str) -> Run:
    names = {run.id: _name(run) for run in runs}
    chosen = st.selectbox(label, list(names), format_func=names.__getitem__, key=key, width=620)
    return next(run for run in runs if run.id == chosen)


def _name(run: Run) -> str:
    config = run.config.config
    month_on = live.when(run)[5:]
    return f"{config['base']} · {COMPONENT_NAMES[config['component']]} · {config['label_key']} · {month_on} UTC"


def _row(run: Run) -> dict[str, Any]:
    config, result = run.config.config, run.status.result
    shares = tuple(config[name] for name in ("label_key", "hold_out_key", "valid_share", "test_share", "seed"))
    return {
        "base": config["base"],
        "component": config["component"],
        "labels": config["label_key"],
        "held out": config["hold_out_key"] or "",
        "seed": config["seed"],
        **{name: round(float(result[name]), 4) for name in ("top1", "top3", "macro_f1", "mean_auprc")},
        "n_test": result["n_test"],
        "trained for (s)": round(float(result["seconds"]), 1),
        "test": str(shares),
    }


def annotate_section(dataset: Dataset) -> None:
    """Write what a classifier, of any dataset of the workspace, says of this dataset's cells."""
    found = _done(state.runs().list(step=STEP))
    if not found:
        st.info(
            "There is no classifier in this workspace yet. Open an annotated dataset and train one in the tab 'Train'."
        )
        return
    st.markdown(explain.ANNOTATE)
    names = {d.id: d.name for d in state.workspace().datasets()}
    # those of other datasets first: to annotate the data that one has learnt from shows little
    found = sorted(found, key=lambda run: run.config.dataset == dataset.id)
    labels = {
        run.id: f"{_name(run)} · trained on {names.get(run.config.dataset or '', 'a deleted dataset')}" for run in found
    }
    chosen = st.selectbox(
        "Model", list(labels), format_func=labels.__getitem__, key=f"annotate.model.{dataset.id}", width=720
    )
    run = next(run for run in found if run.id == chosen)
    if run.config.dataset == dataset.id:
        st.info(explain.OWN_MODEL)
    columns = state.categorical_columns(dataset)
    start = PredictConfig(model=str(run.folder))
    values = config_form(PredictConfig, key=f"annotate.{dataset.id}", start=start, columns=columns)
    if st.button("Annotate this dataset", type="primary", key="annotate.go"):
        submit(state.root(), "predict", PredictConfig.build({**values, "model": str(run.folder)}), dataset)
        st.rerun()
    latest = state.latest_run("predict", dataset)
    if live.run_panel(latest, key="annotate") == "done" and latest is not None:
        _annotated(dataset, latest)


def _annotated(dataset: Dataset, run: Run) -> None:
    result = run.status.result
    known, total = result["n_genes"] - result["n_genes_missing"], result["n_genes"]
    words = f"{known:,} of the model's {total:,} genes were found by their {result['genes_matched_by']}; they hold {result['covered']:.0%} of what it reads."
    if result["covered"] < RELIABLE_SHARE:
        st.warning(f"{words} With so much missing, take the predictions with care.")
    else:
        st.success(words)
    if "top1" in result:
        st.markdown(
            f"Compared with '{run.config.config['label_key']}' on {result['n_test']:,} cells of types that both know: top-1 accuracy "
            f"**{result['top1']:.3f}**, macro F1 **{result['macro_f1']:.3f}**."
        )
        if result["types_not_in_model"]:
            st.caption(f"Types that the model does not know: {', '.join(result['types_not_in_model'])}.")
    if keys.PREDICTED in dataset:
        said = pd.Series(state.read(dataset, keys.PREDICTED))
        counts = said.value_counts()
        probability = pd.Series(state.read(dataset, keys.PREDICTED_PROBABILITY)).groupby(said.to_numpy()).mean()
        table = pd.DataFrame({"cells": counts, "mean probability": probability.reindex(counts.index).round(3)})
        table = table[table["cells"] > 0]
        show_table(
            table,
            key="annotated",
            name="predicted_cell_types",
            alt="Cells of each predicted type",
            index_name="predicted type",
        )
        next_button("cell_map", "Next: see them on the map", dataset=dataset.id)
