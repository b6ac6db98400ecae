"""What changed within a cell type: run, volcano, table, genes by donor."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
import streamlit as st

from scapp.analysis.de.config import DifferentialConfig
from scapp.analysis.de.design import ALL_CELLS, Study
from scapp.analysis.de.gene_sets import GeneMatcher, curated
from scapp.analysis.de.gene_tables import passing, unique_labels
from scapp.core import keys
from scapp.data.symbols import GeneNames
from scapp.jobs.launch import submit
from scapp.plotting.de.design_figures import condition_colours
from scapp.plotting.de.volcano import plot_gene_samples, plot_ma, plot_volcano
from scapp.plotting.map.marker_figures import plot_violins
from scapp.reports.comparisons import names_of
from scapp.reports.study_panels import gene_means
from scapp.ui.de import design_tab, words
from scapp.ui.kit import state
from scapp.ui.kit.boundary import escape
from scapp.ui.kit.downloads import download_csv
from scapp.ui.kit.forms import config_form
from scapp.ui.kit.live import run_panel
from scapp.ui.kit.widgets import clicked, show_figure, show_table
from scapp.workspace.datasets.dataset import Dataset
from scapp.workspace.datasets.history import out_of_date
from scapp.workspace.runs.run import ACTIVE

STEP = "de"
MOST_GENES = 80
FIRST_GENES = 20
STRONGEST = "the strongest of this comparison"
FORMATS = {
    **dict.fromkeys(("log2_fold_change", "standard_error", "statistic", "strength"), "%.3f"),
    **dict.fromkeys(("share_reference", "share_compared"), "%.3f"),
    "mean": "%.4g",
}


def differential_section(dataset: Dataset) -> None:
    """Choose types and conditions, run, and read the results."""
    found = design_tab.study_or_stop(dataset)
    if found is None:
        return
    design, config = found
    st.markdown(words.DIFFERENTIAL)
    names = names_of(dataset)
    run = state.latest_run(STEP, dataset)
    active = run is not None and run.observe().state in ACTIVE
    with st.expander("Settings of a new comparison", expanded=not names):
        wanted = _form(dataset, design, config)
        if not active and st.button("Find differential genes", type="primary", key="de.go"):
            submit(state.root(), STEP, wanted, dataset)
            st.rerun()
    state_now = run_panel(run, key="de")
    if run is not None and state_now == "done":
        for what in run.status.result.get("left_out", []):
            st.warning(f"Left out: {escape(str(what))}")
    if names:
        name = result_choice(dataset, key="de")
        _result(dataset, design, name)


def result_choice(dataset: Dataset, *, key: str) -> str:
    """One of the comparisons; the same on all tabs."""
    names = names_of(dataset)
    mirror = f"study.result.{dataset.id}"
    # a new result is shown when it comes; else the one last chosen on any tab
    newest = st.session_state.get(f"{mirror}.newest")
    before = st.session_state.get(mirror)
    start = names.index(before) if before in names and newest == names[0] else 0
    chosen: str = st.selectbox("Comparison", names, index=start, key=_choice_key(dataset, names, key), width=620)
    st.session_state[mirror], st.session_state[f"{mirror}.newest"] = chosen, names[0]
    return chosen


def choose_result(dataset: Dataset, name: str) -> None:
    """Let both tabs that show a comparison show this one."""
    names, mirror = names_of(dataset), f"study.result.{dataset.id}"
    for key in ("de", "pathways"):
        st.session_state[_choice_key(dataset, names, key)] = name
    st.session_state[mirror], st.session_state[f"{mirror}.newest"] = name, names[0]


def _choice_key(dataset: Dataset, names: list[str], key: str) -> str:
    return f"{key}.result.{dataset.id}.{len(names)}.{names[0]}"


def _form(dataset: Dataset, design: Study, config: design_tab.StudyConfig) -> DifferentialConfig:
    left, right = st.columns(2)
    with left:
        sizes = pd.Series(np.asarray(design.cell_type, dtype=object)[design.known]).value_counts()
        types = design_tab.type_choice(
            design,
            key=f"de.types.{dataset.id}",
            default=[str(sizes.index[0])] if len(sizes) and len(design.types) > 1 else None,
        )
    others = design.conditions[1:]
    compared = right.multiselect(
        escape(f"Compared with {design.conditions[0]}"),
        others,
        key=f"de.compared.{dataset.id}.{'.'.join(others)}",
        persist_state="session",
        placeholder="all conditions",
    )
    values = config_form(DifferentialConfig, key=f"de.{dataset.id}", start=DifferentialConfig())
    options = _covariates(dataset, design, config)
    covariates = st.multiselect(
        "Covariates",
        options,
        key=f"de.covariates.{dataset.id}",
        persist_state="session",
        disabled=not options,
        help=(
            "What else differs between donors and should be allowed for in the pseudobulk, such as sex or batch. Only"
            " columns that say one thing of each donor are offered."
        ),
    )
    return DifferentialConfig.build(
        {**values, "cell_types": tuple(types), "compared": tuple(compared), "covariates": tuple(covariates)}
    )


def _covariates(dataset: Dataset, design: Study, config: design_tab.StudyConfig) -> list[str]:
    """Columns that say one thing of each sample, and not the same of all."""
    if design.sample is None:
        return []
    taken = {config.condition_key, config.donor_key, config.cell_type_key}
    known = design.known
    codes = np.asarray(design.sample.codes)[known]
    found = []
    for name in (*state.categorical_columns(dataset), *state.numeric_columns(dataset)):
        if name in taken or name in found:
            continue
        values = pd.factorize(np.asarray(state.read(dataset, keys.obs(name)), dtype=object)[known])[0]
        pairs = pd.DataFrame({"sample": codes, "value": values}).drop_duplicates()
        if (values >= 0).all() and not pairs["sample"].duplicated().any() and pairs["value"].nunique() > 1:
            found.append(name)
    return found


def _result(dataset: Dataset, design: Study, name: str) -> None:
    table, about = state.read(dataset, keys.differential(name)), state.read(dataset, keys.about_differential(name))
    _say_about(dataset, name, about)
    limits = st.columns(3)
    max_p = limits[0].number_input(
        "Adjusted p at most", 0.0, 1.0, 0.05, 0.01, format="%g", key="de.max_p", persist_state="session"
    )
    min_fold = limits[1].number_input(
        "|log2 fold change| at least",
        0.0,
        20.0,
        0.25,
        0.25,
        format="%g",
        key="de.min_fold",
        persist_state="session",
        help="The CLEAR paper's threshold is 0.25.",
    )
    n_labels = limits[2].number_input("Genes named", 0, 60, 20, 5, key="de.labels", persist_state="session")
    found = passing(table, max_p=max_p, min_log2_fold=min_fold)
    up = int((found["log2_fold_change"] > 0).sum())
    st.markdown(f"**{up:,} genes up and {len(found) - up:,} down** of {len(table):,} tested.")
    chosen_key = f"de.chosen.{dataset.id}.{name}"
    chosen = _chosen_genes(dataset, table, found, chosen_key)
    direction = f"log2 fold change, {about['compared']} against {about['reference']}"
    options: dict[str, Any] = {
        "max_p": max_p,
        "min_log2_fold": min_fold,
        "n_labels": int(n_labels),
        "chosen": st.session_state.get(f"{chosen_key}.clicked", []),
    }
    left, right = st.columns(2)
    with left:
        _select_by_click(
            plot_volcano(table, **options, x_title=direction),
            chosen_key,
            f"volcano.{name}.{max_p}.{min_fold}",
            "volcano",
            "Fold change against p",
        )
    with right:
        figure = plot_ma(table, **options, y_title=direction, logarithmic=about["method"] == "pseudobulk")
        _select_by_click(figure, chosen_key, f"ma.{name}.{max_p}.{min_fold}", "ma_plot", "Mean against fold change")
    st.caption(words.VOLCANO)
    only = st.toggle("Only genes that pass", True, key="de.only", persist_state="session")
    shown = found if only else table
    if (table["gene"].astype(str) == table["symbol"].astype(str)).all():
        shown = shown.drop(columns="gene")
    show_table(
        shown,
        key=f"de.table.{only}",
        name=f"genes_{name}",
        alt="Genes of this comparison",
        numbers=FORMATS,
    )
    download_csv(table, key="de.table.all", name=f"genes_{name}_all")
    _by_donor(dataset, design, about, chosen)


def _say_about(dataset: Dataset, name: str, about: dict[str, Any]) -> None:
    donors = ""
    if int(about["n_donors_reference"]) + int(about["n_donors_compared"]):
        donors = f" of {about['n_donors_compared']} and {about['n_donors_reference']} donors"
    covariates = f", with {about['covariates']} as covariate" if about["covariates"] else ""
    st.caption(
        escape(
            f"{about['cell_type']}: {about['compared']} against {about['reference']},"
            f" {int(about['n_cells_compared']):,} and {int(about['n_cells_reference']):,} cells{donors};"
            f" {about['method']}{covariates}."
        )
    )
    if about["reason"]:
        st.warning(escape(str(about["reason"])))
    for note in str(about["notes"]).splitlines():
        st.caption(f"Note: {escape(note)}")
    if keys.differential(name) in out_of_date(dataset.manifest):
        st.warning("The design or the data have changed since. Find differential genes again.")


def _chosen_genes(dataset: Dataset, table: pd.DataFrame, found: pd.DataFrame, key: str) -> list[str]:
    """Genes for the figures by donor: the strongest, those of a set, or what was clicked on."""
    sets = {s.title: s for s in curated()}
    source = st.selectbox(
        "Genes for the figures by donor",
        [STRONGEST, *sets],
        key=f"{key}.source",
        persist_state="session",
        width=420,
        help="Start from these; add or remove genes below, or in the volcano plot.",
    )
    symbol_of = dict(zip(table["gene"].astype(str), table["symbol"].astype(str), strict=True))
    if source == STRONGEST:
        start = found.sort_values("strength", ascending=False).head(FIRST_GENES)["gene"].astype(str).tolist()
    else:
        matcher = GeneMatcher(GeneNames(list(symbol_of), list(symbol_of.values()), list(symbol_of)))
        names = list(symbol_of)
        start = [names[i] for i in matcher.positions(sets[source].genes)]
    # a widget's own state is gone after a visit to another page
    mirror = st.session_state.get(key, st.session_state.get(f"{key}.mirror"))
    untouched = mirror == st.session_state.get(f"{key}.filled")
    if mirror is None or st.session_state.get(f"{key}.from") != source or untouched:
        mirror = st.session_state[f"{key}.filled"] = start[:MOST_GENES]
    if st.session_state.get(f"{key}.from") != source:
        st.session_state[f"{key}.clicked"] = []
    st.session_state[f"{key}.from"], st.session_state[key] = source, mirror
    chosen: list[str] = st.multiselect(
        "Chosen genes",
        list(symbol_of),
        format_func=lambda gene: symbol_of[gene],
        key=key,
        max_selections=MOST_GENES,
        placeholder="type a gene",
    )
    st.session_state[f"{key}.mirror"] = chosen
    return chosen


def _select_by_click(figure: Any, key: str, widget: str, name: str, alt: str) -> None:
    def add() -> None:
        picked = clicked(st.session_state.get(widget))
        if picked:
            st.session_state[f"{key}.clicked"] = picked[:MOST_GENES]
            st.session_state[key] = list(dict.fromkeys([*picked, *st.session_state.get(key, [])]))[:MOST_GENES]

    show_figure(figure, key=widget, name=name, alt=alt, on_click=add, lasso=True)


def _by_donor(dataset: Dataset, design: Study, about: dict[str, Any], chosen: Sequence[str]) -> None:
    st.subheader("The chosen genes by donor")
    if not chosen:
        st.info("No gene passes: loosen the thresholds, choose a set above, or type genes.")
        return
    genes = state.genes(dataset)
    place = {name: position for position, name in enumerate(genes.names)}
    positions = [place[name] for name in chosen]
    values = np.column_stack([dataset.gene(position) for position in positions])
    symbols = unique_labels([genes.symbols[position] for position in positions], chosen)
    cells = design.cells_titled(str(about["cell_type"]))
    if not cells.any():
        st.info("No cell of this comparison is in the design any more: its cell types or conditions were changed.")
        return
    if design.sample is None:
        st.caption("There is no donor column, so violins are by condition.")
        groups = design.condition[cells]
        figure = plot_violins(values[cells], groups, symbols, colours=condition_colours(len(design.conditions)))
        show_figure(figure, key="de.violins", name="genes_by_condition", alt="Violins of the chosen genes by condition")
        return
    means, samples = gene_means(design, values, cells)
    show_figure(
        plot_gene_samples(means, symbols, samples),
        key="de.heatmap",
        name="genes_by_donor",
        alt="Chosen genes by donor, ordered by condition",
    )
    st.caption(words.SAMPLES)
    table = samples.drop(columns="n_cells").assign(**dict(zip(symbols, means.round(4).T, strict=True)))
    download_csv(table, key="de.heatmap", name="gene_means_by_donor")
    shown = symbols[:12]
    groups = design.sample.reorder_categories([str(name) for name in samples["sample"]])
    hue = dict(zip(design.conditions, condition_colours(len(design.conditions)), strict=True))
    colours = [hue[str(name)] for name in samples["condition"]]
    show_figure(
        plot_violins(values[cells][:, : len(shown)], groups[cells], shown, colours=colours),
        key="de.violins",
        name="violins_by_donor",
        alt="Violins of the chosen genes in each donor, coloured by condition",
    )
    legend = ", ".join(
        f"{name} ({colour})"
        for name, colour in zip(design.conditions, ("blue", "orange", "red", "pink", "mint"), strict=False)
    )
    more = f" The first 12 of {len(symbols)} genes are drawn." if len(symbols) > 12 else ""
    st.caption(f"Each violin is a donor, in the colour of its condition: {escape(legend)}.{more}")
    if str(about["cell_type"]) == ALL_CELLS and len(design.types) > 1:
        st.caption("All cell types are in it: a change may be one of the composition.")
