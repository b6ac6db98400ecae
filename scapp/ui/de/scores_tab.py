"""Scores of gene sets by condition and donor."""

import numpy as np
import pandas as pd
import streamlit as st

from scapp.analysis.de.config import CURATED, ScoreConfig
from scapp.analysis.de.design import ALL_CELLS
from scapp.analysis.de.findings import donor_differences, usual_test
from scapp.analysis.de.gene_sets import SUGGESTED, score_titles
from scapp.core import keys
from scapp.core.errors import count
from scapp.jobs.launch import submit
from scapp.plotting.de.pathway_figures import plot_scores
from scapp.reports.study_panels import BY_SCORES, score_tests, scores_of
from scapp.ui.de import design_tab, gene_set_choice, words
from scapp.ui.kit import state
from scapp.ui.kit.boundary import as_list, escape
from scapp.ui.kit.downloads import download_csv
from scapp.ui.kit.forms import config_form
from scapp.ui.kit.live import run_panel
from scapp.ui.kit.widgets import show_figure, show_table
from scapp.ui.map import coloured_maps
from scapp.workspace.datasets.dataset import Dataset
from scapp.workspace.runs.run import ACTIVE

STEP = "score"
MOST_DRAWN = 12


def scores_section(dataset: Dataset) -> None:
    """Choose sets, score, compare donors."""
    found = design_tab.study_or_stop(dataset)
    if found is None:
        return
    design, _ = found
    st.markdown(words.SCORES)
    there = keys.GENE_SET_SCORES in dataset
    run = state.latest_run(STEP, dataset)
    active = run is not None and run.observe().state in ACTIVE
    with st.expander("Which gene sets", expanded=not there):
        config = _form(dataset)
        if config is not None and not active and st.button("Score gene sets", type="primary", key="scores.go"):
            submit(state.root(), STEP, config, dataset)
            st.rerun()
    gene_set_choice.library_section(dataset, key="scores")
    ended = run_panel(run, key="scores")
    if run is not None and ended == "done" and run.status.result.get("without"):
        st.warning(escape(f"No gene of these is in the dataset: {', '.join(run.status.result['without'])}."))
    if there:
        _result(dataset, design)


def _form(dataset: Dataset) -> ScoreConfig | None:
    library = gene_set_choice.library_choice(key="scores")
    sets = {s.id: s for s in gene_set_choice.sets_of(library)}
    default = [name for name in SUGGESTED if name in sets] if library == CURATED else []
    chosen = st.multiselect(
        "Gene sets",
        list(sets),
        default=default,
        format_func=lambda id: sets[id].title,
        key=f"scores.sets.{library}",
        persist_state="session",
        max_selections=60,
    )
    left, right = st.columns([1, 3])
    name = left.text_input("Name of a list of your own", key="scores.typed.name", persist_state="session")
    text = right.text_input(
        "Its genes", key="scores.typed.genes", persist_state="session", placeholder="ISG15, IFI6, MX1"
    )
    values = config_form(ScoreConfig, key=f"scores.{dataset.id}", start=ScoreConfig())
    if bool(name.strip()) != bool(text.strip()):
        st.info("A list of your own needs a name and genes.")
        return None
    typed = {name.strip(): text.strip()} if name.strip() else {}
    if not chosen and not typed:
        st.info("Choose gene sets, or type a list.")
        return None
    return ScoreConfig.build({**values, "library": library, "sets": tuple(chosen), "typed": typed})


def _result(dataset: Dataset, design: design_tab.Study) -> None:
    table = state.read(dataset, keys.GENE_SET_SCORES)
    title_of = score_titles(table)
    columns = [name for name in title_of if keys.obs(name) in dataset]
    left, right = st.columns(2)
    chosen = left.multiselect(
        "Scores shown",
        columns,
        default=columns[:6],
        format_func=title_of.__getitem__,
        key=f"scores.shown.{len(columns)}.{columns[-1:]}",
        max_selections=MOST_DRAWN,
    )
    with right:
        first = [design.usual_focus()] if design.monocytes() else []
        types = design_tab.type_choice(design, key=f"scores.types.{dataset.id}", default=first)
    cells = design.cells_of(types)
    if not chosen or not cells.any():
        st.info("Choose scores, and types that have cells.")
        return
    values = scores_of(dataset.slots, lambda slot: state.read(dataset, slot))
    donors, tests = score_tests(values, design, cells)
    where = ", ".join(types) or ALL_CELLS
    shown = {title_of[name]: values[title_of[name]][cells] for name in chosen}
    donors = donors[donors["feature"].isin(list(shown))]
    show_figure(
        plot_scores(shown, design.condition[cells], donors),
        key=f"scores.boxes.{where}.{len(chosen)}",
        name="gene_set_scores",
        alt=f"Scores of gene sets by condition in {where}",
    )
    if tests is None:
        st.info("Tests compare donors: choose a donor column in the tab 'Study design'.")
    else:
        download_csv(donors, key="scores.donors", name="scores_by_donor")
        kind = usual_test(tests)
        tests = tests[tests["feature"].isin(list(shown))]
        st.markdown(as_list(donor_differences(tests, kind, what="score")))
        st.caption(
            f"These sentences are of {BY_SCORES[kind]}, adjusted over"
            f" {count(len(values), 'scored set')}; the table has both kinds. {words.EFFECTS}"
        )
        numbers = dict.fromkeys(("mean_reference", "mean_compared", "difference", "cliffs_delta"), "%.3f")
        show_table(
            tests.drop(columns="log2_ratio").rename(columns={"feature": "gene set"}),
            key="scores.tests",
            name="score_tests",
            alt="Tests of scores between conditions",
            numbers=numbers,
        )
    _on_map(dataset, title_of, chosen, cells)
    with st.expander("What was scored"):
        show_table(
            table, key="scores.sets", name="gene_sets_scored", alt="Gene sets, and which of their genes were found"
        )


def _on_map(dataset: Dataset, title_of: dict[str, str], chosen: list[str], cells: np.ndarray) -> None:
    records = coloured_maps.available(dataset)
    if not records:
        return
    st.subheader("On the map")
    for start in range(0, min(len(chosen), 6), 3):
        for place, name in zip(st.columns(3), chosen[start : start + 3], strict=False):
            with place:
                scores = pd.Series(np.asarray(state.read(dataset, keys.obs(name))))
                st.markdown(f"**{escape(title_of[name])}**")
                colour = coloured_maps.Colouring("score", scores)
                coloured_maps.draw(
                    dataset, records[0], colour, key=f"scores.map.{name}.{int(cells.sum())}", shown=cells, height=330
                )
