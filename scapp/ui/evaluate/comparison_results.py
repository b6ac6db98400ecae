"""What a comparison found, as figures and tables."""

from collections.abc import Mapping
from functools import partial

import numpy as np
import pandas as pd
import plotly.graph_objects as go
import streamlit as st

from scapp.clear.config import clear_config
from scapp.core import keys
from scapp.core.errors import listed
from scapp.metrics.agreement import shown_resolution, turning_points
from scapp.metrics.mixing import shared_labels
from scapp.plotting.evaluate.map_pairs import plot_two_groupings
from scapp.plotting.evaluate.score_figures import plot_curves, plot_grid, plot_scores
from scapp.plotting.map.rivers import plot_river, river_data
from scapp.steps.evaluate.config import MAIN_SCORES
from scapp.ui.evaluate import words
from scapp.ui.evaluate.pseudotime_results import order_section
from scapp.ui.evaluate.run_tables import cells_of, table_of
from scapp.ui.kit import state
from scapp.ui.kit.boundary import escape
from scapp.ui.kit.downloads import download_csv
from scapp.ui.kit.widgets import show_figure, show_table
from scapp.workspace.datasets.dataset import Dataset
from scapp.workspace.runs.run import Run

SHARING = {
    "all": "All cells",
    "shared": "Types that batches share",
    "alone": "Types of one batch",
}


def _named(table: pd.DataFrame) -> pd.DataFrame:
    """Ways to cluster in words, and no column that is the same everywhere."""
    if "clusterer" in table:
        table = table.assign(clusterer=table["clusterer"].map(words.CLUSTERERS))
    return table.drop(columns="level") if "level" in table and table["level"].nunique() < 2 else table


def _in_words(summary: pd.DataFrame) -> pd.DataFrame:
    """Means over seeds with their spread beside them, cost last, and columns named for people."""
    table = (
        _named(summary)
        .drop(columns="method")
        .rename(columns={"title": "method", "n_seeds": "seeds", "k_given": "k given"})
    )
    cost = [name for name in ("seconds", "memory_mb") if name in table]
    table = table[[*(name for name in table if name not in cost), *cost]]
    table = table.drop(columns=[name for name in table if str(name).endswith("_sd") and not table[name].any()])
    titles = {name: words.SCORES[name] for name in table if name in words.SCORES}
    spread = {f"{name}_sd": f"± {words.SCORES[name]}" for name in words.SCORES}
    return table.rename(columns={**titles, **spread, "level": "share lost"}).round(4)


def result_section(dataset: Dataset, task: str, run: Run) -> None:
    """What a comparison found: in words, by score, and for single cells."""
    result = run.observe().result or {}
    changed = [
        slot
        for slot, found in result.get("read", {}).items()
        if slot not in dataset or dataset.slots[slot].fingerprint != found
    ]
    if changed:
        st.warning(
            f"Changed since this comparison was made: {escape(listed(changed))}. Compare again to see the data as they"
            " are."
        )
    for note in result.get("notes", []):
        st.warning(escape(note))
    results, summary = table_of(run, "results"), table_of(run, "summary")
    said = words.VERDICTS.get(task, partial(words.verdict, task))(results)
    if said:
        st.markdown(said)
    scores = [name for name in words.SCORES if name in results]
    main = MAIN_SCORES[task]
    score = st.selectbox(
        "Score",
        scores,
        index=scores.index(main) if main in scores else 0,
        format_func=words.SCORES.__getitem__,
        key=f"{task}.score.{run.id}",
        width=320,
    )
    title = words.SCORES[score]
    key = f"{task}.{score}.{run.id}"
    if task in ("dropout", "sweep"):
        clusterer = st.segmented_control(
            "Clusters by",
            list(dict.fromkeys(results["clusterer"])),
            default="kmeans",
            format_func=words.CLUSTERERS.__getitem__,
            required=True,
            key=f"{task}.clusterer.{run.id}",
        )
        part = results[results["clusterer"] == clusterer]
        show_figure(
            _sweep_figure(run, part, score)
            if task == "sweep"
            else plot_curves(part, "level", score, x_title="counts lost (% of entries)", y_title=title, percent=True),
            key=f"{key}.{clusterer}",
            name=task,
            alt=f"{title} by share {'and probability' if task == 'sweep' else 'of counts lost'}",
        )
    else:
        show_figure(
            plot_scores(_named(results), score, title=title),
            key=key,
            name=f"{task}_{score}",
            alt=f"{title} of each method",
        )
    show_table(
        _in_words(summary),
        key=f"{task}.summary.{run.id}",
        name=f"{task}_summary",
        alt="Means over seeds",
    )
    download_csv(results, key=f"{task}.results.{run.id}", name=f"{task}_every_seed")
    cells = cells_of(dataset, run)
    if task == "clustering":
        _sweep(run)
        _rivers(dataset, run, cells)
    if task == "batch":
        _maps(dataset, run, cells)
    if task == "pseudotime":
        order_section(dataset, run, cells)


