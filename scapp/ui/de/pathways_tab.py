"""Pathways behind a comparison."""

from typing import Any

import pandas as pd
import streamlit as st

from scapp.analysis.de.config import EnrichConfig
from scapp.analysis.de.enrichment import running_sum
from scapp.analysis.de.findings import pathway_changes, ties
from scapp.analysis.de.gene_tables import ranking_of
from scapp.core import keys
from scapp.core.errors import DataError
from scapp.jobs.launch import submit
from scapp.plotting.de.pathway_figures import plot_pathways, plot_running_sum
from scapp.reports.comparisons import STEP, names_of, pathways_of
from scapp.reports.study_panels import BARS
from scapp.ui.de import design_tab, gene_set_choice, words
from scapp.ui.de.genes_tab import result_choice
from scapp.ui.kit import state
from scapp.ui.kit.boundary import escape
from scapp.ui.kit.downloads import download_csv
from scapp.ui.kit.forms import config_form
from scapp.ui.kit.live import latest_of, run_panel
from scapp.ui.kit.widgets import clicked, show_figure, show_table
from scapp.workspace.datasets.dataset import Dataset
from scapp.workspace.datasets.history import out_of_date
from scapp.workspace.runs.run import ACTIVE

FORMATS = {
    **dict.fromkeys(("score", "normalised_score"), "%.3f"),
}


def pathways_section(dataset: Dataset) -> None:
    """Choose a comparison and sets, run, and look behind a pathway."""
    st.markdown(words.PATHWAYS)
    if not names_of(dataset):
        st.info("Pathways explain a comparison: find differential genes first, in the tab 'Genes'.")
        return
    design_tab.study_or_stop(dataset)
    comparison = result_choice(dataset, key="pathways")
    names = pathways_of(dataset, comparison)
    run = latest_of(STEP, dataset, result=comparison)
    active = run is not None and run.observe().state in ACTIVE
    with st.expander("Settings", expanded=not names):
        library = gene_set_choice.library_choice(key="pathways")
        values = config_form(EnrichConfig, key=f"pathways.{dataset.id}", start=EnrichConfig())
        if not active and st.button("Find pathways", type="primary", key="pathways.go"):
            config = EnrichConfig.build({**values, "result": comparison, "library": library})
            submit(state.root(), STEP, config, dataset)
            st.rerun()
    gene_set_choice.library_section(dataset, key="pathways")
    run_panel(run, key="pathways")
    if names:
        shorter = {name: name.removeprefix(f"{comparison} · ") for name in names}
        name = (
            names[0]
            if len(names) == 1
            else st.selectbox(
                "Result",
                names,
                format_func=shorter.__getitem__,
                key=f"pathways.name.{len(names)}.{names[0]}",
                width=420,
            )
        )
        _result(dataset, comparison, name)


def _result(dataset: Dataset, comparison: str, name: str) -> None:
    table = state.read(dataset, keys.enrichment(name))
    record = dataset.manifest.provenance[dataset.slots[keys.enrichment(name)].provenance]
    if keys.enrichment(name) in out_of_date(dataset.manifest):
        st.warning(
            "The comparison, or the design behind it, has changed since. Find differential genes and pathways again."
        )
    st.markdown(escape(pathway_changes(table)))
    if record.config["method"] == "gsea" and (
        tied := ties(ranking_of(state.read(dataset, keys.differential(comparison))))
    ):
        st.warning(tied)
    n_sets = st.slider("Pathways drawn", 5, 60, 20, 5, key="pathways.n", persist_state="session")
    chosen_key = f"pathways.set.{name}"

    def pick() -> None:
        sets = clicked(st.session_state.get(f"pathways.bars.{name}"))
        if sets:
            st.session_state[chosen_key] = sets[0]

    show_figure(
        plot_pathways(table, n_sets=int(n_sets)),
        key=f"pathways.bars.{name}",
        name="pathways",
        alt="Pathways with their direction",
        on_click=pick,
    )
    st.caption(f"{BARS} Click on a bar to look behind it.")
    if record.config["method"] == "gsea":
        least = 1 / int(record.config["n_permutations"])
        table = table.assign(**{p: table[p].clip(lower=least) for p in ("p_value", "p_value_adjusted")})
        st.caption(f"No p below {least:g} can come of {int(record.config['n_permutations']):,} permutations.")
    show_table(
        table, key=f"pathways.table.{name}", name=f"pathways_{name}", alt="Pathways of this comparison", numbers=FORMATS
    )
    _behind(dataset, comparison, table, record.config, chosen_key)


def _behind(dataset: Dataset, comparison: str, table: pd.DataFrame, config: dict[str, Any], key: str) -> None:
    """The genes of one pathway."""
    st.subheader("Behind one pathway")
    titles = dict(zip(table["set"].astype(str), table["title"].astype(str), strict=True))
    if st.session_state.get(key) not in titles:
        st.session_state.pop(key, None)
    chosen = st.selectbox("Pathway", list(titles), format_func=titles.__getitem__, key=key, width=520)
    if chosen is None:
        return
    genes = state.read(dataset, keys.differential(comparison))
    try:
        sets = {s.id: s for s in gene_set_choice.sets_of(str(config["library"]))}
    except DataError as error:
        st.info(f"{escape(error.message)} Its genes cannot be shown any more.")
        return
    if chosen not in sets:
        st.info("The gene set is not in its library any more.")
        return
    names, symbols = genes["gene"].astype(str).tolist(), genes["symbol"].astype(str).tolist()
    of_dataset = state.genes(dataset)
    members = [of_dataset.names[i] for i in state.gene_matcher(dataset).positions(sets[chosen].genes)]
    if config["method"] == "gsea":
        curve = running_sum(ranking_of(genes), members)
        curve["symbol"] = curve["gene"].map(dict(zip(names, symbols, strict=True)))
        edge = set(str(table.loc[table["set"] == chosen, "leading_genes"].iloc[0]).split())
        leading = [name for name, symbol in zip(names, symbols, strict=True) if symbol in edge]
        show_figure(
            plot_running_sum(curve, titles[chosen], leading=leading),
            key=f"pathways.curve.{chosen}",
            name=f"running_sum_{chosen}",
            alt=f"Running sum of {titles[chosen]}",
        )
        download_csv(curve, key=f"pathways.curve.{chosen}", name=f"running_sum_{chosen}")
    best = set(" ".join(table.loc[table["set"] == chosen, "leading_genes"].astype(str)).split())
    of_set = genes[genes["gene"].astype(str).isin(members)].copy()
    of_set.insert(2, "leading edge", of_set["symbol"].astype(str).isin(best))
    show_table(
        of_set[["symbol", "leading edge", "log2_fold_change", "statistic", "p_value", "p_value_adjusted"]],
        key=f"pathways.genes.{chosen}",
        name=f"genes_of_{chosen}",
        alt=f"Genes of {titles[chosen]}",
        numbers={"log2_fold_change": "%.2f", "statistic": "%.2f"},
    )
    if sets[chosen].citation:
        st.caption(f"Source of the set: {escape(sets[chosen].citation)}")
