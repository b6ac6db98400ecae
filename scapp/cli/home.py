"""``app`` and ``doctor``: start the web app, and say what a bug report needs."""

import argparse
import os
import platform
import subprocess
import sys
from pathlib import Path
from typing import Any

from scapp._version import __version__
from scapp.cli.options import command
from scapp.core.environment import Environment
from scapp.core.errors import ConfigError
from scapp.core.installation import app_folder
from scapp.core.provenance import versions
from scapp.jobs.devices import available_devices


def add_commands(commands: Any) -> None:
    """Declare the commands."""
    app = command(commands, "app", _app, "start the web app")
    app.add_argument("--port", type=int, default=8501, help="port of the address. Default: 8501.")
    app.add_argument("--workspace", type=Path, help="folder for datasets and runs. Default: SCAPP_WORKSPACE, if set.")
    command(commands, "doctor", _doctor, "print versions, devices and the workspace: paste it into a bug report")


def _app(arguments: argparse.Namespace) -> None:
    if not 1 <= arguments.port <= 65535:
        raise ConfigError(f"There is no port {arguments.port}.", hint="Give --port a number from 1 to 65535.")
    environment = dict(os.environ)
    if arguments.workspace is not None:
        environment["SCAPP_WORKSPACE"] = str(arguments.workspace.resolve())
    script = app_folder() / "app.py"
    # the app's own .streamlit/config.toml stands beside it and is read wherever the command was given
    started = [sys.executable, "-m", "streamlit", "run", str(script), "--server.port", str(arguments.port)]
    try:
        code = subprocess.run(started, env=environment, check=False).returncode
    except KeyboardInterrupt:
        code = 0
    if code:
        raise SystemExit(code)


def _doctor(arguments: argparse.Namespace) -> dict[str, Any]:
    environment = Environment()
    return {
        "scapp": __version__,
        "python": platform.python_version(),
        "system": platform.platform(),
        "versions": versions(),
        "devices": available_devices(),
        "threads": environment.n_threads,
        "workspace": str(environment.workspace),
        "workspace_exists": environment.workspace.is_dir(),
    }
