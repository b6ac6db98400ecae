"""The process that does the work: it may be killed at any moment, and its supervisor says why.

It reads the folders of runs from standard input, one a line as JSON, carries each out, and answers on standard output
with one line of JSON that says what became of it.
"""

import importlib.util
import json
import logging
import os
import sys
import traceback
from pathlib import Path
from typing import Any

from scapp.core.environment import Environment
from scapp.core.errors import DivergedError, ScappError, of_storage
from scapp.core.processes import end_with_parent
from scapp.core.step_context import StepStopped
from scapp.jobs.apart import carry_out_apart, warm
from scapp.jobs.chains.chain import try_to_go_on
from scapp.jobs.devices import choose_device
from scapp.jobs.run_context import RunContext
from scapp.steps.catalogue import STEPS, step
from scapp.steps.engine import Machine, execute
from scapp.workspace.datasets.store import Workspace
from scapp.workspace.runs.run import Failure, Run, RunStore

logger = logging.getLogger("scapp.executor")
APART = frozenset(record.name for record in STEPS if record.apart)


def serve(lane: str) -> None:
    """Carry out runs of a lane until standard input closes."""
    environment = Environment()
    end_with_parent()  # two must never work on one run
    limit_threads(environment.n_worker_threads)
    if lane == step("import").lane:
        warm()
    answers = os.fdopen(os.dup(sys.stdout.fileno()), "w", buffering=1)
    for line in sys.stdin:
        run = Run(Path(json.loads(line)))
        with open(run.folder / "log.txt", "ab", buffering=0) as log:
            # Descriptors, not sys.stdout: what compiled libraries print belongs in the log as well.
            os.dup2(log.fileno(), 1)
            os.dup2(log.fileno(), 2)
            if run.config.step in APART:
                outcome = carry_out_apart(carry_out_here, run, run.root)
            else:
                outcome = carry_out(run, Workspace(run.root), environment)
            if outcome["state"] == "done":
                try_to_go_on(run.root, run, outcome["result"])
        answers.write(json.dumps(outcome) + "\n")


def limit_threads(n_threads: int) -> None:
    """Let torch and numba use so many threads; OMP and MKL were told through the environment.

    Loads both, so that they are there when the first run comes; torch is not everywhere, because only
    training needs it.
    """
    import numba

    numba.set_num_threads(n_threads)
    if importlib.util.find_spec("torch") is not None:
        import torch

        torch.set_num_threads(n_threads)


def carry_out(run: Run, workspace: Workspace, environment: Environment) -> dict[str, Any]:
    """Do what a run asks; what became of it, as JSON."""
    logging.basicConfig(stream=sys.stderr, level=logging.INFO, format="%(asctime)s %(message)s", force=True)
    logger.info("start %s %s", run.config.step, run.config.config)
    try:
        record = step(run.config.step)
        result = execute(
            record,
            record.config.build(run.config.config),
            RunContext(run),
            workspace=workspace,
            dataset_id=run.config.dataset,
            folder=run.folder,
            machine=_machine(record.lane, environment),
            run_id=run.id,
            once=True,
        )
    except StepStopped:
        logger.info("stopped")
        return {"state": "stopped"}
    except ScappError as error:
        logger.info("failed: %s %s", error.message, error.hint)
        return _failed(error.message, error.hint, resumable=not isinstance(error, DivergedError))
    except Exception as error:
        # The last line of defence of the process that does the work: logged in full, shown in short.
        traceback.print_exc()
        return _failed(*explain(error))
    logger.info("done %s", result)
    return {"state": "done", "result": result}


def carry_out_here(root: str, run_id: str) -> dict[str, Any]:
    """``carry_out`` from a process that has loaded nothing of the workspace."""
    environment = Environment()
    return carry_out(RunStore(Path(root)).open(run_id), Workspace(Path(root)), environment)


def _machine(lane: str, environment: Environment) -> Machine:
    if lane != "training":
        return Machine("cpu", environment.n_worker_threads)
    return Machine(choose_device(), environment.n_worker_threads, environment.processes)


def explain(error: Exception) -> tuple[str, str]:
    """Message and hint for what went wrong without being the user's mistake.

    Libraries wrap the system's errors in their own types, so the texts are what can be relied on.
    """
    text = str(error)
    if (known := of_storage(error)) is not None:
        return known.message, f"{known.hint} Then click 'Resume'."
    if isinstance(error, MemoryError) or "out of memory" in text or "can't allocate memory" in text:
        return (
            f"There was not enough memory ({text or 'MemoryError'}).",
            "Close other programs, use fewer genes or smaller batches, then start again.",
        )
    return (
        f"{type(error).__name__}: {text}",
        "This may be a fault in scapp: the log below holds the details for a report.",
    )


def _failed(message: str, hint: str, *, resumable: bool = True) -> dict[str, Any]:
    return {"state": "failed", "error": Failure(message=message, hint=hint, resumable=resumable).model_dump()}
