"""A chain of runs on the page: how far it is, stop and continue, its steps changed and begun again."""

from collections.abc import Callable

import streamlit as st

from scapp.jobs.chains.chain import Analysis, analysis, begin_again, carry_on, stop
from scapp.jobs.chains.chain_plan import Stage
from scapp.ui.kit import state
from scapp.ui.kit.boundary import boundary, escape, show_error
from scapp.ui.kit.forms import config_form
from scapp.ui.kit.live import POLL_SECONDS, WORDS, see_to_worker, show_finished, show_progress
from scapp.workspace.datasets.dataset import Dataset
from scapp.workspace.runs.run import Run

AGAIN = "What rests on the step is made again with what was chosen for it; everything else stays as it is."
ANOTHER_DATASET = "These are the steps of an analysis that now works on another dataset."
NOT_SAVED = "not saved, because its input had changed meanwhile"
LEFT_OUT = "Left out: it was made before, or cannot be made of these data."
"""Of a stage that was passed over."""


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
        st.info(f"{found.plan.title} was stopped in '{escape(found.stage(found.part.stage).title)}'.")
        _carry_on_button(found, "Continue")
    elif not found.last.is_saved:
        show_finished(found.last.run, key="analyse")
    elif not found.ended:
        st.warning(f"{found.plan.title} was stopped after '{escape(found.stage(found.part.stage).title)}'.")
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
            show_progress(found.last.run, before=f"{found.plan.title}, step {number} of {len(names)} · ")
            stopping = found.last.run.stop_requested
            # a callback, so that no click is lost because a step has just ended
            st.button(
                "Stopping…" if stopping else "Stop",
                key=f"analyse.stop_button.{id}",
                disabled=stopping,
                on_click=stop,
                args=(state.root(), id),
            )


def steps_section(found: Analysis, dataset: Dataset | None = None, *, begun: Callable[[Run], None]) -> None:
    """Every step with what it chose; once the analysis rests, one can be run again with what rests on it.

    Parameters
    ----------
    found
        The analysis.
    begun
        What the page does when a run has been queued.
    dataset
        The one that is open, where it may be another than that of the analysis.
    """
    if dataset is not None and found.dataset is not None and found.dataset != dataset.id:
        st.info(ANOTHER_DATASET)
    st.markdown("\n".join(f"1. {_line(found, each)}" for each in found.stages))
    if not found.active:
        _change(found, begun)


def _line(found: Analysis, each: Stage) -> str:
    done = found.done.get(each.name)
    title = escape(each.title)
    if done is None:
        passed = each.name not in found.part.to_come or found.ended
        return title + (f" · {LEFT_OUT}" if passed else "")
    if done.status.state != "done":
        return f"**{title}** · {WORDS[done.status.state]}"
    if not done.is_saved:
        return f"**{title}** · {NOT_SAVED}"
    result = done.status.result
    took = f" · {result['seconds']:.0f} s" if "seconds" in result else ""
    return f"**{title}**{took}  \n{escape(each.said(done.run.config.config, result))}"


def _change(found: Analysis, begun: Callable[[Run], None]) -> None:
    """Another setting for one of the steps that have been begun, and what rests on it again."""
    there = {dataset.id for dataset in state.workspace().datasets()}
    titles = {
        each.name: each.title
        for each in found.stages
        if each.changeable and each.name in found.done and found.done[each.name].run.config.dataset in there
    }
    if not titles:
        return
    st.header("Run again from a step")
    st.markdown(AGAIN)
    last = found.last.run.id
    name = st.selectbox("Step", list(titles), format_func=titles.__getitem__, key=f"analyse.step.{last}", width=360)
    each, done = found.stage(name), found.done[name]
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
        begun(begin_again(state.root(), found, name, each.record.config.build(values)))
