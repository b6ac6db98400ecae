"""Analyse on the page: begun, and followed to the map."""

import streamlit as st

from scapp.core import keys
from scapp.jobs.chains.analyse import ANALYSE, AnalyseConfig, first_stage
from scapp.jobs.chains.chain import Analysis, analysis, analysis_of, start
from scapp.ui.analyse import words
from scapp.ui.kit import state
from scapp.ui.kit.boundary import escape
from scapp.ui.kit.forms import config_form
from scapp.ui.kit.routing import page_file
from scapp.workspace.datasets.dataset import Dataset
from scapp.workspace.runs.run import Run

FOLLOWED = "analysis"
_LED_TO = "analysis.led_to"
"""The dataset to which following has led this session."""


def begin(run: Run) -> None:
    """Go to the map, which follows the analysis that a run belongs to."""
    assert run.config.part is not None
    st.session_state[FOLLOWED] = run.config.part.analysis
    st.session_state[_LED_TO] = run.config.dataset
    query = {FOLLOWED: run.config.part.analysis, "dataset": run.config.dataset}
    st.switch_page(page_file("map"), query_params={name: value for name, value in query.items() if value})


def start_section(dataset: Dataset) -> None:
    """Analyse a dataset that is open: what it does, a tick for batches, options, the button."""
    columns = state.categorical_columns(dataset)
    column = keys.suggest(columns, keys.SUGGESTED_BATCHES)
    with st.container(border=True):
        st.markdown(words.ANALYSE)
        told = column is not None and st.checkbox(
            f"Remove differences between the batches of '{escape(column)}'",
            key=f"analyse.batches.{dataset.id}",
            persist_state="session",
            help=words.BATCHES,
        )
        if told and column is not None:
            for note in state.batch_notes_of(dataset, column):
                st.warning(escape(note))
        with st.container(horizontal=True):
            pressed = st.button("Analyse", type="primary", key="analyse.go")
            with st.popover("Options"):
                values = config_form(
                    AnalyseConfig,
                    key=f"analyse.{dataset.id}.{told}",
                    start=AnalyseConfig(batch_key=column if told else None),
                    columns=columns,
                    skip=("panel",),  # a tissue is asked for where none fits, in the steps
                    flat=True,
                )
        if pressed:
            choices = AnalyseConfig.build(values)
            begin(start(state.root(), ANALYSE, dataset, choices, after=first_stage(dataset)))


def follow() -> Analysis | None:
    """The analysis that this session follows; a dataset that it has newly made is opened.

    It is followed until it has ended, or the user opens another dataset.
    """
    id = st.query_params.get(FOLLOWED) or st.session_state.get(FOLLOWED)
    found = analysis(state.root(), id) if id else None
    opened = st.query_params.get("dataset") or st.session_state.get("dataset")
    if found is None or not _is_there(found.dataset):
        _forget()
        return None
    led_to = st.session_state.setdefault(_LED_TO, opened)
    if opened not in (None, led_to, found.dataset):
        _forget()
        return None
    st.session_state[FOLLOWED] = st.query_params[FOLLOWED] = found.id
    if found.dataset is not None and found.dataset != opened:
        state.open_dataset(found.dataset)
    st.session_state[_LED_TO] = found.dataset
    if found.dataset is not None:
        _show_newest(found, found.dataset)
    if found.ended:
        _forget()
    return found


def _is_there(dataset: str | None) -> bool:
    """Whether a dataset has not been deleted; none has not been made yet."""
    return dataset is None or any(found.id == dataset for found in state.workspace().datasets())


def analysis_shown(dataset: Dataset) -> Analysis | None:
    """The analysis that made what a dataset holds."""
    return analysis_of(state.root(), ANALYSE, dataset)


def _forget() -> None:
    for name in (FOLLOWED, _LED_TO):
        st.session_state.pop(name, None)
    st.query_params.pop(FOLLOWED, None)


def _show_newest(found: Analysis, dataset: str) -> None:
    """Let the map show what has been made last, unless the user has chosen something else meanwhile."""
    for name, done in found.done.items():
        if found.stage(name).step not in ("map", "suggest") or not done.is_saved:
            continue
        representation = found.stage(name).representation
        column = done.status.result.get("column") or f"leiden_{representation}"
        _set_unless_chosen(f"map.representation.{dataset}", representation, done.run.id)
        _set_unless_chosen(f"map.colour.{dataset}", column, done.run.id)


def _set_unless_chosen(key: str, value: str, run_id: str) -> None:
    """Set a widget once for a run, as long as it has what was set for another."""
    mark = f"{key}.analyse"
    before: dict[str, str] = st.session_state.get(mark, {})
    if run_id in before:
        return
    if st.session_state.get(key) in (None, *before.values()):
        st.session_state[key] = value
    st.session_state[mark] = {**before, run_id: value}
