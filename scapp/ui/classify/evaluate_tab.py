"""The tab 'Evaluate' of the Classification page: which types a classifier can be trusted with."""

from typing import Any

import numpy as np
import pandas as pd
import streamlit as st

from scapp.classify.config import WITH_CIRCLES
from scapp.core import keys
from scapp.metrics.by_type import calibration, expected_calibration_error, precision_recall
from scapp.metrics.rejection import among_named, threshold_for
from scapp.plotting.classify.experiment_figures import COMPONENT_TITLES, plot_gains
from scapp.plotting.classify.type_figures import (
    confusion,
    plot_calibration,
    plot_confusion,
    plot_precision_recall,
    plot_types,
)
from scapp.plotting.palette import colours_by_name
from scapp.plotting.theme import KEPT, MUTED, REMOVED
from scapp.steps.config import PROBABILITIES_FILE, TEST_FILE, TYPES_FILE, VALIDATION_FILE
from scapp.ui.classify import words
from scapp.ui.classify.ontology_scores import ontology_section
from scapp.ui.kit import live, state
from scapp.ui.kit.downloads import download_csv
from scapp.ui.kit.routing import link
from scapp.ui.kit.table_heads import meaning_of
from scapp.ui.kit.widgets import clicked, show_figure, show_table
from scapp.ui.map import coloured_maps
from scapp.workspace.datasets.dataset import Dataset
from scapp.workspace.runs.run import Run

STEP = "classify"
COMPONENT_NAMES = {"none": "no component", **COMPONENT_TITLES}
MOST_CURVE_POINTS = 400
MOST_WRONG = 200
WORST = 3


def chosen_types_key(dataset: Dataset) -> str:
    """Of the widget that chooses the types that are looked at."""
    return f"types.chosen.{dataset.id}"


def types_looked_at(dataset: Dataset) -> list[str]:
    """Types that were chosen on Classification; a widget's own state is gone on other pages."""
    kept: list[str] = st.session_state.get(_looked_at_key(dataset), [])
    return kept


def _looked_at_key(dataset: Dataset) -> str:
    return f"types.looked_at.{dataset.id}"


def done_runs(runs: list[Run]) -> list[Run]:
    """Those that have ended well."""
    return [run for run in runs if run.observe().state == "done"]


def types_of(run: Run) -> pd.DataFrame:
    """Figures of each type on test cells; a type may be called NA."""
    return state.run_table(run, TYPES_FILE, ["type"])


def tested_cells_of(run: Run) -> pd.DataFrame:
    """What was said of each test cell."""
    return state.run_table(run, TEST_FILE, ["cell", "type", "predicted"])


def name_of(run: Run) -> str:
    """A classifier in a few words."""
    config = run.config.config
    month_on = live.when(run)[5:]
    clear = " × CLEAR" if config.get("clear") else ""
    component = COMPONENT_NAMES[config["component"]]
    return f"{config['base']}{clear} · {component} · {config['label_key']} · {month_on} UTC"


def evaluate_section(dataset: Dataset) -> None:
    """Figures on test cells of one classifier, and all classifiers of the dataset side by side."""
    found = done_runs(state.runs().list(dataset=dataset.id, step=STEP))
    if not found:
        st.info("No classifier has been trained on this dataset yet: see the tab 'Train'.")
        return
    names = {run.id: name_of(run) for run in found}
    id = st.selectbox(
        "Classifier",
        list(names),
        format_func=names.__getitem__,
        key=f"classify.evaluate.{dataset.id}.{len(found)}",
        width=620,
    )
    run = next(run for run in found if run.id == id)
    _headline(run.status.result)
    table, cells = types_of(run), tested_cells_of(run)
    st.subheader("Which types it can be trusted with")
    st.caption(words.TYPES)
    chosen = _types_table(dataset, run, table)
    hues = _colours(dataset, run, chosen)
    left, right = st.columns(2)
    with left:
        _choose_by_click(
            dataset,
            plot_types(table, hues),
            f"auprc.{run.id}.{'.'.join(chosen)}",
            "classifier_auprc",
            "AUPRC by number of training cells",
        )
    with right:
        _curves(run, table, cells, hues)
    shares = confusion(cells)
    left, right = st.columns(2)
    with left:
        _choose_by_click(
            dataset,
            plot_confusion(shares, hues),
            f"confusion.{run.id}.{'.'.join(chosen)}",
            "classifier_confusion",
            "Confusion matrix",
        )
        st.caption(words.CONFUSION)
        download_csv(shares.rename_axis("type").reset_index(), key=f"confusion.{run.id}", name="classifier_confusion")
    with right:
        _calibration(run, table, cells)
    _how_many_to_name(run, cells)
    _wrong_cells(dataset, run, cells, chosen)
    _against_base(found, run, table)
    ontology_section(run, table["type"].tolist(), _codes(table, cells))
    if run.config.config["component"] in WITH_CIRCLES:
        link("circles", "Look at each type's circle", dataset=dataset.id)
    st.subheader("Classifiers of this dataset")
    rows = pd.DataFrame([_row(run) for run in found])
    show_table(rows.drop(columns="test"), key="classifiers", name="classifiers", alt="All classifiers of this dataset")
    st.markdown(words.component_worth(rows))


