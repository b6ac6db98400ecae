"""Sections of the Train CLEAR page."""

from typing import Any

import numpy as np
import pandas as pd
import streamlit as st

from scapp.analysis.map.config import ChooseConfig
from scapp.clear.augment.config import AugmentationConfig
from scapp.clear.config import PRESETS, ClearConfig, clear_config
from scapp.clear.training.time_estimate import estimate_seconds, n_steps
from scapp.core import keys
from scapp.core.provenance import fingerprint
from scapp.jobs.launch import run_now, submit
from scapp.plotting.clear.curves import curves_data, plot_overlay
from scapp.ui.clear import batch_offer, words
from scapp.ui.clear.one_run import duration, is_chosen
from scapp.ui.kit import live, state
from scapp.ui.kit.boundary import escape
from scapp.ui.kit.forms import config_form
from scapp.ui.kit.widgets import show_figure, show_table
from scapp.workspace.datasets.dataset import Dataset
from scapp.workspace.runs.run import ACTIVE, Run

STEP = "clear"
MOST_OVERLAID = 12
PRESET_NAMES = {
    "recommended": "Recommended (not the paper's: see ?)",
    "paper": "Paper (Han et al. 2022, as printed)",
    "authors_code": "Authors' code (as published on GitHub)",
}


def chosen_run(dataset: Dataset) -> Run | None:
    """The run named in the address when it belongs to this dataset, else the newest one."""
    found = state.runs().list(dataset=dataset.id, step=STEP)
    wanted = st.query_params.get("run")
    chosen = next((run for run in found if run.id == wanted), found[0] if found else None)
    if chosen is not None and len(found) > 1:
        ids = [run.id for run in found]
        names = {run.id: run_name(run) for run in found}
        id = st.selectbox(
            "Training run",
            ids,
            index=ids.index(chosen.id),
            format_func=names.__getitem__,
            key=f"runs.{dataset.id}.{len(ids)}",
        )
        chosen = next(run for run in found if run.id == id)
    if chosen is not None and wanted != chosen.id:
        st.query_params["run"] = chosen.id
    return chosen


def run_name(run: Run) -> str:
    """A training in a few words."""
    config = run.config.config
    return (
        f"{live.when(run)} UTC · {config.get('preset')} · {config.get('epochs') or 'automatic'} epochs ·"
        f" {live.WORDS[run.observe().state]}"
    )


def start_section(dataset: Dataset, run: Run | None) -> None:
    """Settings, an estimate, and the button."""
    active = run is not None and run.observe().state in ACTIVE
    live.prewarm("training")
    with st.expander("Settings of a new run", expanded=run is None):
        st.session_state.setdefault(f"clear.{dataset.id}.preset", "recommended")
        chosen = st.segmented_control(
            "Preset",
            list(PRESETS),
            required=True,
            format_func=PRESET_NAMES.__getitem__,
            key=f"clear.{dataset.id}.preset",
            persist_state="session",
            help=ClearConfig.model_fields["preset"].description,
        )
        preset = chosen or "recommended"
        carried = st.session_state.get(_carried(dataset), {})
        augmentation = carried["augmentation"] if carried.get("preset") == preset else {}
        columns = state.categorical_columns(dataset)
        labels = keys.suggest(columns, keys.ANNOTATED_LABELS)
        start = clear_config(preset, augmentation=augmentation, label_key=labels)
        if augmentation:
            st.info("The augmentations are those that you set on the Augmentations page.")
            if st.button("Use the preset's instead", key="clear.drop_carried"):
                st.session_state.pop(_carried(dataset), None)
                st.rerun()
        mark = fingerprint(augmentation)[:6] if augmentation else ""
        values = config_form(ClearConfig, key=f"clear.{dataset.id}.{preset}{mark}", start=start, columns=columns)
        batch_widget = f"clear.{dataset.id}.{preset}{mark}.batch_key"
        batch_offer.offer(dataset, columns, values["batch_key"], key=batch_widget)
        _warn_of_batch_key(dataset, values["batch_key"])
        config = ClearConfig.build(values)
        n_genes = int(np.sum(state.read(dataset, keys.var(keys.HIGHLY_VARIABLE))))
        seconds = estimate_seconds(
            config, dataset.n_cells, n_genes, measured_step_seconds=_measured_step(n_genes, config)
        )
        st.caption(
            f"About {duration(seconds)} on {dataset.n_cells:,} cells and {n_genes:,} highly variable genes; a GPU is"
            " used where there is one."
        )
        if active:
            st.caption("One training runs at a time: a new one waits until the one below has ended.")
        if st.button("Train CLEAR", type="primary", key="clear.go"):
            st.query_params["run"] = submit(state.root(), STEP, config, dataset).id
            st.rerun()


