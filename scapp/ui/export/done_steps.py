"""What was done to a dataset: take back, bring back, run again."""

import pandas as pd
import streamlit as st

from scapp.core.errors import listed
from scapp.jobs.launch import run_now, submit
from scapp.steps.catalogue import BY_HAND, step
from scapp.ui.export import words
from scapp.ui.kit import state
from scapp.ui.kit.boundary import boundary, escape
from scapp.ui.kit.live import run_panel
from scapp.ui.kit.widgets import show_table
from scapp.workspace.datasets.dataset import Dataset
from scapp.workspace.datasets.history import MAKING, Event, events
from scapp.workspace.runs.run import ACTIVE


def history_section(dataset: Dataset) -> None:
    """The steps, newest first, each with what can be done about it."""
    st.header("What was done")
    st.markdown(words.HISTORY)
    found = events(dataset.manifest)
    made_at = max((i for i, event in enumerate(found) if event.record.step in MAKING), default=-1)
    for position in range(len(found) - 1, -1, -1):
        with st.container(border=True), boundary():
            _event(dataset, found[position], own=position > made_at)
    rows = [
        {
            "at (UTC)": event.record.created[:16].replace("T", " "),
            "step": event.record.step,
            "seconds": event.record.seconds,
            "device": event.record.device,
            "threads": event.record.threads,
            "settings": str(event.record.config),
        }
        for event in found
    ]
    with st.expander("The same as a table"):
        show_table(pd.DataFrame(rows), key="history", name="history", alt="Steps that made this dataset")


def _event(dataset: Dataset, event: Event, *, own: bool) -> None:
    record = event.record
    text, buttons = st.columns([5, 3], vertical_alignment="center")
    title = step(record.step).title
    text.markdown(f"**{title}** · {record.created[:16].replace('T', ' ')} UTC  \n{_status(event, own=own)}")
    with buttons, st.container(horizontal=True, horizontal_alignment="right"):
        with st.popover("Settings"):
            st.json(record.config)
            st.caption(f"{record.seconds or 0:.1f} s on {record.device}, {record.threads} threads")
        if not own:
            return
        if event.in_place and st.button(
            "Take back", key=f"undo.{record.id}", help="Its values go; those from before come back."
        ):
            state.workspace().undo(dataset.id, record.id)
            st.rerun()
        if event.kept and st.button("Bring back", key=f"redo.{record.id}", help="Its values are put in place again."):
            state.workspace().bring_back(dataset.id, record.id)
            st.rerun()
        # a label means the cells that someone looked at: on other clusters or another map it would mean others
        can = event.stale and record.step not in BY_HAND and not event.missing
        if can and st.button("Run again", key=f"again.{record.id}", type="primary"):
            _again(dataset, event)
            st.rerun()
    run = state.latest_run(record.step, dataset)
    if run is not None and event.stale and run.observe().state in ACTIVE:
        run_panel(run, key=f"history.{record.id}")


def _again(dataset: Dataset, event: Event) -> None:
    record = step(event.record.step)
    config = record.config.build(event.record.config)
    if record.at_once:
        run_now(state.root(), record.name, config, dataset)
    else:
        submit(state.root(), record.name, config, dataset)


def _status(event: Event, *, own: bool) -> str:
    if not own:
        return "made this dataset, or was done to the one that it was made from"
    if not event.in_place:
        return "taken back or replaced" + ("" if event.kept else "; its values are not kept any longer")
    where = f"in place: {escape(listed(event.in_place, 4))}"
    if event.record.step in BY_HAND and event.stale:
        return f"{where}  \n:orange[**out of date**]: {_since(event)}. {words.BY_HAND_STALE}"
    if event.missing:
        return f"{where}  \n:orange[**out of date**]: {_since(event)}. Bring that back, or make it again, first."
    if event.out_of_date:
        return f"{where}  \n:orange[**out of date**]: {_since(event)}"
    if event.rests_on is not None:
        return f"{where}  \n:orange[**rests on a step that is out of date**]"
    return where


def _since(event: Event) -> str:
    """What became of what a step read."""
    changed = [slot for slot in event.out_of_date if slot not in event.missing]
    parts = [
        f"{escape(listed(slots, 3))} {what}"
        for slots, what in ((changed, "changed since"), (event.missing, "is gone"))
        if slots
    ]
    return ", ".join(parts) or "what it rests on changed since"
