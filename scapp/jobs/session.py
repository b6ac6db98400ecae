"""The steps of the app from Python: what an exported script is written in."""

import importlib.util
import sys
from pathlib import Path
from typing import Any

from scapp.core import files
from scapp.core.config import Config
from scapp.core.environment import Environment
from scapp.core.step_context import QuietContext, StepContext
from scapp.jobs.devices import choose_device
from scapp.steps.catalogue import step
from scapp.steps.engine import Machine, execute
from scapp.workspace.datasets.dataset import Dataset
from scapp.workspace.datasets.store import Workspace


class Session:
    """A workspace and the steps on its datasets.

    Parameters
    ----------
    folder
        The workspace; made when it is not there.
    device
        ``auto``, ``cpu``, ``cuda`` or ``mps``, for training.
    threads
        Of torch and numba; 0 is one per core (or SCAPP_THREADS). Equal results need equal threads.
    processes
        That train CLEAR together; 0 is one, or on several GPUs as many as a step's cells are worth.

    Raises
    ------
    ConfigError
        The device is not there.

    Examples
    --------
    >>> session = Session("my_study.scapp")
    >>> data = session.run("import", example="pbmc")
    >>> data = session.run("prepare", data, n_top_genes=1000)
    >>> data = session.run("map", data, representation="pca")
    """

    def __init__(self, folder: Path | str, *, device: str = "cpu", threads: int = 0, processes: int = 0) -> None:
        self.folder = Path(folder)
        self.workspace = Workspace(self.folder)
        self.machine = Machine(choose_device(device), threads or Environment().n_threads, processes)
        self.summary: dict[str, Any] = {}
        if threads:
            _limit_threads(threads)

    def run(
        self,
        name: str,
        dataset: Dataset | None = None,
        /,
        *,
        run_id: str = "",
        folder: Path | str | None = None,
        **settings: Any,
    ) -> Dataset:
        """Carry out a step with its settings.

        Parameters
        ----------
        name
            A step of ``scapp.steps.catalogue.STEPS``.
        dataset
            What it works on; none for an import.
        run_id
            Names what some steps make: a CLEAR run is stored as ``X_clear_<last six characters>`` as well.
        folder
            For the files that a step writes, such as the tables of a comparison; made when it is not there.
        settings
            Of the step's configuration; others have their defaults.

        Returns
        -------
        The dataset that was written or made. ``summary`` holds what the step says of itself.
        """
        print(step(name).title, file=sys.stderr)
        config = step(name).config.build(settings)
        place = None if folder is None else Path(folder)
        if place is not None:
            place.mkdir(parents=True, exist_ok=True)
        self.summary = self.execute(name, config, dataset.id if dataset else None, run_id=run_id, folder=place)
        return self.workspace.open(self.summary["dataset"])

    def execute(
        self,
        name: str,
        config: Config,
        dataset_id: str | None = None,
        *,
        context: StepContext | None = None,
        run_id: str = "",
        folder: Path | None = None,
    ) -> dict[str, Any]:
        """Carry out a step with a configuration; its summary. Files that it writes are in ``folder``."""
        return execute(
            step(name),
            config,
            context or QuietContext(),
            workspace=self.workspace,
            dataset_id=dataset_id,
            folder=folder or files.temporary_folder(self.folder / "steps", f"{name}-"),
            machine=self.machine,
            run_id=run_id,
        )

    def write(self, dataset: Dataset, path: Path | str) -> None:
        """Write a dataset as ``.h5ad``, all or nothing."""
        from scapp.reports.content import write_h5ad
        from scapp.reports.export import content_of

        with files.replacing(Path(path)) as temporary:
            write_h5ad(temporary, content_of(self.workspace.open(dataset.id)))

    def compare(self, dataset: Dataset, expected: dict[str, str]) -> dict[str, bool]:
        """Say which slots hold the very bytes that they held in the app.

        Parameters
        ----------
        dataset
            What was made here.
        expected
            Slot -> fingerprint, from the app.

        Returns
        -------
        Slot -> whether it is equal; also printed.
        """
        slots = self.workspace.open(dataset.id).slots
        found = {slot: slot in slots and slots[slot].fingerprint == wanted for slot, wanted in expected.items()}
        for slot, equal in found.items():
            print(f"{slot}: {'equal to the app' if equal else 'differs from the app'}")
        if not all(found.values()):
            print("Equal results need the same file, versions, threads and device; see the top of this script.")
        return found


def _limit_threads(n_threads: int) -> None:
    """Also where numpy and torch were loaded before, as in a notebook: the variables of the environment come too late
    for them.
    """
    import threadpoolctl

    threadpoolctl.threadpool_limits(n_threads)
    if importlib.util.find_spec("torch") is not None:
        import torch

        torch.set_num_threads(n_threads)
