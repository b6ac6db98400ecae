"""Sections of the Upload & QC page."""

from typing import Any

import numpy as np
import pandas as pd
import streamlit as st

from scapp.core import keys
from scapp.data.config import KEEP_EVERYTHING, DoubletConfig, PrepareConfig
from scapp.data.qc.thresholds import failing, removal_table, suggest_thresholds
from scapp.data.units import USES, units
from scapp.jobs.launch import submit
from scapp.plotting.qc import MOST_SAMPLES, histogram_data, plot_counts_against_genes, plot_histogram
from scapp.ui.kit import state
from scapp.ui.kit.boundary import escape
from scapp.ui.kit.forms import config_form
from scapp.ui.kit.live import panel_that_opens, run_panel, start_and_open
from scapp.ui.kit.widgets import show_figure, show_table
from scapp.workspace.datasets.dataset import Dataset
from scapp.workspace.runs.run import ACTIVE

FILTERS = ("min_genes", "max_genes", "min_counts", "max_counts", "max_pct_mt", "max_doublet_score", "min_cells")
METRICS: tuple[tuple[str, str, str | None, str], ...] = (
    (keys.N_GENES, "genes with counts", "min_genes", "max_genes"),
    (keys.TOTAL_COUNTS, "total counts", "min_counts", "max_counts"),
    (keys.PCT_MT, "mitochondrial counts (%)", None, "max_pct_mt"),
    (keys.DOUBLET_SCORE, "doublet score", None, "max_doublet_score"),
)
OTHER_METRICS = ((keys.PCT_RIBO, "ribosomal counts (%)"), (keys.PCT_ERCC, "spike-in counts (%)"))


def summary(dataset: Dataset) -> None:
    """Size, where the values came from, and what was noticed on import."""
    source = dataset.manifest.source
    cells, genes, taken = st.columns([1, 1, 3])
    cells.metric("Cells", f"{dataset.n_cells:,}")
    genes.metric("Genes", f"{dataset.n_genes:,}")
    with taken:
        st.markdown(f"Values were taken from **{escape(str(source.get('taken_from', 'an earlier step')))}**.")
        for finding in source.get("findings", []):
            st.markdown(f"- {escape(finding['sentence'])} {escape(finding['fix'])}")
    _uses(str(source.get("units", "counts")))


def _uses(found: str) -> None:
    """Which steps can use the values; in the open where some cannot."""
    table = pd.DataFrame(
        {
            "step": [use.step for use in USES],
            "can use these values": ["yes" if found in use.units else "no" for use in USES],
            "why not": ["" if found in use.units else use.otherwise for use in USES],
        }
    )
    with st.expander(f"What can be done with {units(found).title}", expanded=False):
        show_table(table, key="uses", name="steps_and_values", alt="Which steps can use the values")


def before_and_after(dataset: Dataset) -> None:
    """What filtering did to this dataset; it stays visible on later visits."""
    report = dataset.read(keys.PREPARATION)
    st.success("This dataset is filtered and normalised.")
    columns = st.columns(4)
    columns[0].metric("Cells before", f"{int(report['n_cells_before']):,}")
    columns[1].metric(
        "Cells after",
        f"{int(report['n_cells_after']):,}",
        delta=int(report["n_cells_after"]) - int(report["n_cells_before"]),
        delta_color="off",
    )
    columns[2].metric("Genes before", f"{int(report['n_genes_before']):,}")
    columns[3].metric(
        "Genes after",
        f"{int(report['n_genes_after']):,}",
        delta=int(report["n_genes_after"]) - int(report["n_genes_before"]),
        delta_color="off",
    )
    if note := str(report.get("note", "")):
        st.info(note)
    counts = dict(report["removed"])
    removed = {_title(name): int(counts[name]) for name in (*FILTERS, "any filter") if name in counts}
    n_variable = int(np.sum(state.read(dataset, keys.var(keys.HIGHLY_VARIABLE))))
    st.write(f"{n_variable:,} highly variable genes are read by the models.")
    if removed:
        show_table(
            pd.DataFrame({"cells removed": removed}),
            key="removed",
            name="removed_cells",
            alt="Cells removed by each filter",
            index_name="filter",
        )
    parent = dataset.manifest.parent
    there = parent is not None and any(d.id == parent.id for d in state.workspace().datasets())
    if (
        parent is not None
        and there
        and st.button(
            f"Open the unfiltered dataset, to filter differently ({parent.n_cells:,} cells)", key="open.parent"
        )
    ):
        state.open_dataset(parent.id)
        st.rerun()
    metrics = _metrics(dataset)
    if keys.TOTAL_COUNTS in metrics:
        _histograms(metrics, None, PrepareConfig.build(KEEP_EVERYTHING))