def _headline(result: dict[str, Any]) -> None:
    columns = st.columns(5)
    titles = (
        ("top-1 accuracy", "top1"),
        ("top-3 accuracy", "top3"),
        ("macro F1", "macro_f1"),
        ("mean AUPRC", "mean_auprc"),
    )
    for column, (title, name) in zip(columns[:4], titles, strict=True):
        column.metric(title[:1].upper() + title[1:], f"{result[name]:.3f}", help=meaning_of(title))
    columns[4].metric("Test cells", f"{result['n_test']:,}")


def _types_table(dataset: Dataset, run: Run, table: pd.DataFrame) -> list[str]:
    """Figures of each type, the worst first; the types that are looked at."""
    ranked = table.assign(judged=words.judged(table["n_test"])).sort_values(
        ["judged", "auprc"], ascending=[False, True], na_position="last"
    )
    figures = ("precision", "recall", "f1", "auroc", "auprc", "auprc_low", "auprc_high", "circle_auprc")
    digits = dict.fromkeys(figures, "%.3f")
    show_table(
        ranked, key=f"types.{run.id}", name="classifier_types", alt="Figures of each type on test cells", numbers=digits
    )
    options = ranked["type"].tolist()
    key = chosen_types_key(dataset)
    before = st.session_state.get(key, st.session_state.get(_looked_at_key(dataset), options[:WORST]))
    kept = [name for name in before if name in options]
    st.session_state[key] = kept
    chosen: list[str] = st.multiselect(
        "Types to look at (or click on them in the figures)",
        options,
        key=key,
        max_selections=12,
        help="They are shown in colour in all figures below, and on Latent circles.",
    )
    st.session_state[_looked_at_key(dataset)] = chosen
    return chosen


def _choose_by_click(dataset: Dataset, figure: Any, key: str, name: str, alt: str) -> None:
    """A figure in which a click on a type adds it to those that are looked at, or takes it away."""

    def toggle() -> None:
        types = st.session_state[chosen_types_key(dataset)]
        for clicked_type in clicked(st.session_state.get(key)):
            types = [t for t in types if t != clicked_type] if clicked_type in types else [*types, clicked_type]
        st.session_state[chosen_types_key(dataset)] = types[-12:]

    show_figure(figure, key=key, name=name, alt=alt, on_click=toggle)


def _codes(table: pd.DataFrame, cells: pd.DataFrame) -> np.ndarray:
    return np.asarray(pd.Categorical(cells["type"], categories=table["type"]).codes)


def _probabilities(run: Run) -> np.ndarray | None:
    """Of every test cell and type; None of a classifier that was trained before they were kept."""
    path = run.folder / PROBABILITIES_FILE
    return np.load(path, allow_pickle=False) if path.exists() else None


def _colours(dataset: Dataset, run: Run, chosen: list[str]) -> dict[str, str]:
    """Those that the types have everywhere; of types that the column no longer has, free ones."""
    column = str(run.config.config["label_key"])
    known = state.colours(dataset, column) if keys.obs(column) in dataset else {}
    return dict(zip(chosen, colours_by_name(chosen, known), strict=True))


