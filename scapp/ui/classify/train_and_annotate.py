"""Sections of the Classification page."""

import pandas as pd
import streamlit as st

from scapp.classify.config import ClassifierConfig, classifier_config
from scapp.core import keys
from scapp.core.errors import listed
from scapp.jobs.launch import submit
from scapp.metrics.intervals import LEAST_TESTED
from scapp.plotting.classify.type_figures import plot_counts, plot_stage
from scapp.plotting.palette import shades
from scapp.steps.config import PredictConfig
from scapp.ui.classify import words
from scapp.ui.classify.evaluate_tab import STEP, done_runs, name_of
from scapp.ui.classify.preset_choice import preset_choice
from scapp.ui.clear.start_and_runs import run_name
from scapp.ui.kit import downloads, live, state
from scapp.ui.kit.boundary import boundary, escape
from scapp.ui.kit.downloads import download_csv
from scapp.ui.kit.forms import config_form
from scapp.ui.kit.routing import link, next_button
from scapp.ui.kit.widgets import show_figure, show_gene_match, show_table
from scapp.ui.map import coloured_maps
from scapp.workspace.datasets.dataset import Dataset
from scapp.workspace.runs.run import ACTIVE, Run


def counted_or_stop(dataset: Dataset) -> None:
    """A classifier reads counts; without them, why not and the end of the page."""
    if keys.COUNTS not in dataset:
        st.info("This dataset has no raw counts, which a classifier reads. Import a file that has them.")
        link("upload", "Go to Upload & QC", dataset=dataset.id)
        st.stop()


def train_section(dataset: Dataset) -> None:
    """Settings, the button, and the run while it goes on."""
    columns = [name for name in state.categorical_columns(dataset) if name != "predicted_cell_type"]
    if not columns:
        st.info("This dataset has no annotation that could name cell types. Name clusters on Clusters & map first.")
        link("map", "Go to Clusters & map", dataset=dataset.id)
        return
    live.prewarm("training")
    run = state.latest_run(STEP, dataset)
    with st.expander("Settings of a new classifier", expanded=run is None):
        preset = preset_choice(f"classify.preset.{dataset.id}")
        start = classifier_config(preset, label_key=keys.suggest(columns, keys.SUGGESTED_LABELS) or columns[0])
        key = f"classify.{dataset.id}.{preset}"
        values = config_form(ClassifierConfig, key=key, start=start, columns=columns, skip=("preset",))
        clear = _clear_beside(dataset)
        st.caption(words.HARDER_TEST)
        if values["label_key"] is None:
            st.info("Choose the column that names cell types.")
        elif st.button("Train the classifier", type="primary", key="classify.go"):
            submit(state.root(), STEP, ClassifierConfig.build({**values, "clear": clear}), dataset)
            st.rerun()
    if values["label_key"] is not None:
        _the_labels(dataset, values["label_key"], columns)
    if run is None:
        return
    if live.run_panel(run, key="classify") == "done":
        result = run.status.result
        st.success(
            f"Training is done: macro F1 {result['macro_f1']:.3f} on {result['n_test']:,} test cells. The tab"
            " 'Evaluate' says which types to trust."
        )
        if "clear_weight" in result:
            st.info(words.what_clear_gave(result))
        if result.get("component_step") == 0:
            st.info(words.START_KEPT)
        slot = keys.obs(run.config.config["label_key"])
        n_without = int(pd.isna(pd.Series(state.read(dataset, slot))).sum()) if slot in dataset else 0
        if n_without:
            st.info(
                f"{n_without:,} cells have no label and were left out. The tab 'Annotate this dataset' gives them (and"
                " all others) a predicted type."
            )
    if run.observe().state in ACTIVE:
        _live_curves(run.id)
    else:
        _draw_curves(run)


def _clear_beside(dataset: Dataset) -> str:
    """Folder of the run of CLEAR whose opinion is to be multiplied with the classifier's; empty without one."""
    found = {run.id: run for run in done_runs(state.runs().list(dataset=dataset.id, step="clear"))}
    id = st.selectbox(
        "CLEAR beside it",
        [None, *found],
        format_func=lambda id: "none" if id is None else run_name(found[id]),
        key=f"classify.clear.{dataset.id}.{len(found)}",
        help=words.CLEAR_BESIDE,
        width=620,
    )
    if not found:
        st.caption("No run of CLEAR of this dataset has finished yet; where few cells have a label, one helps.")
        link("clear", "Go to Train CLEAR", dataset=dataset.id)
    return "" if id is None else str(found[id].folder)