def _metrics(dataset: Dataset) -> pd.DataFrame:
    wanted = [name for name, *_ in METRICS] + [name for name, _ in OTHER_METRICS]
    metrics = state.columns(dataset, [name for name in wanted if keys.obs(name) in dataset])
    # files bring columns of these names with anything in them; what is not measured passes every filter
    usable = [name for name in metrics if metrics[name].dtype.kind in "iuf" and metrics[name].notna().any()]
    return metrics[usable]


def threshold_section(dataset: Dataset) -> PrepareConfig:
    """Sliders, histograms with their lines, and what each filter removes, live."""
    metrics = _metrics(dataset)
    st.header("Quality")
    # new scores are a new scale: their sliders start afresh
    scale = dataset.slots[keys.obs(keys.DOUBLET_SCORE)].fingerprint[:8] if keys.DOUBLET_SCORE in metrics else ""
    prefix = f"qc.{dataset.id}.{scale}"
    with st.container(horizontal=True, vertical_alignment="bottom"):
        groups = state.categorical_columns(dataset)
        few = [name for name in groups if len(pd.unique(state.read(dataset, keys.obs(name)))) <= MOST_SAMPLES]
        default = keys.suggest(few, keys.SUGGESTED_SAMPLES)
        options = [None, *groups]
        sample = st.selectbox(
            "Split by sample",
            options,
            index=options.index(default),
            format_func=lambda name: "no" if name is None else name,
            key=f"{prefix}.sample",
            persist_state="session",
            help="Numbers and histograms for each sample on its own.",
        )
        st.button(
            "Use suggested thresholds",
            key=f"{prefix}.suggest",
            on_click=_set_thresholds,
            args=(prefix, metrics, suggest_thresholds(metrics)),
            help=(
                "Five median absolute deviations from the median for counts and genes, three for the mitochondrial"
                " share."
            ),
        )
        st.button("Keep every cell", key=f"{prefix}.reset", on_click=_set_thresholds, args=(prefix, metrics, {}))
    config = _sliders(metrics, prefix)
    samples = pd.Series(state.read(dataset, keys.obs(sample))) if sample else None
    removed = removal_table(metrics, config, samples)
    total = int(removed.loc["any filter", "all cells"])
    before, after, share = st.columns(3)
    before.metric("Cells before", f"{dataset.n_cells:,}")
    after.metric("Cells after filtering", f"{dataset.n_cells - total:,}", delta=-total, delta_color="off")
    share.metric("Kept", f"{100 * (1 - total / dataset.n_cells):.1f}%")
    if dataset.n_cells - total < 2:
        st.warning("These filters leave fewer than two cells: move a slider back before you go on.")
    _histograms(metrics, samples, config)
    masks = list(failing(metrics, config).values())
    out = np.logical_or.reduce(masks) if masks else np.zeros(len(metrics), bool)
    mitochondrial = metrics[keys.PCT_MT].to_numpy() if keys.PCT_MT in metrics else None
    figure = plot_counts_against_genes(
        metrics[keys.TOTAL_COUNTS].to_numpy(), metrics[keys.N_GENES].to_numpy(), mitochondrial, out
    )
    show_figure(figure, key="qc.scatter", name="counts_against_genes", alt="Counts against genes of each cell")
    st.subheader("What each filter removes")
    table = removed.rename(index=_title)
    show_table(
        table,
        key="qc.removed",
        name="filtered_cells",
        alt="Cells that each filter removes, in total and per sample",
        index_name="filter",
    )
    return config


def _title(name: str) -> str:
    field = PrepareConfig.model_fields.get(name)
    return (field.title or name) if field else name


def _sliders(metrics: pd.DataFrame, prefix: str) -> PrepareConfig:
    values: dict[str, Any] = dict(KEEP_EVERYTHING)
    shown = [entry for entry in METRICS if entry[0] in metrics]
    for column, (metric, title, lower, upper) in zip(st.columns(len(shown)), shown, strict=True):
        top = _top(metrics[metric])
        key = f"{prefix}.{metric}"
        kind = float if lower is None else int
        start = (kind(0), kind(top)) if lower else kind(top)
        # the value comes from the session alone, because buttons move the slider
        st.session_state.setdefault(key, start)
        chosen = column.slider(
            title.capitalize(),
            kind(0),
            kind(top),
            step=_slider_step(top, kind),
            key=key,
            persist_state="session",
            help=_help(lower, upper),
        )
        if lower is None:
            values[upper] = chosen if chosen < top else None
        else:
            values[lower] = chosen[0]
            values[upper] = chosen[1] if chosen[1] < top else None
    values["min_cells"] = st.number_input(
        "Minimum cells per gene",
        0,
        None,
        3,
        key=f"{prefix}.min_cells",
        persist_state="session",
        help=_help("min_cells"),
        width=240,
    )
    return PrepareConfig.build(values)


