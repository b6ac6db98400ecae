"""The guided study: one press from the design to the pathways, and a panel at a time to look at."""

import streamlit as st

from scapp.analysis.de.design import Study
from scapp.analysis.de.gene_sets import curated
from scapp.core import keys
from scapp.jobs.chains.chain import Analysis, analysis_of, start
from scapp.jobs.chains.de import GUIDED_STUDY, SETS, GuidedStudyConfig
from scapp.reports.study_panels import Panel, Panels
from scapp.ui.de import design_tab, genes_tab, words
from scapp.ui.kit import chain_steps, state
from scapp.ui.kit.boundary import as_list, escape
from scapp.ui.kit.downloads import download_csv
from scapp.ui.kit.widgets import show_figure
from scapp.workspace.datasets.dataset import Dataset


def guided_section(dataset: Dataset) -> None:
    """Begin the study where there is none; else what it has made, panel by panel."""
    found = analysis_of(state.root(), GUIDED_STUDY, dataset)
    if keys.STUDY not in dataset:
        st.markdown(words.GUIDED)
        if found is None or not found.active:
            _begin_section(dataset, found, label="Run the guided study")
    if found is not None:
        chain_steps.progress_line(found)
    if keys.STUDY in dataset:
        _panels_section(dataset, found)


def _begin_section(dataset: Dataset, found: Analysis | None, *, label: str) -> None:
    """The design, the type that is looked into and the sets, and the button."""
    chosen = design_tab.design_form(dataset)
    if chosen is None:
        return
    study, config = chosen
    focus, sets = _options(dataset, study, found)
    running = found is not None and found.active
    if st.button(label, type="primary", key="guided.go", disabled=running):
        told = {**config.model_dump(), "focus": focus, "sets": sets}
        start(state.root(), GUIDED_STUDY, dataset, GuidedStudyConfig.build(told))
        st.rerun()
    design_tab.show_notes(study)


def _options(dataset: Dataset, study: Study, found: Analysis | None) -> tuple[str | None, tuple[str, ...]]:
    """The type and the sets, to begin with those of the study before."""
    before = found.choices if found is not None else None
    usual: str = study.usual_focus()
    sets_before: tuple[str, ...] = SETS
    if isinstance(before, GuidedStudyConfig):
        sets_before = before.sets
        usual = before.focus if before.focus is not None and before.focus in study.types else usual
    titles = {each.id: each.title for each in curated()}
    left, right = st.columns([1, 2])
    focus = None
    if len(study.types) > 1:
        focus = left.selectbox(
            "Cell type looked into",
            study.types,
            index=study.types.index(usual),
            key=f"guided.focus.{dataset.id}.{len(study.types)}.{study.types[0]}",
            persist_state="session",
            help="Its genes, scores and pathways are compared between the conditions.",
        )
    sets = right.multiselect(
        "Gene sets scored",
        list(titles),
        default=list(sets_before),
        format_func=titles.__getitem__,
        key=f"guided.sets.{dataset.id}",
        persist_state="session",
        help="The CLEAR paper scores interferon-stimulated genes and MHC genes.",
    )
    return focus, tuple(sets)


def _panels_section(dataset: Dataset, found: Analysis | None) -> None:
    design_tab.study_or_stop(dataset)
    panels = Panels(dataset)
    panels = panels.within(_focus_choice(dataset, panels))
    letters = panels.panels()
    key = f"guided.panel.{dataset.id}"
    with st.container(horizontal=True, vertical_alignment="center"):
        letter = st.segmented_control(
            "Panel",
            list(letters),
            default="A",
            required=True,
            key=key,
            persist_state="session",
            label_visibility="collapsed",
        )
        rest = list(letters)[list(letters).index(letter) + 1 :]
        if rest:
            st.button("Next panel", key="guided.next", on_click=_show, args=(key, rest[0]))
        else:
            st.button("Next: the report", key="guided.report", on_click=_show, args=("study.tab", "Report"))
        with st.popover("Change the study"):
            _begin_section(dataset, found, label="Run the guided study again")
    _panel(dataset, panels, letters[letter])
    if found is not None:
        with st.expander("Steps of the guided study"):
            chain_steps.steps_section(found, dataset, begun=lambda run: st.rerun())


def _focus_choice(dataset: Dataset, panels: Panels) -> str:
    """Of several cell types that were compared, the one that the panels show."""
    types = panels.types_compared()
    if len(types) < 2:
        return panels.focus
    chosen: str = st.selectbox(
        "Cell type of panels E and on", types, key=f"guided.shown.{dataset.id}.{len(types)}.{types[0]}", width=320
    )
    return chosen


def _show(key: str, value: str) -> None:
    st.session_state[key] = value


def _open_tab(dataset: Dataset, panel: Panel) -> None:
    st.session_state["study.tab"] = panel.tab
    if panel.comparison:
        genes_tab.choose_result(dataset, panel.comparison)


def _panel(dataset: Dataset, panels: Panels, panel: Panel) -> None:
    """What is seen on the left, the figure on the right."""
    drawn = panel.draw()
    left, right = st.columns([2, 5])
    with left:
        st.header(f"{panel.letter} · {escape(panel.title)}")
        if panels.is_outdated(drawn):
            st.warning("The design or the data have changed since this was computed. Run the guided study again.")
        st.markdown(as_list(drawn.said))
        if len(drawn.table):
            download_csv(drawn.table, key=f"guided.{panel.letter}", name=f"panel_{panel.letter}")
        st.button(
            f"Change it in the tab '{panel.tab}'",
            key="guided.change",
            on_click=_open_tab,
            args=(dataset, panel),
            type="tertiary",
        )
    with right:
        if drawn.figure is not None:
            name, alt = f"panel_{panel.letter}", f"{panel.title}. {' '.join(drawn.said)}"
            show_figure(drawn.figure, key=f"guided.{name}.{panels.focus}", name=name, alt=alt)