def _sweep_figure(run: Run, results: pd.DataFrame, score: str) -> go.Figure:
    """The grid of an augmentation, with the preset's own square framed."""
    config = run.config.config
    preset, name = clear_config(str(config["preset"])).augmentation, config["augmentation"]
    own = (getattr(preset, f"{name}_share"), getattr(preset, f"{name}_probability"))
    return plot_grid(results, score, title=words.SCORES[score], marked=own)


def _sweep(run: Run) -> None:
    sweep = table_of(run, "sweep")
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
        turning = [
            (
                f"{title} {found.mean():.2f} ({found.notna().sum()} of {len(found)} seeds)"
                if found.notna().any()
                else f"{title} nowhere"
            )
            for title, found in turning_points(sweep).groupby("title", sort=False)["resolution"]
        ]
        st.caption(
            "Turning point, the lowest resolution at which no two labels share the cluster that most of their cells are"
            " in (mean over the seeds that have one): " + "; ".join(turning) + "."
        )
    download_csv(sweep, key=f"sweep.{run.id}", name="sweep")


def _rivers(dataset: Dataset, run: Run, cells: Mapping[str, pd.DataFrame]) -> None:
    column = str(run.config.config["label_key"])
    if not cells or keys.obs(column) not in dataset:
        return
    st.subheader("From types to clusters")
    st.caption(
        "Leiden clusters of the first seed at each method's turning point; where it has none, at the resolution of its"
        " highest ARI."
    )
    sweep = table_of(run, "sweep")
    sweep = sweep[sweep["seed"] == sweep["seed"].min()]
    types = state.grouping(dataset, column)
    hues = state.colours(dataset, column)
    holders = st.columns(2)
    for index, (title, part) in enumerate(cells.items()):
        data = river_data(pd.Categorical(types), pd.Categorical(part["cluster"].astype(int).astype(str)))
        resolution, is_turning_point = shown_resolution(sweep[sweep["title"] == title])
        where = f"{title}, {'turning point' if is_turning_point else 'no turning point,'} {resolution:g}"
        with holders[index % 2]:
            show_figure(
                plot_river(data, left=column, right=where, colours=hues),
                key=f"river.{title}.{run.id}",
                name=f"{column}_to_{title}",
                alt=f"Cells from {column} to clusters of {title}",
            )
            download_csv(
                data.rename(columns={"left": column, "right": "cluster"}),
                key=f"river.{title}.{run.id}",
                name=f"{column}_to_{title}",
            )


def _maps(dataset: Dataset, run: Run, cells: Mapping[str, pd.DataFrame]) -> None:
    label, batch = run.config.config["label_key"], str(run.config.config["batch_key"])
    drawn = {title: part for title, part in cells.items() if "x" in part}
    if not drawn or any(keys.obs(name) not in dataset for name in (label, batch) if name is not None):
        return
    st.subheader("Maps by type and by batch")
    batches = state.grouping(dataset, batch)
    if label is None:
        label, types = "no labels", pd.Series(pd.Categorical(["all cells"] * dataset.n_cells))
    else:
        types = state.grouping(dataset, label)
    left, right = st.columns(2)
    sharing = left.segmented_control(
        "Cells",
        list(SHARING),
        default="all",
        required=True,
        format_func=SHARING.__getitem__,
        key=f"batch.sharing.{dataset.id}",
        persist_state="session",
        help=(
            "Types that batches share should lie together whatever their batch; a type of one batch should keep its own"
            " place."
        ),
    )
    chosen = right.multiselect(
        "Only these types", list(types.cat.categories), key=f"batch.types.{dataset.id}.{label}", persist_state="session"
    )
    shared = shared_labels(types.cat.codes.to_numpy(), batches.cat.codes.to_numpy())
    shown = np.ones(len(types), dtype=bool)
    if sharing != "all":
        shown = (shared == (sharing == "shared")) & (types.cat.codes.to_numpy() >= 0)
    if chosen:
        shown &= types.isin(chosen).to_numpy()
    if not shown.any():
        st.info("No cell is of such a type.")
        return
    hues: dict[str, list[str] | None] = {
        name: [*state.colours(dataset, name).values()] for name in (label, batch) if keys.obs(name) in dataset
    }
    for title, part in drawn.items():
        st.markdown(f"**{title}**")
        points = part.loc[shown, ["x", "y"]].to_numpy()
        show_figure(
            plot_two_groupings(points, types[shown].rename(label), batches[shown].rename(batch), hues),
            key=f"batch.map.{title}.{run.id}",
            name=f"map_{title}",
            alt=f"Map of {title} by type and by batch",
        )
    table = pd.concat([part.assign(**{label: types, batch: batches}) for part in drawn.values()])
    download_csv(table, key=f"batch.maps.{run.id}", name="maps")
