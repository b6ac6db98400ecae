"""An analysis on the page: begun, followed to the map, its steps changed and begun again."""

import streamlit as st

from scapp.core import keys
from scapp.jobs.analyse.chain import Analysis, analysis, analysis_of, begin_again, go_on, start
from scapp.jobs.analyse.stages import AnalyseConfig, Stage
from scapp.ui.analyse import words
from scapp.ui.kit import state
from scapp.ui.kit.boundary import boundary, escape
from scapp.ui.kit.forms import config_form
from scapp.ui.kit.live import POLL_SECONDS, WORDS, see_to_worker, show_finished, show_progress, stop_button
from scapp.ui.kit.routing import page_file
from scapp.workspace.datasets.dataset import Dataset
from scapp.workspace.runs.run import Run

FOLLOWED = "analysis"


def begin(run: Run) -> None:
    """Go to the map, which follows the analysis that a run belongs to."""
    assert run.config.part is not None
    st.session_state[FOLLOWED] = run.config.part.analysis
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
                    flat=True,
                )
        if pressed:
            begin(start(state.root(), dataset, AnalyseConfig.build(values)))


def follow() -> Analysis | None:
    """The analysis that this session follows; what it has made by now is opened."""
    id = st.query_params.get(FOLLOWED) or st.session_state.get(FOLLOWED)
    found = analysis(state.root(), id) if id else None
    opened = st.query_params.get("dataset") or st.session_state.get("dataset")
    if found is None or (opened and opened not in found.datasets):
        _forget()
        return None
    st.session_state[FOLLOWED] = st.query_params[FOLLOWED] = found.id
    if found.dataset is not None and found.dataset != opened:
        state.open_dataset(found.dataset)
    if found.dataset is not None:
        _show_newest(found, found.dataset)
    if not found.active:
        _forget()
    return found


def analysis_shown(dataset: Dataset) -> Analysis | None:
    """The analysis that made what a dataset holds."""
    return analysis_of(state.root(), dataset)


def _forget() -> None:
    st.session_state.pop(FOLLOWED, None)
    st.query_params.pop(FOLLOWED, None)


def _show_newest(found: Analysis, dataset: str) -> None:
    """Let the map show what has just been made, unless the user has chosen something else meanwhile."""
    done = [(name, run) for name, run in found.runs.items() if run.observe().state == "done"]
    for prefix in ("map", "names"):
        for name, run in done:
            what, _, representation = name.partition("_")
            if what != prefix or not representation:
                continue
            column = run.observe().result.get("column") or f"leiden_{representation}"
            _set_unless_chosen(f"map.representation.{dataset}", representation, run.id)
            _set_unless_chosen(f"map.colour.{dataset}", column, run.id)


def _set_unless_chosen(key: str, value: str, run_id: str) -> None:
    """Set a widget once for a run, as long as it has what was set for another."""
    mark = f"{key}.analyse"
    before: dict[str, str] = st.session_state.get(mark, {})
    if run_id in before:
        return
    if st.session_state.get(key) in (None, *before.values()):
        st.session_state[key] = value
    st.session_state[mark] = {**before, run_id: value}


def progress_line(found: Analysis, *, key: str) -> None:
    """How far an analysis is; why it ended where it did; nothing once it is done."""
    if found.active:
        _live(found.id, found.last.id, key)
        return
    last = found.last
    if last.observe().state != "done":
        show_finished(last, key=key)
    elif not found.ended:
        st.warning(f"Analyse was interrupted after '{last.config.title}'.")
        if st.button("Continue", key=f"{key}.on", type="primary"):
            go_on(state.root(), last, last.observe().result["dataset"])
            st.rerun()


@st.fragment(run_every=POLL_SECONDS)
def _live(id: str, last: str, key: str) -> None:
    with boundary():
        found = analysis(state.root(), id)
        if found is None or found.last.id != last or not found.active:
            st.rerun()
        if found.last.observe().state == "queued":
            see_to_worker(found.last)
        names = [stage.name for stage in found.stages]
        number = names.index(list(found.runs)[-1]) + 1
        with st.container(horizontal=True, vertical_alignment="center"):
            show_progress(found.last, before=f"Analyse, step {number} of {len(names)} · ")
            stop_button(found.last, key=key)


def steps_section(found: Analysis) -> None:
    """Every step with what it chose; once the analysis has ended, one can be run again with what follows."""
    st.markdown("\n".join(f"1. {_line(found, stage)}" for stage in found.stages))
    if not found.active:
        _change(found)


def _line(found: Analysis, stage: Stage) -> str:
    run = found.runs.get(stage.name)
    if run is None:
        later = any(each.name in found.runs for each in found.stages[found.stages.index(stage) :])
        return f"{stage.title}" + (f" · {words.LEFT_OUT}" if later else "")
    status = run.observe()
    if status.state != "done":
        return f"**{stage.title}** · {WORDS[status.state]}"
    took = f" · {status.result['seconds']:.0f} s" if "seconds" in status.result else ""
    return f"**{stage.title}**{took}  \n{escape(stage.said(run.config.config, status.result))}"


def _change(found: Analysis) -> None:
    """Another setting for one of the steps that have been carried out, and what follows again."""
    st.header("Run again from a step")
    st.markdown(words.AGAIN)
    there = [stage for stage in found.stages if stage.name in found.runs and stage.step != "import"]
    there = [stage for stage in there if found.runs[stage.name].config.config]
    if not there:
        return
    names = [stage.name for stage in there]
    titles = {stage.name: stage.title for stage in there}
    name = st.selectbox("Step", names, format_func=titles.__getitem__, key=f"analyse.step.{found.last.id}", width=360)
    stage, run = next(each for each in there if each.name == name), found.runs[name]
    dataset = state.workspace().open(str(run.config.dataset))
    values = config_form(
        stage.record.config,
        key=f"analyse.{run.id}",
        start=stage.record.config.build(run.config.config),
        columns=state.categorical_columns(dataset),
        only=stage.shown,
    )
    if st.button("Run again from here", key=f"analyse.again.{run.id}", type="primary"):
        begin(begin_again(state.root(), found, name, stage.record.config.build(values)))
