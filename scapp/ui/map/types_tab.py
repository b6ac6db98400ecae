"""Cell types: suggested names, names and merges of clusters, colours."""

import pandas as pd
import streamlit as st

from scapp.analysis.map.config import ColoursConfig, NamingConfig, SuggestConfig
from scapp.analysis.markers.suggested_names import AUTO, SURE, Suggestion, fitting_panel
from scapp.core import keys
from scapp.core.config import describe
from scapp.data.panels import PANELS
from scapp.jobs.launch import run_now
from scapp.ui.kit import state
from scapp.ui.kit.boundary import escape
from scapp.ui.kit.downloads import download_csv
from scapp.ui.map import coloured_maps, words
from scapp.ui.map.clusters_tab import METHODS, suggested_labels
from scapp.ui.map.markers_tab import outdated
from scapp.workspace.datasets.dataset import Dataset

PANEL = next(setting for setting in describe(SuggestConfig) if setting.name == "panel")
MOST_COLOURS = 60


def naming_section(dataset: Dataset, name: str) -> None:
    """Every cluster with its suggestion and a field for its name."""
    groups, _ = coloured_maps.colour_options(dataset, name)
    if not groups:
        st.info("There are no clusters yet: make the map, which clusters the cells.")
        return
    st.header("Name clusters")
    st.markdown(words.NAMING)
    left, right = st.columns(2)
    source = left.selectbox("Clusters", groups, key=f"naming.source.{dataset.id}", persist_state="session")
    chosen = right.selectbox(
        "Marker panel",
        PANEL.choices,
        format_func=PANEL.labels.__getitem__,
        key=f"naming.panel.{dataset.id}",
        persist_state="session",
        help=f"{PANEL.title}: the types that are suggested.",
    )
    table = _table(dataset, source, chosen)
    edited = st.data_editor(
        table,
        hide_index=True,
        num_rows="fixed",
        disabled=[column for column in table if column != "name"],
        key=f"naming.table.{dataset.id}.{source}.{chosen}.{_version(dataset, source)}",
        column_config={
            "name": st.column_config.TextColumn(
                "name", help="Clusters of the same name become one group.", max_chars=60, width="medium"
            ),
            "fit (AUC)": st.column_config.NumberColumn(format="%.2f"),
        },
    )
    download_csv(edited, key="naming", name=f"names_of_{source}")
    column = st.text_input(
        "Write the names into the annotation",
        _free_name(dataset),
        key=f"naming.column.{dataset.id}",
        max_chars=60,
        width=320,
    )
    if st.button("Write the names", type="primary", key="naming.go", disabled=not column):
        names = {
            str(group): str(given or group) for group, given in zip(edited["cluster"], edited["name"], strict=True)
        }
        config = NamingConfig(source=source, column=column, names=names)
        summary = run_now(state.root(), "name_clusters", config, dataset)
        state.say_next(f"{summary['n_groups']} groups are in the annotation '{summary['column']}' now.")
        st.session_state[f"map.colour.{dataset.id}"] = summary["column"]
        st.rerun()


def _version(dataset: Dataset, column: str) -> str:
    slots = (keys.obs(column), keys.markers(column))
    return ".".join(dataset.slots[slot].element[:6] for slot in slots if slot in dataset)


def _free_name(dataset: Dataset) -> str:
    """cell_type, unless the data brought their own."""
    slot = keys.obs("cell_type")
    if slot not in dataset:
        return "cell_type"
    by_hand = dataset.manifest.provenance[dataset.slots[slot].provenance].step == "name_clusters"
    return "cell_type" if by_hand else "my_cell_type"


