"""Sections of the Train CLEAR page."""

from typing import Any

import numpy as np
import pandas as pd
import streamlit as st

from scapp.analysis.config import ChooseConfig
from scapp.contrast.augmentation_config import AugmentationConfig
from scapp.contrast.config import PRESETS, ClearConfig, clear_config
from scapp.contrast.estimates import estimate_seconds
from scapp.core import keys
from scapp.core.errors import RunError
from scapp.core.provenance import fingerprint
from scapp.jobs.launch import discard, run_now, submit
from scapp.plotting.training import curves_data, plot_curve, plot_loss, plot_overlay, plot_view
from scapp.ui import explain, live, state
from scapp.ui.boundary import boundary
from scapp.ui.forms import config_form
from scapp.ui.routing import next_button
from scapp.ui.widgets import download_csv, show_figure, show_table
from scapp.workspace.dataset import Dataset
from scapp.workspace.runs import ACTIVE, Run

STEP = "clear"
FIGURE_SECONDS = 3.0
MOST_OVERLAID = 12
PRESET_NAMES = {
    "recommended": "Recommended (measured best on real data)",
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
        names = {run.id: _run_name(run) for run in found}
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


def _when(run: Run) -> str:
    day, time = run.id[:8], run.id[9:15]
    return f"{day[:4]}-{day[4:6]}-{day[6:]} {time[:2]}:{time[2:4]}"


def _run_name(run: Run) -> str:
    config = run.config.config
    return f"{_when(run)} UTC · {config.get('preset')} · {config.get('epochs') or 'automatic'} epochs · {live.WORDS[run.observe().state]}"


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
        start = clear_config(preset, augmentation=augmentation)
        if augmentation:
            st.info("The augmentations are those that you set on the Augmentations page.")
            if st.button("Use the preset's instead", key="clear.drop_carried"):
                st.session_state.pop(_carried(dataset), None)
                st.rerun()
        mark = fingerprint(augmentation)[:6] if augmentation else ""
        columns = state.categorical_columns(dataset)
        values = config_form(ClearConfig, key=f"clear.{dataset.id}.{preset}{mark}", start=start, columns=columns)
        _warn_of_batch_key(dataset, values["batch_key"])
        config = ClearConfig.build(values)
        n_genes = int(np.sum(state.read(dataset, keys.var(keys.HIGHLY_VARIABLE))))
        seconds = estimate_seconds(config, dataset.n_cells, n_genes, _measured_speed(n_genes, config))
        st.caption(
            f"About {_duration(seconds)} on {dataset.n_cells:,} cells and {n_genes:,} highly variable genes; a GPU is used where there is one."
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
    if batch_key is None:
        return
    batches = state.grouping(dataset, batch_key)
    for column in keys.CONDITIONS:
        if column == batch_key or column in state.categorical_columns(dataset):
            values = batches if column == batch_key else state.grouping(dataset, column)
            # each batch lies in one condition
            if (
                pd.DataFrame({"batch": batches, "condition": values})
                .drop_duplicates()
                .groupby("batch", observed=True)
                .size()
                .max()
                == 1
                and values.nunique() > 1
            ):
                st.warning(
                    f"Every batch of '{batch_key}' is of one '{column}': what the condition changes will be removed along with the batches. "
                    "That helps to find the same types in both; to see the response itself, train without a batch column as well."
                )
                return


def _measured_speed(n_genes: int, config: ClearConfig) -> float | None:
    """Cells per second of the newest finished run of the same shape on this machine."""
    for run in state.runs().list(step=STEP):
        result = run.observe().result
        if (
            result.get("n_genes") == n_genes
            and run.config.config.get("hidden") == config.hidden
            and result.get("cells_per_s")
        ):
            return float(result["cells_per_s"])
    return None


def _duration(seconds: float) -> str:
    if seconds < 90:
        return f"{max(seconds, 1):.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"


def run_section(dataset: Dataset, run: Run) -> None:
    """Everything about one run: live while it is active."""
    state_now = run.observe().state
    with st.container(horizontal=True, vertical_alignment="bottom"):
        colour = _colour_choice(dataset)
        paused = state_now in ACTIVE and st.toggle(
            "Pause the live view",
            key=f"pause.{run.id}",
            help="Training goes on; the figures stand still, so that you can zoom and look.",
        )
    if state_now in ACTIVE:
        _live_progress(run.id)
        _live_figures(dataset.id, run.id, colour, paused)
        return
    live.show_finished(run, key="clear")
    if state_now == "done":
        st.success(_closing_words(dataset, run))
        next_button("cell_map", "Next: make the map", dataset=dataset.id)
    _numbers(run, run.metrics)
    _figures(dataset, run, colour)
    download_csv(
        curves_data(run.metrics),
        key=f"curves.{run.id}",
        name=f"clear_{run.id}_curves",
        label="Download the curves as CSV",
    )
    if state_now == "done":
        live.show_log(run)
        help = "Delete this run's curves, checkpoints and model; its representation stays in the dataset."
        with st.popover("Discard this run", help=help):
            st.write(help)
            if st.button("Yes, discard it", key=f"discard.{run.id}", type="primary"):
                discard(state.root(), run)
                st.rerun()


def _closing_words(dataset: Dataset, run: Run) -> str:
    result = run.status.result
    where = f"X_{result['representation']}" + (
        " and, as the chosen run, as X_clear" if _is_chosen(dataset, run) else ""
    )
    return (
        f"Training is done: {result['epochs']} epochs in {_duration(result['train_seconds'])} ({result['cells_per_s']:,.0f} cells/s). "
        f"The representation is stored as {where}."
    )


def _colour_choice(dataset: Dataset) -> str | None:
    columns = state.categorical_columns(dataset) + state.numeric_columns(dataset)
    default = keys.suggest(columns, keys.SUGGESTED_LABELS) or (columns[0] if columns else None)
    options = [None, *columns]
    chosen: str | None = st.selectbox(
        "Colour the embedding by",
        options,
        index=options.index(default),
        format_func=lambda name: "nothing" if name is None else name,
        key=f"clear.colour.{dataset.id}",
        persist_state="session",
        width=360,
    )
    return chosen


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
        st.caption(explain.OVERLAY)
    there = [run for run in found if keys.representation(run.status.result["representation"]) in dataset]
    others = [run for run in there if not _is_chosen(dataset, run)]
    if others:
        ids = [run.id for run in others]
        names = {run.id: _run_name(run) for run in others}
        with st.container(horizontal=True, vertical_alignment="bottom"):
            id = st.selectbox("Another run", ids, format_func=names.__getitem__, key=f"choose.{dataset.id}", width=520)
            if st.button(
                "Use it as X_clear", key="choose.go", help="Pages and exports that speak of CLEAR then mean this run."
            ):
                chosen = next(run for run in others if run.id == id)
                config = ChooseConfig(representation=chosen.status.result["representation"])
                run_now(state.root(), "choose", config, dataset)
                st.rerun()
    st.caption(explain.RUNS)


def _short(run: Run) -> str:
    return str(run.status.result["representation"])


def _is_chosen(dataset: Dataset, run: Run) -> bool:
    own, last = (dataset.slots.get(keys.representation(name)) for name in (_short(run), "clear"))
    return own is not None and last is not None and own.fingerprint == last.fingerprint


def _run_row(dataset: Dataset, run: Run) -> dict[str, Any]:
    config, result = run.config.config, run.status.result
    shown = ("preset", "epochs", "batch_size", "optimizer", "learning_rate", "temperature", "dim", "seed")
    return {
        "run": _short(run),
        "is X_clear": "yes" if _is_chosen(dataset, run) else "",
        "started (UTC)": _when(run),
        **{str(ClearConfig.model_fields[name].title).lower(): config.get(name) for name in shown},
        "epochs": result["epochs"],
        "loss": round(float(result["loss"]), 4),
        "chance": round(float(result["chance"]), 4),
        "accuracy (%)": round(100 * float(result["accuracy"]), 1),
        "spread": round(float(result["spread"]), 3),
        "trained for (s)": round(float(result["train_seconds"]), 1),
    }


@st.fragment(run_every=live.POLL_SECONDS)
def _live_progress(run_id: str) -> None:
    """Progress and numbers, each second; when the run ends, the whole page is drawn anew."""
    with boundary():
        try:
            run = state.runs().open(run_id)
        except RunError:
            st.rerun()
        status = run.observe()
        if status.state not in ACTIVE:
            st.rerun()
        if status.state == "queued":
            live.see_to_worker(run)
        bar, stop = st.columns([9, 1], vertical_alignment="center")
        with bar:
            live.show_progress(run)
        with stop:
            live.stop_button(run, key="clear")
        _numbers(run, run.metrics)


@st.fragment(run_every=FIGURE_SECONDS)
def _live_figures(dataset_id: str, run_id: str, colour: str | None, paused: bool) -> None:
    """The figures, less often: a browser takes a moment to draw them, and a flicker each second is no view."""
    with boundary():
        run = state.runs().open(run_id)
        metrics = run.metrics
        if paused:
            metrics = metrics[: st.session_state.setdefault(f"paused_at.{run_id}", len(metrics))]
        else:
            st.session_state.pop(f"paused_at.{run_id}", None)
        _figures(state.workspace().open(dataset_id), run, colour, metrics=metrics, frozen=paused)


def _figures(
    dataset: Dataset, run: Run, colour: str | None, *, metrics: list[dict[str, Any]] | None = None, frozen: bool = False
) -> None:
    rows = run.metrics if metrics is None else metrics
    curves = curves_data(rows)
    st.markdown(explain.verdict(rows))
    left, right = st.columns([3, 2])
    with left:
        points, shown_colour = _view(dataset, run, colour, frozen=frozen)
        show_figure(
            plot_view(points, shown_colour),
            key=f"view.{run.id}",
            name="clear_view",
            alt="Two principal components of the embedding",
        )
    with right:
        show_figure(plot_loss(curves), key=f"loss.{run.id}", name="clear_loss", alt="Loss and chance level per epoch")
        st.caption(explain.LOSS)
    cells = st.columns(3)
    for cell, (column, title, reference, text) in zip(
        cells,
        (
            ("accuracy", "instance accuracy", None, explain.ACCURACY),
            ("spread", "spread (collapse meter)", 1.0, explain.SPREAD),
            ("learning_rate", "learning rate", None, "Step size of the optimizer in each epoch."),
        ),
        strict=True,
    ):
        with cell:
            figure = plot_curve(curves, column, title, reference=reference)
            show_figure(figure, key=f"{column}.{run.id}", name=f"clear_{column}", alt=f"{title} per epoch")
            st.caption(text)


def _numbers(run: Run, rows: list[dict[str, Any]]) -> None:
    if not rows:
        return
    last = rows[-1]
    columns = st.columns(6)
    columns[0].metric("Epoch", f"{last['epoch']}/{last['epochs']}")
    columns[1].metric("Loss", f"{last['loss']:.3f}")
    columns[2].metric("Chance level", f"{last['chance']:.3f}")
    columns[3].metric("Accuracy", f"{100 * last['accuracy']:.1f}%", help=explain.ACCURACY)
    columns[4].metric("Cells/s", f"{last['cells_per_s']:,.0f}")
    seconds = [row["seconds"] for row in rows]
    if run.observe().state in ACTIVE:
        left = (last["epochs"] - last["epoch"]) * float(np.median(seconds[-20:]))
        columns[5].metric("Time left", _duration(left))
    else:
        columns[5].metric("Trained for", _duration(sum(seconds)))


def _view(dataset: Dataset, run: Run, colour: str | None, *, frozen: bool) -> tuple[np.ndarray, pd.Series | None]:
    """Points of the newest view (of the one when the view was paused) and the colours of its cells."""
    path = run.folder / "view.npy"
    kept = f"paused_view.{run.id}"
    if not frozen:
        st.session_state.pop(kept, None)
    if kept in st.session_state:
        view = st.session_state[kept]
    elif path.exists():
        view = np.load(path, allow_pickle=False)
    else:
        return np.empty((0, 2)), None
    if frozen:
        st.session_state[kept] = view
    if colour is None:
        return view[:, 1:], None
    cells = view[:, 0].astype(int)
    values = pd.Series(state.read(dataset, keys.obs(colour)), name=colour).iloc[cells]
    if values.dtype == bool:
        values = values.astype("category")
    return view[:, 1:], values.reset_index(drop=True)
