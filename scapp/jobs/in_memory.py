"""A step on an AnnData in memory, without a workspace: what ``scapp.pp`` and ``scapp.tl`` are made of."""

import sys
import tempfile
import time
from collections.abc import Mapping
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import anndata as ad

from scapp.core.config import Config
from scapp.core.environment import Environment
from scapp.core.step_context import QuietContext
from scapp.jobs.devices import choose_device
from scapp.steps.anndata_source import AnnDataSource, put_slot, record_on
from scapp.steps.catalogue import step
from scapp.steps.step import Inputs, Outcome, Reading
from scapp.workspace.datasets.staging import SameAs, new_provenance, plain


class Progress(QuietContext):
    """Says on standard error, once a second at most, how far a step is; keeps what it logs."""

    def __init__(self, title: str, *, show: bool) -> None:
        self.rows: list[dict[str, Any]] = []
        self._title, self._show, self._said = title, show, 0.0

    def report(self, done: float, total: float, text: str) -> None:
        """Print at most once a second."""
        if self._show and time.monotonic() - self._said > 1:
            self._said = time.monotonic()
            print(f"{self._title}: {text} ({done:g}/{total:g})", file=sys.stderr)

    def log_metrics(self, row: dict[str, Any]) -> None:
        """Keep the row."""
        self.rows.append(row)


def run_step(
    adata: ad.AnnData,
    name: str,
    config: Config,
    *,
    device: str = "cpu",
    processes: int = 0,
    progress: bool = False,
    folder: Path | None = None,
) -> tuple[Outcome, list[dict[str, Any]]]:
    """Carry out a step; nothing is written to the AnnData.

    Parameters
    ----------
    adata
        What it reads.
    name, config
        Of the step.
    device, processes
        For training; ``auto`` takes a GPU where there is one.
    progress
        Whether to say on standard error how far it is.
    folder
        For the files that it writes; a temporary one, removed at the end, where none is given.

    Returns
    -------
    What the step gives, and the rows that it logged.
    """
    record = step(name)
    context = Progress(record.title, show=progress)
    if folder is not None:
        folder.mkdir(parents=True, exist_ok=True)
    with nullcontext(str(folder)) if folder is not None else tempfile.TemporaryDirectory() as place:
        where = choose_device(device) if record.lane == "training" else "cpu"
        inputs = Inputs(Reading(AnnDataSource(adata)), Path(place), where, "", processes)
        outcome = record.load()(inputs, config, context)
    return outcome, context.rows


def write_values(
    adata: ad.AnnData,
    name: str,
    config: Config,
    values: Mapping[str, Any],
    summary: Mapping[str, Any],
    *,
    device: str = "",
) -> None:
    """Put what a step gives into the AnnData, with a record of how it was made in ``uns["scapp"]``."""
    for slot, value in values.items():
        put_slot(adata, slot, values[value.slot] if isinstance(value, SameAs) else value)
    record = new_provenance(
        name,
        config=config.model_dump(mode="json"),
        seed=getattr(config, "seed", None),
        threads=Environment().n_threads,
        device=device or None,
        result=plain(summary),
    )
    record_on(adata, record, list(values))
