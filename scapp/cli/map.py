"""``harmony``: principal components with batches removed."""

import argparse
import tempfile
from typing import Any

from scapp.analysis.map.config import HarmonyConfig
from scapp.cli.console import checked_output, load, run
from scapp.cli.options import add_input, add_settings, command, given
from scapp.cli.qc import prepared
from scapp.jobs.session import Session


def add_commands(commands: Any) -> None:
    """Declare the command."""
    harmony = command(commands, "harmony", _harmony, "remove batches from PCA by Harmony; writes X_harmony")
    add_input(harmony)
    add_settings(harmony, HarmonyConfig)


def _harmony(arguments: argparse.Namespace) -> dict[str, Any]:
    output = checked_output(arguments.output)
    config = HarmonyConfig.build(given(arguments, HarmonyConfig))
    with tempfile.TemporaryDirectory() as folder:
        session = Session(folder)
        dataset = prepared(session, load(session, arguments), arguments.input)
        found = run(session, "harmony", config, dataset.id)
        session.write(session.workspace.open(dataset.id), output)
    names = ("n_batches", "ilisi_before", "ilisi_after", "moved")
    return {**{name: found[name] for name in names}, "files": [str(output)]}