def _top(values: pd.Series) -> float:
    largest = float(values.max())
    return (
        max(float(np.ceil(largest * 10) / 10), 0.1)
        if largest <= 100 and values.dtype.kind == "f" and largest != int(largest)
        else max(np.ceil(largest), 1.0)
    )


def _slider_step(top: float, kind: type) -> Any:
    return 1 if kind is int else (0.01 if top <= 1 else 0.1)


def _help(*names: str | None) -> str:
    return " ".join(str(PrepareConfig.model_fields[name].description) for name in names if name)


def _set_thresholds(prefix: str, metrics: pd.DataFrame, values: dict[str, Any]) -> None:
    """Move the sliders, before the page runs again; filters that are not named go to their ends."""
    for metric, _, lower, upper in METRICS:
        if metric not in metrics:
            continue
        top = _top(metrics[metric])
        high = values.get(upper)
        high = top if high is None else min(high, top)
        if lower is None:
            st.session_state[f"{prefix}.{metric}"] = float(high)
        else:
            low = min(max(values.get(lower, 0), 0), high)
            st.session_state[f"{prefix}.{metric}"] = (int(low), int(high))


def _histograms(metrics: pd.DataFrame, samples: pd.Series | None, config: PrepareConfig) -> None:
    limits = {
        metric: (getattr(config, lower) if lower else None, getattr(config, upper))
        for metric, _, lower, upper in METRICS
    }
    titles = {metric: title for metric, title, *_ in METRICS} | dict(OTHER_METRICS)
    columns = st.columns(2)
    for index, metric in enumerate(name for name in titles if name in metrics):
        low, high = limits.get(metric, (None, None))
        data = histogram_data(metrics[metric].to_numpy(), samples)
        figure = plot_histogram(data, title=titles[metric], lower=low, upper=high)
        with columns[index % 2]:
            show_figure(figure, key=f"qc.histogram.{metric}", name=metric, alt=f"Histogram of {titles[metric]}")


def filtered_versions(dataset: Dataset) -> None:
    """Datasets that were made from this one by filtering."""
    made = [d for d in state.workspace().datasets() if d.manifest.parent and d.manifest.parent.id == dataset.id]
    for child in made:
        with st.container(horizontal=True, vertical_alignment="center"):
            st.markdown(f"Already made from this dataset: **{escape(child.name)}** ({child.n_cells:,} cells)")
            if st.button("Open it", key=f"child.{child.id}"):
                state.open_dataset(child.id)
                st.rerun()


def doublet_section(dataset: Dataset) -> None:
    """Scrublet, on request: it takes a while, and not every study needs it."""
    if keys.COUNTS not in dataset:
        return
    run = state.latest_run("doublets", dataset)
    active = run is not None and run.observe().state in ACTIVE
    done = keys.obs(keys.DOUBLET_SCORE) in dataset
    with st.expander(
        "Doublet scores (two cells in one droplet)", expanded=run is not None and run.observe().state != "done"
    ):
        if done:
            st.write(
                "Cells have been scored; set the highest score that you accept above. Scoring again replaces the"
                " scores."
            )
        # files that were joined on import were loaded one by one
        joined = bool(dataset.manifest.source.get("samples")) and keys.obs("sample") in dataset
        chosen = config_form(
            DoubletConfig,
            key=f"doublets.{dataset.id}",
            start=DoubletConfig(batch_key="sample" if joined else None),
            columns=state.categorical_columns(dataset),
        )
        if not active and st.button("Score doublets", key="doublets.go"):
            submit(state.root(), "doublets", DoubletConfig.build(chosen), dataset)
            st.rerun()
        run_panel(run, key="doublets")


def no_filters() -> PrepareConfig:
    """For data without counts."""
    st.info(
        "These data are already log-normalised and hold no counts: there is nothing to filter, and they are used as"
        " they are."
    )
    return PrepareConfig.build(KEEP_EVERYTHING)


def prepare_section(dataset: Dataset, config: PrepareConfig) -> None:
    """Normalisation and highly variable genes, and the button that does it all."""
    st.header("Normalise")
    if config.model_dump(include=set(FILTERS)) == PrepareConfig.build(KEEP_EVERYTHING).model_dump(include=set(FILTERS)):
        st.caption("No filter is set: every cell is kept.")
    values = config_form(
        PrepareConfig,
        key=f"prepare.{dataset.id}",
        start=config,
        columns=state.categorical_columns(dataset),
        skip=FILTERS,
    )
    values |= config.model_dump(include=set(FILTERS))
    run = state.latest_run("prepare", dataset)
    active = run is not None and run.observe().state in ACTIVE
    if not active and st.button("Filter and normalise", type="primary", key="prepare.go"):
        start_and_open("prepare", PrepareConfig.build(values), dataset)
        st.rerun()
    panel_that_opens(run, key="prepare")
