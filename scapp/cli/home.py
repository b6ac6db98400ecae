"""``app`` and ``doctor``: start the web app, and say what a bug report needs."""

import argparse
import os
import platform
import subprocess
import sys
from dataclasses import asdict
from pathlib import Path
from typing import Any

from scapp._version import __version__
from scapp.cli.options import command
from scapp.core.environment import Environment
from scapp.core.errors import ConfigError
from scapp.core.installation import app_folder
from scapp.core.provenance import versions
from scapp.jobs.devices import available_devices
from scapp.jobs.held_class import begin_class
from scapp.steps.catalogue import step
from scapp.workspace.inspection import Damage, inspect


def add_commands(commands: Any) -> None:
    """Declare the commands."""
    app = command(commands, "app", _app, "start the web app")
    app.add_argument("--port", type=int, default=8501, help="port of the address. Default: 8501.")
    app.add_argument("--workspace", type=Path, help="folder for datasets and runs. Default: SCAPP_WORKSPACE, if set.")
    app.add_argument(
        "--class",
        dest="class_code",
        nargs="?",
        const="",
        metavar="CODE",
        help="hold a class: each browser that knows the code gets a workspace of its own. Default: a fresh code.",
    )
    app.add_argument(
        "--host",
        metavar="NAME",
        help="with --class: the name or address by which the class reaches this computer, over plain HTTP in a network"
        " that you trust",
    )
    text = "print versions, devices and the workspace for a bug report; with a workspace, verify what it holds"
    doctor = command(commands, "doctor", _doctor, text)
    doctor.add_argument(
        "workspace",
        type=Path,
        nargs="?",
        metavar="WORKSPACE",
        help="read every stored value and compare it with its fingerprint; the exit status is 1 where any is damaged",
    )


def _app(arguments: argparse.Namespace) -> None:
    if not 1 <= arguments.port <= 65535:
        raise ConfigError(f"There is no port {arguments.port}.", hint="Give --port a number from 1 to 65535.")
    environment = dict(os.environ)
    if arguments.workspace is not None:
        environment["SCAPP_WORKSPACE"] = str(arguments.workspace.resolve())
    options = []
    if arguments.class_code is not None:
        environment |= {"SCAPP_MODE": "class", "SCAPP_CLASS_CODE": arguments.class_code or Environment().class_code}
        workspace = arguments.workspace.resolve() if arguments.workspace is not None else Environment().workspace
        chosen = {"workspace": workspace, "class_code": environment["SCAPP_CLASS_CODE"], "mode": "class"}
        begin_class(Environment().model_copy(update=chosen))  # what cannot be held is said here
    if arguments.host is not None:
        if arguments.class_code is None:
            raise ConfigError(
                "--host opens the app to a network.",
                hint="Add --class; for a lab, put the app behind a proxy that speaks HTTPS (docs/lab.md).",
            )
        environment["SCAPP_HOSTS"] = ",".join(filter(None, [Environment().hosts, arguments.host]))
        options = ["--server.address", "0.0.0.0", "--browser.serverAddress", arguments.host]
    script = app_folder() / "app.py"
    # the app's own .streamlit/config.toml stands beside it and is read wherever the command was given
    started = [sys.executable, "-m", "streamlit", "run", str(script), "--server.port", str(arguments.port), *options]
    try:
        code = subprocess.run(started, env=environment, check=False).returncode
    except KeyboardInterrupt:
        code = 0
    if code:
        raise SystemExit(code)


def _doctor(arguments: argparse.Namespace) -> dict[str, Any]:
    if arguments.workspace is not None:
        return _verified(arguments.workspace)
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


_CURES = {
    "import": "import the file again that it came from",
    "prepare": "filter the dataset again that it came from",
    "subset": "make the dataset again from the one that it came from",
    "": "restore it from a backup",
}
"""What gives back a value, by the step that made it; of other steps the step itself."""


def _said(damage: Damage) -> str:
    """What is damaged, and what can be done."""
    cure = _CURES.get(damage.made_by) or f"carry out '{step(damage.made_by).title}' again"
    what = f"'{damage.slot}' of '{damage.name}' ({damage.dataset}): " if damage.slot else ""
    return f"{what}{damage.reason} To mend it, {cure}."


def _verified(root: Path) -> dict[str, Any]:
    if not (root / "datasets").is_dir():
        raise ConfigError(
            f"'{root}' is no workspace of scapp.", hint="Name the folder that holds 'datasets' and 'runs'."
        )
    n_datasets, damages = inspect(root)
    for damage in damages:
        print(_said(damage), file=sys.stderr)
    return {"workspace": str(root), "n_datasets": n_datasets, "damaged": [asdict(damage) for damage in damages]}
