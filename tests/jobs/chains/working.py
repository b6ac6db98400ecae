"""A worker in this process, for tests."""

from scapp.core.environment import Environment
from scapp.jobs.chains import chain
from scapp.jobs.executor import carry_out
from scapp.workspace.runs.run import RunStore, Status


def work(workspace, most=100):
    """Carry out what is queued as the executor does, until nothing is, or so many runs; their stages."""
    store, done = RunStore(workspace.root), []
    while len(done) < most and (run := store.next_queued("light") or store.next_queued("training")):
        outcome = carry_out(run, workspace, Environment())
        run.set_status(Status.model_validate({**run.status.model_dump(), **outcome}))
        if outcome["state"] == "done":
            chain.go_on(workspace.root, run, outcome["result"])
        done.append(run.config.part.stage)
    return done