def _curves(run: Run, table: pd.DataFrame, cells: pd.DataFrame, chosen: dict[str, str]) -> None:
    probabilities = _probabilities(run)
    if probabilities is None:
        st.info(
            "This classifier was trained by an earlier version, which did not keep the probabilities. Train it again to"
            " see curves."
        )
        return
    codes = _codes(table, cells)
    order = table["type"].tolist()
    curves = {}
    for name in chosen:
        code = order.index(name)
        curve = precision_recall(codes == code, probabilities[:, code])
        step = max(-(-len(curve) // MOST_CURVE_POINTS), 1)
        curves[name] = pd.concat([curve.iloc[::step], curve.iloc[-1:]]).drop_duplicates()
    shares = {name: float((codes == order.index(name)).mean()) for name in chosen}
    show_figure(
        plot_precision_recall(curves, shares, chosen),
        key=f"pr.{run.id}.{'.'.join(chosen)}",
        name="precision_recall",
        alt="Precision and recall of the chosen types",
    )
    if curves:
        long = pd.concat([curve.assign(type=name) for name, curve in curves.items()])
        download_csv(long, key=f"pr.{run.id}", name="precision_recall")


def _calibration(run: Run, table: pd.DataFrame, cells: pd.DataFrame) -> None:
    probabilities = _probabilities(run)
    if probabilities is None:
        return
    codes = _codes(table, cells)
    bins = calibration(codes, probabilities)
    error = expected_calibration_error(codes, probabilities)
    show_figure(
        plot_calibration(bins, error),
        key=f"calibration.{run.id}",
        name="calibration",
        alt="Calibration of probabilities",
    )
    st.caption(words.CALIBRATION)
    download_csv(bins, key=f"calibration.{run.id}", name="calibration")


def _how_many_to_name(run: Run, cells: pd.DataFrame) -> None:
    """The least probability that keeps wrong names rare: chosen on validation cells, checked on test cells."""
    if not (run.folder / VALIDATION_FILE).exists():
        return  # trained before they were kept
    st.subheader("How many cells to name")
    st.caption(words.NAMED)
    percent = st.number_input(
        "Accept at most so many wrong names (%)", 0.5, 50.0, 5.0, 0.5, key=f"most_wrong.{run.id}", width=320
    )
    validated = state.run_table(run, VALIDATION_FILE, ["cell"])
    right = (cells["type"] == cells["predicted"]).to_numpy()
    threshold = threshold_for(validated["probability"].to_numpy(), validated["right"].to_numpy(bool), percent / 100)
    if threshold is None:
        st.warning(words.nothing_promised(percent, len(validated)))
        return
    st.markdown(words.named_in_words(threshold, among_named(cells["probability"].to_numpy(), right, threshold)))


def _wrong_cells(dataset: Dataset, run: Run, cells: pd.DataFrame, chosen: list[str]) -> None:
    """Test cells that were named wrongly with most confidence, and where they lie."""
    st.subheader("The cells it is most confidently wrong about")
    wrong = cells[cells["type"] != cells["predicted"]].sort_values("probability", ascending=False)
    if not len(wrong):
        st.caption("Every test cell was named rightly.")
        return
    st.caption(words.WRONG)
    table_column, map_column = st.columns([2, 3])
    with table_column:
        only = st.toggle("Of the types that are looked at only", key=f"wrong.only.{run.id}", disabled=not chosen)
        if only and chosen:
            wrong = wrong[wrong["type"].isin(chosen) | wrong["predicted"].isin(chosen)]
        show_table(
            wrong[["type", "predicted", "probability", "cell"]].head(MOST_WRONG),
            key=f"wrong.{run.id}",
            name="confidently_wrong",
            alt="Test cells named wrongly",
            numbers={"probability": "%.3f"},
        )
    with map_column:
        found = coloured_maps.available(dataset)
        if not found:
            st.caption("To see where they lie, make a map first.")
            link("map", "Go to Clusters & map", dataset=dataset.id)
            return
        names = pd.Index(state.read(dataset, keys.OBS_NAMES)).astype(str)
        kinds = ["other cells", "test cells named rightly", "named wrongly"]
        kind = np.zeros(len(names), dtype=int)
        kind[names.isin(cells["cell"])] = 1
        kind[names.isin(wrong["cell"])] = 2
        colour = coloured_maps.Colouring(
            "test cells", pd.Series(pd.Categorical.from_codes(kind, kinds)), [MUTED, KEPT, REMOVED]
        )
        coloured_maps.draw(dataset, found[0], colour, key=f"wrong.map.{run.id}.{only}", height=460)


def _against_base(found: list[Run], run: Run, table: pd.DataFrame) -> None:
    """Change of each type's AUPRC against the same base model alone, where that was trained on the same cells."""
    config = run.config.config
    if config["component"] == "none":
        return
    st.subheader("What the component changes")
    same = [
        other
        for other in found
        if other.config.config["component"] == "none"
        and other.config.config.get("clear", "") == config.get("clear", "")
        and _test_of(other) == _test_of(run)
        and other.config.config["base"] == config["base"]
    ]
    if not same:
        st.caption(
            f"Train '{config['base']}' with the component 'none' and the same seed to see, type by type, where"
            f" {COMPONENT_NAMES[config['component']]} helps."
        )
        return
    alone = types_of(same[0])
    gains = table[["type", "n_train", "n_test"]].copy()
    gains["gain"] = table["auprc"] - alone.set_index("type")["auprc"].reindex(table["type"]).to_numpy()
    gains = gains.dropna(subset=["gain"]).assign(setting="this dataset", seed=config["seed"])
    show_figure(
        plot_gains(gains, {}),
        key=f"gains.{run.id}",
        name="auprc_gains",
        alt="Change of AUPRC by number of training cells",
    )
    st.caption(words.GAINS)
    download_csv(gains, key=f"gains.{run.id}", name="auprc_gains")


def _test_of(run: Run) -> str:
    """What decides which cells are test cells."""
    config = run.config.config
    return str(tuple(config[name] for name in ("label_key", "hold_out_key", "valid_share", "test_share", "seed")))


def _row(run: Run) -> dict[str, Any]:
    config, result = run.config.config, run.status.result
    return {
        "base": config["base"],
        "component": config["component"],
        "CLEAR beside it": "yes" if config.get("clear") else "",
        "labels": config["label_key"],
        "held out": config["hold_out_key"] or "",
        "seed": config["seed"],
        **{name: round(float(result[name]), 4) for name in ("top1", "top3", "macro_f1", "mean_auprc")},
        "n_test": result["n_test"],
        "trained for (s)": round(float(result["seconds"]), 1),
        "test": f"{_test_of(run)} {config.get('clear', '')}",
    }
