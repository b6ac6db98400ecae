"""Runs on the page: progress that moves by itself, stop, resume, discard, log."""

from typing import Any

import streamlit as st

from scapp.core.config import Config
from scapp.core.files import is_writable
from scapp.jobs.launch import discard, ensure_worker, resume, submit
from scapp.steps.engine import adopt_result
from scapp.ui.kit import state
from scapp.ui.kit.boundary import boundary, escape, show_error
from scapp.workspace.datasets.dataset import Dataset
from scapp.workspace.runs.run import ACTIVE, Run, State

POLL_SECONDS = 1.0
WORDS: dict[State, str] = {
    "queued": "waiting for the worker",
    "running": "running",
    "stopping": "stopping",
    "stopped": "stopped",
    "done": "done",
    "failed": "failed",
}


def prewarm(lane: str) -> None:
    """Start a lane's worker while the user still chooses: its libraries take seconds to load."""
    if is_writable(state.root()):
        ensure_worker(state.root(), lane)


def run_panel(run: Run | None, *, key: str) -> State | None:
    """Show a run; while it is active the panel refreshes itself, and the page when it ends.

    Returns
    -------
    The run's state, or None without one.
    """
    if run is None:
        return None
    status = run.observe()
    if status.state in ACTIVE:
        _live(run.id, key)
    else:
        show_finished(run, key=key)
    return status.state


def start_and_open(step: str, config: Config, dataset: Dataset) -> None:
    """Queue a step that makes a dataset, which ``panel_that_opens`` opens in this session when it is done."""
    st.session_state[f"opens.{step}"] = submit(state.root(), step, config, dataset).id


def panel_that_opens(run: Run | None, *, key: str) -> None:
    """Show a run that makes a dataset; the one that this session started is opened when it is done."""
    done = run_panel(run, key=key) == "done"
    if done and run is not None and st.session_state.get(f"opens.{run.config.step}") == run.id:
        st.session_state.pop(f"opens.{run.config.step}")
        open_result(run)
        st.rerun()


def open_result(run: Run) -> None:
    """Open the dataset that a finished run made."""
    state.open_dataset(run.status.result["dataset"])


def latest_of(step: str, dataset: Dataset, **config: Any) -> Run | None:
    """The newest run of a step on a dataset whose configuration has these values."""
    runs = state.runs().list(dataset=dataset.id, step=step)
    return next((r for r in runs if all(r.config.config.get(k) == v for k, v in config.items())), None)


def when(run: Run) -> str:
    """Day and time of a run's start (UTC), from its id."""
    day, time = run.id[:8], run.id[9:15]
    return f"{day[:4]}-{day[4:6]}-{day[6:]} {time[:2]}:{time[2:4]}"


def see_to_worker(run: Run) -> None:
    """A waiting run's worker may have gone home, or the process that queued it died, before it was taken."""
    state.runs().announce(run)
    ensure_worker(state.root(), run.config.lane)


@st.fragment(run_every=POLL_SECONDS)
def _live(run_id: str, key: str) -> None:
    with boundary():
        run = state.runs().open(run_id)
        status = run.observe()
        if status.state not in ACTIVE:
            st.rerun()
        if status.state == "queued":
            see_to_worker(run)
        show_progress(run)
        stop_button(run, key=key)


def show_progress(run: Run, *, before: str = "") -> None:
    """One bar with words, and what to say before them."""
    status, progress = run.observe(), run.progress
    total = max(float(progress.get("total", 1)), 1e-9)
    share = min(max(float(progress.get("done", 0)) / total, 0.0), 1.0)
    text = str(progress.get("text", "")) if status.state != "queued" else _why_waiting(run)
    said = f"{before}{run.config.title}: {WORDS[status.state]}"
    st.progress(share, text=f"{said} · {text}" if text else said)


def _why_waiting(run: Run) -> str:
    ahead = [
        r
        for r in state.runs().list()
        if r.config.lane == run.config.lane and r.observe().state in ("running", "stopping")
    ]
    if ahead:
        return f"it starts when '{ahead[0].config.title}', which is running, has ended"
    return "it starts within a few seconds"


def stop_button(run: Run, *, key: str) -> None:
    """Ask the run to stop."""
    stopping = run.stop_requested
    if st.button("Stopping…" if stopping else "Stop", key=f"{key}.stop.{run.id}", disabled=stopping):
        run.request_stop()
        st.rerun()


def show_finished(run: Run, *, key: str, quiet_when_done: bool = True) -> None:
    """A failed run's reason, a stopped run's choices, a result that was made from an older version."""
    status = run.observe()
    if status.state == "failed" and status.error is not None:
        show_error(f"{run.config.title} failed. {status.error.message}", status.error.hint)
    elif status.state == "stopped":
        st.info(
            f"{run.config.title} was stopped."
            + (" It can be resumed from its last checkpoint." if run.has_checkpoint else "")
        )
    elif status.state == "done" and status.result.get("stale"):
        _offer_stale(run, key)
    elif not quiet_when_done:
        st.success(f"{run.config.title}: done in {status.result.get('seconds', 0):.0f} s.")
    if status.state in ("failed", "stopped"):
        _choices(run, key)


def _choices(run: Run, key: str) -> None:
    with st.container(horizontal=True):
        again = "Resume" if run.has_checkpoint else "Start again"
        error = run.status.error
        if (error is None or error.resumable) and st.button(again, key=f"{key}.resume.{run.id}", type="primary"):
            resume(state.root(), run)
            st.rerun()
        if st.button("Discard", key=f"{key}.discard.{run.id}", help="Delete this run and its checkpoints."):
            discard(state.root(), run)
            st.rerun()
    show_log(run)


def _offer_stale(run: Run, key: str) -> None:
    status = run.status
    st.warning(f"{escape(str(status.result['stale']))} Use the result anyway, or run the step again.")
    if run.config.dataset and st.button("Use it anyway", key=f"{key}.stale.{run.id}"):
        adopt_result(state.workspace(), run.config.dataset, run.folder)
        run.set_status(status.model_copy(update={"result": {**status.result, "stale": ""}}))
        st.rerun()


def show_log(run: Run) -> None:
    """The log, one click away."""
    with st.expander("Log"):
        st.code(run.log[-20_000:] or "The log is empty.", language=None)
        st.download_button(
            "Download the log", run.log, file_name=f"{run.id}.txt", key=f"log.{run.id}", on_click="ignore"
        )