def _carried(dataset: Dataset) -> str:
    return f"clear.augmentation.{dataset.id}"


def carry_augmentation(dataset: Dataset, preset: str, config: AugmentationConfig) -> None:
    """Let the next run start from these augmentations."""
    st.session_state[_carried(dataset)] = {"preset": preset, "augmentation": config.model_dump()}
    st.session_state[f"clear.{dataset.id}.preset"] = preset


def _warn_of_batch_key(dataset: Dataset, batch_key: str | None) -> None:
    """Say when a batch column is a condition as well: its effect would be removed with the batches."""
    if batch_key is not None:
        for note in state.batch_notes_of(dataset, batch_key):
            st.warning(escape(f"{note} {words.CONFOUNDED}"))


OF_ITS_SHAPE = ("preset", "hidden", "dim", "batch_size")
"""Settings that a step's time hangs on."""


def _measured_step(n_genes: int, config: ClearConfig) -> float | None:
    """Seconds per step of the newest finished run of the same shape in this workspace."""
    for run in state.runs().list(step=STEP):
        result, settings = run.observe().result, run.config.config
        alike = all(settings.get(name) == getattr(config, name) for name in OF_ITS_SHAPE)
        if (
            result.get("n_genes") == n_genes
            and alike
            and (settings.get("batch_key") is None) == (config.batch_key is None)
        ):
            return float(result["train_seconds"]) / n_steps(ClearConfig.build(settings), result["n_cells"])
    return None


def runs_section(dataset: Dataset) -> None:
    """Every finished run with its settings and last figures; curves overlaid; one chosen as X_clear."""
    found = [run for run in state.runs().list(dataset=dataset.id, step=STEP) if run.observe().state == "done"]
    if not found:
        return
    st.header("Runs of this dataset")
    table = pd.DataFrame([_run_row(dataset, run) for run in found])
    show_table(table, key="runs", name="clear_runs", alt="CLEAR runs with settings and last figures")
    if len(found) > 1:
        curves = {_short(run): curves_data(run.metrics) for run in found[:MOST_OVERLAID]}
        show_figure(
            plot_overlay(curves), key="runs.loss", name="clear_runs_loss", alt="Loss of each run, relative to chance"
        )
        st.caption(words.OVERLAY)
    there = [run for run in found if keys.representation(run.status.result["representation"]) in dataset]
    others = [run for run in there if not is_chosen(dataset, run)]
    if others:
        ids = [run.id for run in others]
        names = {run.id: run_name(run) for run in others}
        with st.container(horizontal=True, vertical_alignment="bottom"):
            id = st.selectbox("Another run", ids, format_func=names.__getitem__, key=f"choose.{dataset.id}", width=520)
            if st.button(
                "Use it as X_clear", key="choose.go", help="Pages and exports that speak of CLEAR then mean this run."
            ):
                chosen = next(run for run in others if run.id == id)
                config = ChooseConfig(representation=chosen.status.result["representation"])
                run_now(state.root(), "choose", config, dataset)
                st.rerun()
    st.caption(words.RUNS)


def _short(run: Run) -> str:
    return str(run.status.result["representation"])


def _agreement(result: dict[str, Any]) -> dict[str, Any]:
    """Columns for runs that were compared with labels."""
    if "ari" not in result:
        return {}
    found = {"compared with": result["label_key"], "k-means ARI": round(result["ari"], 3)}
    return found | ({"of PCA": round(result["reference_ari"], 3)} if "reference_ari" in result else {})


def _run_row(dataset: Dataset, run: Run) -> dict[str, Any]:
    config, result = run.config.config, run.status.result
    shown = ("preset", "epochs", "batch_size", "optimizer", "learning_rate", "temperature", "dim", "seed")
    return {
        "run": _short(run),
        "is X_clear": "yes" if is_chosen(dataset, run) else "",
        "started (UTC)": live.when(run),
        **{str(ClearConfig.model_fields[name].title).lower(): config.get(name) for name in shown},
        "epochs": result["epochs"],
        "loss": round(float(result["loss"]), 4),
        "chance": round(float(result["chance"]), 4),
        "accuracy (%)": round(100 * float(result["accuracy"]), 1),
        "spread": round(float(result["spread"]), 3),
        **_agreement(result),
        "trained for (s)": round(float(result["train_seconds"]), 1),
    }