def _the_labels(dataset: Dataset, label_key: str, columns: list[str]) -> None:
    """How many cells each type has, and where they lie: before training."""
    if not st.toggle("Look at the labels", key=f"labels.{dataset.id}", help=words.LABELS):
        return
    labels = state.grouping(dataset, label_key)
    counts = labels.value_counts()
    show_figure(plot_counts(counts), key=f"counts.{label_key}", name="cells_per_type", alt="Cells of each type")
    missing = int(labels.isna().sum())
    few = [str(name) for name, n in counts.items() if 0 < n < LEAST_TESTED]
    if missing:
        st.caption(f"{missing:,} cells have no label: they are left out of training and can be annotated afterwards.")
    if few:
        st.warning(
            f"Fewer than {LEAST_TESTED} cells: {escape(listed(few))}. Nothing can be tested with so few; their figures"
            " will be missing or jump."
        )
    download_csv(counts.rename_axis("type").rename("cells").reset_index(), key="counts", name="cells_per_type")
    found = coloured_maps.available(dataset)
    if not found:
        st.caption("To see where the types lie, make a map on Clusters & map first.")
        return
    broad = st.selectbox(
        "Broad types (a hue each; types are shades of it)",
        [None, *(name for name in columns if name != label_key)],
        format_func=lambda name: "none" if name is None else name,
        key=f"broad.{dataset.id}.{label_key}",
    )
    colour = coloured_maps.colouring(dataset, label_key)
    if broad is not None:
        colour = _in_shades(colour, state.grouping(dataset, broad))
    coloured_maps.draw(dataset, found[0], colour, key=f"labels.{label_key}.{broad}", height=460)


def _in_shades(colour: coloured_maps.Colouring, broad: pd.Series) -> coloured_maps.Colouring:
    """Types in shades of the hue of the broad type that most of their cells have."""
    assert colour.values is not None
    types = [str(name) for name in colour.values.cat.categories]
    table = pd.crosstab(colour.values.astype(str).to_numpy(), broad.astype(str).to_numpy())
    family = [str(table.loc[name].idxmax()) if name in table.index else "" for name in types]
    return coloured_maps.Colouring(colour.title, colour.values, shades(family, types))


@st.fragment(run_every=live.POLL_SECONDS)
def _live_curves(run_id: str) -> None:
    with boundary(), downloads.beside():
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
    st.caption(words.CLASSIFIER_CURVES)
    if rows:
        download_csv(pd.DataFrame(rows), key=f"stages.{run.id}", name="classifier_loss")


def annotate_section(dataset: Dataset) -> None:
    """Write what a classifier, of any dataset of the workspace, says of this dataset's cells."""
    found = done_runs(state.runs().list(step=STEP))
    if not found:
        st.info(
            "There is no classifier in this workspace yet. Open an annotated dataset and train one in the tab 'Train'."
        )
        return
    st.markdown(words.ANNOTATE)
    names = {d.id: d.name for d in state.workspace().datasets()}
    # those of other datasets first: to annotate the data that one has learnt from shows little
    found = sorted(found, key=lambda run: run.config.dataset == dataset.id)
    labels = {
        run.id: f"{name_of(run)} · trained on {names.get(run.config.dataset or '', 'a deleted dataset')}"
        for run in found
    }
    chosen = st.selectbox(
        "Model", list(labels), format_func=labels.__getitem__, key=f"annotate.model.{dataset.id}", width=720
    )
    run = next(run for run in found if run.id == chosen)
    if run.config.dataset == dataset.id:
        st.info(words.OWN_MODEL)
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
    show_gene_match(result, "model", "predictions")
    if result["n_unassigned"] and "threshold" in result and run.config.config["vote_key"] is None:
        st.markdown(
            f"{result['n_unassigned']:,} of {result['n_cells']:,} cells go without a name: their best type is less"
            f" probable than {result['threshold']:.3f}."
        )
    if "top1" in result:
        st.markdown(
            f"Compared with '{escape(str(run.config.config['label_key']))}' on {result['n_test']:,} cells of types"
            f" that both know: top-1 accuracy **{result['top1']:.3f}**, macro F1 **{result['macro_f1']:.3f}**."
        )
        if result["types_not_in_model"]:
            st.caption(escape(f"Types that the model does not know: {', '.join(result['types_not_in_model'])}."))
    if "n_types_in_ontology" in result:
        st.caption(
            f"{result['n_types_in_ontology']} of the model's {result['n_types']} types are terms of the Cell Ontology;"
            f" {result['n_broader']:,} cells have a broader type in `predicted_broad_type`."
        )
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
        next_button("map", "Next: see them on the map", dataset=dataset.id)
