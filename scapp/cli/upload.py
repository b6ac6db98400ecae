"""``import``: any supported format as AnnData."""

import argparse
import tempfile
from typing import Any

from scapp.cli.console import checked_output, load
from scapp.cli.options import add_input, command
from scapp.jobs.session import Session


def add_commands(commands: Any) -> None:
    """Declare the command."""
    add_input(command(commands, "import", _import, "read any supported format and write AnnData"))


def _import(arguments: argparse.Namespace) -> dict[str, Any]:
    output = checked_output(arguments.output)
    with tempfile.TemporaryDirectory() as folder:
        session = Session(folder)
        dataset = load(session, arguments)
        session.write(dataset, output)
        return {
            "n_cells": dataset.n_cells,
            "n_genes": dataset.n_genes,
            "taken_from": dataset.manifest.source["taken_from"],
            "files": [str(output)],
        }