def _table(dataset: Dataset, source: str, panel_id: str) -> pd.DataFrame:
    values = state.grouping(dataset, source)
    sizes = values.value_counts()
    groups = [str(name) for name in values.cat.categories]
    found: dict[str, Suggestion] = {}
    if keys.markers(source) in dataset and outdated(dataset, source):
        st.warning(
            f"'{escape(source)}' has changed since its marker genes were found, so no names are suggested. "
            "Find the marker genes again (tab 'Marker genes')."
        )
    elif keys.markers(source) in dataset:
        fit, found = _suggestions(dataset, source, panel_id)
        st.caption(fit)
    else:
        st.info(f"Find the marker genes of '{escape(source)}' first (tab 'Marker genes') to have names suggested.")
    computed = source.startswith(tuple(METHODS))
    known = suggested_labels(dataset)
    brought = _most_of(values, state.grouping(dataset, known)) if known not in (None, source) else {}
    rows = []
    for group in groups:
        best = found.get(group)
        sure = best is not None and best.sureness in SURE
        rows.append(
            {
                "cluster": group,
                "cells": int(sizes.get(group, 0)),
                "name": best.name if best and sure and computed else group,
                "suggested": best.name if best and best.sureness != "unsure" else "",
                **({f"most are, by '{known}'": brought[group]} if brought else {}),
                "how sure": best.sureness if best else "",
                "fit (AUC)": best.auc if best else None,
                "speaks for it": ", ".join(best.genes[:5]) if best else "",
                "closest types": _closest(best) if best else "",
            }
        )
    return pd.DataFrame(rows)


def _most_of(clusters: pd.Series, labels: pd.Series) -> dict[str, str]:
    """Cluster -> its most frequent label of the file, with the share of the cluster's cells."""
    table = pd.crosstab(clusters, labels.astype(str), dropna=False)
    shares = table.div(table.sum(axis=1), axis=0)
    return {str(group): f"{row.idxmax()} ({row.max():.0%})" for group, row in shares.iterrows()}


def _closest(best: Suggestion) -> str:
    """The best and the next, also where neither is sure enough to be suggested."""
    ranked = [(best.name, best.auc), (best.second, best.second_auc)]
    return ", ".join(f"{name} ({area:.2f})" for name, area in ranked if name)


def _suggestions(dataset: Dataset, source: str, panel_id: str) -> tuple[str, dict[str, Suggestion]]:
    """How panels fit, in words, and each cluster's suggestion."""
    fit, suggested = _suggested(dataset.slots[keys.markers(source)].element, panel_id, dataset, source)
    if panel_id == AUTO and not suggested:
        st.info(f"No marker panel fits most cells ({fit}), so no names are suggested. {words.CHOOSE_PANEL}")
    return f"Of the panels, {fit}.", {found.group: found for found in suggested}


@st.cache_data(max_entries=16, show_spinner="Comparing marker genes with the panels…")
def _suggested(element: str, panel_id: str, _dataset: Dataset, _source: str) -> tuple[str, list[Suggestion]]:
    table, symbols = state.read(_dataset, keys.markers(_source)), state.genes(_dataset).symbol_of()
    sizes = {str(group): int(size) for group, size in state.grouping(_dataset, _source).value_counts().items()}
    fit = fitting_panel(table, symbols, sizes, PANELS)
    return fit.in_words, fit.by(panel_id)[1]


def colours_section(dataset: Dataset) -> None:
    """A colour for every group, kept with the data and exported with it."""
    st.header("Colours")
    groups, _ = coloured_maps.colour_options(dataset)
    if not groups:
        return
    st.markdown(words.COLOURS)
    column = st.selectbox("Annotation", groups, key=f"colours.column.{dataset.id}", persist_state="session", width=320)
    now = state.colours(dataset, column)
    names, current = list(now), list(now.values())
    if len(names) > MOST_COLOURS:
        st.info(f"'{escape(column)}' has {len(names)} groups; colours can be chosen for up to {MOST_COLOURS}.")
        return
    cells = st.columns(6)
    chosen = {}
    for index, (name, colour) in enumerate(zip(names, current, strict=True)):
        with cells[index % 6]:
            chosen[name] = st.color_picker(escape(name), colour, key=f"colour.{dataset.id}.{column}.{name}.{colour}")
    changed = {name: colour for (name, colour), old in zip(chosen.items(), current, strict=True) if colour != old}
    if st.button("Keep these colours", key="colours.go", disabled=not changed):
        run_now(state.root(), "colours", ColoursConfig(column=column, colours=chosen), dataset)
        st.rerun()
