"""An analysis on the page: begun, followed to the map, its steps changed and begun again."""

import streamlit as st

from scapp.core import keys
from scapp.jobs.analyse.chain import Analysis, analysis, analysis_of, begin_again, carry_on, start, stop
from scapp.jobs.analyse.stages import AnalyseConfig, Stage, stage
from scapp.ui.analyse import words
from scapp.ui.kit import state
from scapp.ui.kit.boundary import boundary, escape, show_error
from scapp.ui.kit.forms import config_form
from scapp.ui.kit.live import POLL_SECONDS, WORDS, see_to_worker, show_finished, show_progress
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
            begin(start(state.root(), dataset, AnalyseConfig.build(values)))


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
    return analysis_of(state.root(), dataset)


def _forget() -> None:
    for name in (FOLLOWED, _LED_TO):
        st.session_state.pop(name, None)
    st.query_params.pop(FOLLOWED, None)


def _show_newest(found: Analysis, dataset: str) -> None:
    """Let the map show what has been made last, unless the user has chosen something else meanwhile."""
    for name, done in found.done.items():
        if stage(name).step not in ("map", "suggest") or not done.is_saved:
            continue
        representation = stage(name).representation
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


def progress_line(found: Analysis) -> None:
    """How far an analysis is; why it ended where it did, and how it goes on; nothing once it is done."""
    if found.active:
        _live(found.id, found.last.run.id)
    elif found.could_not_begin:
        error = found.last.status.error
        assert error is not None
        show_error(f"{found.last.run.config.title} could not begin. {error.message}", error.hint)
        _carry_on_button(found, "Try again")
    elif found.last.status.state == "stopped":
        st.info(f"Analyse was stopped in '{stage(found.part.stage).title}'.")
        _carry_on_button(found, "Continue")
    elif not found.last.is_saved:
        show_finished(found.last.run, key="analyse")
    elif not found.ended:
        st.warning(f"Analyse was stopped after '{stage(found.part.stage).title}'.")
        _carry_on_button(found, "Continue")


def _carry_on_button(found: Analysis, label: str) -> None:
    if st.button(label, key=f"analyse.on.{found.last.run.id}", type="primary"):
        carry_on(state.root(), found.id)
        st.rerun()


@st.fragment(run_every=POLL_SECONDS)
def _live(id: str, last: str) -> None:
    with boundary():
        found = analysis(state.root(), id)
        if found is None or found.last.run.id != last or not found.active:
            st.rerun()
        if found.last.status.state == "queued":
            see_to_worker(found.last.run)
        names = [each.name for each in found.stages]
        number = names.index(found.part.stage) + 1
        with st.container(horizontal=True, vertical_alignment="center"):
            show_progress(found.last.run, before=f"Analyse, step {number} of {len(names)} · ")
            stopping = found.last.run.stop_requested
            # a callback, so that no click is lost because a step has just ended
            st.button(
                "Stopping…" if stopping else "Stop",
                key=f"analyse.stop_button.{id}",
                disabled=stopping,
                on_click=stop,
                args=(state.root(), id),
            )


def steps_section(found: Analysis, dataset: Dataset | None = None) -> None:
    """Every step with what it chose; once the analysis rests, one can be run again with what rests on it.

    Parameters
    ----------
    found
        The analysis.
    dataset
        The one that is open, where it may be another than that of the analysis.
    """
    if dataset is not None and found.dataset is not None and found.dataset != dataset.id:
        st.info(words.ANOTHER_DATASET)
    st.markdown("\n".join(f"1. {_line(found, each)}" for each in found.stages))
    if not found.active:
        _change(found)


def _line(found: Analysis, each: Stage) -> str:
    done = found.done.get(each.name)
    if done is None:
        passed = each.name not in found.part.to_come or found.ended
        return f"{each.title}" + (f" · {words.LEFT_OUT}" if passed else "")
    if done.status.state != "done":
        return f"**{each.title}** · {WORDS[done.status.state]}"
    if not done.is_saved:
        return f"**{each.title}** · {words.NOT_SAVED}"
    result = done.status.result
    took = f" · {result['seconds']:.0f} s" if "seconds" in result else ""
    return f"**{each.title}**{took}  \n{escape(each.said(done.run.config.config, result))}"


def _change(found: Analysis) -> None:
    """Another setting for one of the steps that have been begun, and what rests on it again."""
    there = {dataset.id for dataset in state.workspace().datasets()}
    titles = {
        each.name: each.title
        for each in found.stages
        if each.name in found.done and found.done[each.name].run.config.dataset in there
    }
    if not titles:
        return
    st.header("Run again from a step")
    st.markdown(words.AGAIN)
    last = found.last.run.id
    name = st.selectbox("Step", list(titles), format_func=titles.__getitem__, key=f"analyse.step.{last}", width=360)
    each, done = stage(name), found.done[name]
    dataset = state.workspace().open(str(done.run.config.dataset))
    # one that could not begin has no settings yet
    config = done.run.config.config or each.chosen(dataset, found.choices)
    values = config_form(
        each.record.config,
        key=f"analyse.{done.run.id}",
        start=each.record.config.build(config),
        columns=state.categorical_columns(dataset),
        only=each.shown,
    )
    if st.button("Run again from here", key=f"analyse.again.{done.run.id}", type="primary"):
        begin(begin_again(state.root(), found, name, each.record.config.build(values)))
