"""What a deployment decides through environment variables."""

import os
from pathlib import Path

import platformdirs
from pydantic import Field
from pydantic_settings import BaseSettings, SettingsConfigDict

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
        Threads of a worker; 0 is one per core.
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
    """

    model_config = SettingsConfigDict(env_prefix="SCAPP_")

    workspace: Path = Field(default_factory=lambda: Path(platformdirs.user_data_dir("scapp")))
    data_dirs: str = ""
    threads: int = Field(default=0, ge=0)
    processes: int = Field(default=0, ge=0)
    worker_idle_seconds: float = Field(default=600.0, gt=0)
    import_minutes: float = Field(default=60.0, gt=0)
    token: str = ""
    hosts: str = ""

    @property
    def allowed_folders(self) -> list[Path]:
        """The folders of ``data_dirs`` that exist, resolved."""
        folders = [Path(part).expanduser() for part in self.data_dirs.split(os.pathsep) if part]
        return [folder.resolve() for folder in folders if folder.is_dir()]

    @property
    def n_threads(self) -> int:
        """Threads of a worker."""
        return self.threads or os.cpu_count() or 1
