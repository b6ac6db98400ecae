"""What commands share: progress on standard error, reading the input, checking the output."""

import argparse
import shutil
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from scapp.cli.options import in_options
from scapp.core import files
from scapp.core.config import Config
from scapp.core.errors import ConfigError
from scapp.core.step_context import QuietContext, StepContext
from scapp.data.formats import archives
from scapp.data.samples.find import Sample, describe_samples, find_samples, members_of, read_sheet
from scapp.jobs.session import Session
from scapp.steps.catalogue import step
from scapp.steps.config import RELIABLE_SHARE, ImportRequest
from scapp.workspace.datasets.dataset import Dataset
from scapp.workspace.runs.checkpoints import latest_checkpoint, write_checkpoint

ORIENTATIONS = {None: "auto", "rows": "genes_in_rows", "columns": "cells_in_rows"}


PASS_SECONDS = 5.0
"""Between lines that say how far a pass over the cells is."""


class ConsoleContext(QuietContext):
    """Progress as lines on standard error; checkpoints in a folder beside the output."""

    def __init__(self, checkpoints: Path | None = None, *, resume: bool = False) -> None:
        self.checkpoints = checkpoints
        self.resume = resume
        self._said = 0.0
        self._text = ""

    def report(self, done: float, total: float, text: str) -> None:
        """Print at most once a second, and the last line always."""
        if time.monotonic() - self._said > 1 or done >= total:
            self._said = time.monotonic()
            print(f"{text} ({done:g}/{total:g})", file=sys.stderr)
        self._text = text

    def within(self, share: float) -> None:
        """Print now and then."""
        if self._text and time.monotonic() - self._said > PASS_SECONDS:
            self._said = time.monotonic()
            print(f"{self._text} ({share:.0%})", file=sys.stderr)

    def checkpoint(self, write: Callable[[Path], None]) -> None:
        """Keep a checkpoint beside the output."""
        if self.checkpoints is not None:
            self.checkpoints.mkdir(exist_ok=True)
            write_checkpoint(self.checkpoints, write)

    def latest_checkpoint(self) -> Path | None:
        """The last checkpoint, when asked to resume."""
        if not self.resume or self.checkpoints is None or not self.checkpoints.exists():
            return None
        return latest_checkpoint(self.checkpoints)


def run(
    session: Session,
    name: str,
    config: Config,
    dataset: str | None = None,
    context: StepContext | None = None,
    folder: Path | None = None,
) -> dict[str, Any]:
    """Carry out a step; its summary. What it writes as files goes to ``folder``, where one is given."""
    print(step(name).title, file=sys.stderr)
    return session.execute(name, config, dataset, context=context or ConsoleContext(), folder=folder)


def say_how_much_is_missing(found: dict[str, Any], reader: str, taken: str) -> None:
    """On standard error, where a dataset lacks much of what a model reads.

    Parameters
    ----------
    found
        Summary of a step that aligned genes: ``covered`` is the share that is there.
    reader, taken
        What reads, and what is to be taken with care.
    """
    if found["covered"] < RELIABLE_SHARE:
        print(
            f"note: this dataset has genes for {found['covered']:.0%} of what the {reader} reads; take {taken} with"
            " care.",
            file=sys.stderr,
        )


def load(session: Session, arguments: argparse.Namespace) -> Dataset:
    """Import the input, and print what was noticed."""
    names = ("genome", "labels", "missing_as_zero", "round_to_counts")
    options = {name: value for name in names if (value := getattr(arguments, name, None))}
    path = Path(arguments.input)
    request = {
        **options,
        "path": str(path),
        "orientation": ORIENTATIONS[getattr(arguments, "genes_in", None)],
        "samples": _samples(path, arguments.sheet) if getattr(arguments, "sheet", None) else (),
    }
    dataset = session.workspace.open(run(session, "import", ImportRequest.build(request))["dataset"])
    for finding in dataset.manifest.source["findings"]:
        print(in_options(f"note: {finding['sentence']} {finding['fix']}", arguments), file=sys.stderr)
    return dataset


def _samples(path: Path, sheet: Path) -> tuple[Sample, ...]:
    if path.is_dir():
        members = members_of(path)
    elif path.is_file() and path.name.lower().endswith(archives.ENDINGS):
        with open(path, "rb") as stream:
            members = archives.members(stream, path.name)
    else:
        raise ConfigError(f"'{path}' is no folder or archive of samples.", hint="Leave out --sheet.")
    return tuple(describe_samples(find_samples(members), read_sheet(sheet, sheet.name)))


def checked_output(path: Path) -> Path:
    """Refuse an output that could not be written, before hours of work."""
    if path.suffix != ".h5ad":
        raise ConfigError(f"The output '{path}' does not end in .h5ad.", hint="Give -o a name such as result.h5ad.")
    if not path.parent.resolve().is_dir():
        raise ConfigError(f"There is no folder '{path.parent}'.", hint="Make it first, or give -o another place.")
    return path


def checked_folder(path: Path) -> Path:
    """Refuse a folder that could not be written, or that holds something."""
    if path.exists() and (not path.is_dir() or any(path.iterdir())):
        raise ConfigError(f"'{path}' is there already and not empty.", hint="Give -o a new folder.")
    if not path.resolve().parent.is_dir():
        raise ConfigError(f"There is no folder '{path.parent}'.", hint="Make it first, or give -o another place.")
    return path


def checkpoints_of(output: Path, *, resume: bool) -> Path:
    """Where a command that writes this output keeps its checkpoints.

    Raises
    ------
    ConfigError
        It is to resume, and there are none.
    """
    checkpoints = output.with_name(output.name + ".checkpoints")
    if resume and not (checkpoints.exists() and latest_checkpoint(checkpoints)):
        raise ConfigError(
            f"There is no checkpoint in '{checkpoints}'.", hint="Leave out --resume to begin from the start."
        )
    return checkpoints


def run_into(
    session: Session, name: str, config: Config, dataset: str, output: Path, context: StepContext | None = None
) -> dict[str, Any]:
    """Carry out a step that writes files, and put them into the output folder; its summary, ``files`` being their paths
    there.
    """
    made = session.folder / "made"
    made.mkdir()
    print(step(name).title, file=sys.stderr)
    found = session.execute(name, config, dataset, context=context or ConsoleContext(), folder=made)
    return {**found, "files": _copy(found["files"], made, output)}


def _copy(names: list[str], made: Path, output: Path) -> list[str]:
    """Copy what a step wrote into the output folder, each all or nothing; the paths."""
    output.mkdir(exist_ok=True)
    for name in names:
        with files.replacing(output / name) as temporary:
            shutil.copy(made / name, temporary)
    return [str(output / name) for name in names]
