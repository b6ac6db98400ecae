"""What a deployment decides through environment variables."""

import os
from functools import lru_cache
from pathlib import Path
from typing import Literal

import platformdirs
from pydantic import Field
from pydantic_settings import BaseSettings, SettingsConfigDict

NO_TOKEN = "off"
"""Of ``token``: nothing is asked."""
THREAD_VARIABLES = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS", "NUMBA_NUM_THREADS")
"""What libraries read, once, when they are loaded."""


class Environment(BaseSettings):
    """Settings of this installation, read from ``SCAPP_*`` variables.

    Parameters
    ----------
    workspace
        Folder for datasets and runs.
    data_dirs
        Folders on the server, separated as in PATH, from which files may be imported by path.
    threads
        Threads of a worker, or of all that work for a class in one lane; 0 is one per core.
    memory
        Gigabytes that a step may take; 0 is 80% of what is free. Blocks of cells are smaller where it is little.
    processes
        Processes that train CLEAR together; 0 is one, or on several GPUs as many as a step's cells are worth.
    worker_idle_seconds
        How long a worker without work stays.
    import_minutes
        How long reading a file may take, at most, without a sign of progress; small files are given less.
    token
        What a browser must know to use the app; a fresh one at each start where none is given, none at all for "off".
    hosts
        Names, separated by commas, under which the app answers besides this computer's own.
    mode
        ``single``: whoever knows the token sees the workspace; ``class``: moreover, each browser that knows the
        class's code has a workspace of its own.
    class_code
        What a browser must know to join the class; a fresh one where none is given.
    class_hours
        How long a class is held, from its beginning: then what its browsers made is deleted.
    class_workers
        Runs of a class that are carried out at the same time in each lane; 0 is one for two cores, and at least two.
    class_seats, class_megabytes, class_runs, class_minutes
        Browsers of a class; and for each: space on disk, runs that wait or work, minutes of a run.
    class_upload_megabytes
        Size of a file that is uploaded while a class is held.
    """

    model_config = SettingsConfigDict(env_prefix="SCAPP_")

    workspace: Path = Field(default_factory=lambda: Path(platformdirs.user_data_dir("scapp")))
    data_dirs: str = ""
    threads: int = Field(default=0, ge=0)
    memory: float = Field(default=0.0, ge=0)
    processes: int = Field(default=0, ge=0)
    worker_idle_seconds: float = Field(default=600.0, gt=0)
    import_minutes: float = Field(default=60.0, gt=0)
    token: str = ""
    hosts: str = ""
    mode: Literal["single", "class"] = "single"
    class_code: str = ""
    class_hours: float = Field(default=12.0, gt=0)
    class_workers: int = Field(default=0, ge=0)
    class_seats: int = Field(default=60, ge=1)
    class_megabytes: int = Field(default=500, ge=1)
    class_runs: int = Field(default=3, ge=1)
    class_minutes: float = Field(default=10.0, gt=0)
    class_upload_megabytes: int = Field(default=100, ge=1)

    @property
    def allowed_folders(self) -> list[Path]:
        """The folders of ``data_dirs`` that exist, resolved."""
        folders = [Path(part).expanduser() for part in self.data_dirs.split(os.pathsep) if part]
        return [folder.resolve() for folder in folders if folder.is_dir()]

    @property
    def n_threads(self) -> int:
        """Threads that scapp may use."""
        return self.threads or os.cpu_count() or 1

    @property
    def n_worker_threads(self) -> int:
        """Threads of a worker; several that work for a class share them."""
        return self.n_threads if self.mode == "single" else max(1, self.n_threads // self.n_class_workers)

    @property
    def n_class_workers(self) -> int:
        """Runs of a class that are carried out at the same time in a lane."""
        return self.class_workers or max(2, self.n_threads // 2)


def environment() -> Environment:
    """The settings by now: pages ask for them many times, and reading them takes a millisecond."""
    prefix = str(Environment.model_config["env_prefix"])
    return _read(tuple((name, value) for name, value in os.environ.items() if name.upper().startswith(prefix)))


@lru_cache(maxsize=2)
def _read(variables: tuple[tuple[str, str], ...]) -> Environment:
    """``variables`` are what the settings are read from."""
    return Environment()
