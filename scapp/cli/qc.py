"""``qc``: filter, normalise, choose highly variable genes."""

import argparse
import sys
import tempfile
from pathlib import Path
from typing import Any

from scapp.cli.console import checked_output, load, run
from scapp.cli.options import add_input, add_settings, command, given
from scapp.data.config import KEEP_EVERYTHING, PrepareConfig
from scapp.jobs.session import Session
from scapp.workspace.datasets.dataset import Dataset

OPTIONAL_FILTERS = ("max_genes", "max_counts", "max_pct_mt", "max_doublet_score")


def add_commands(commands: Any) -> None:
    """Declare the command."""
    qc = command(commands, "qc", _qc, "filter, normalise and choose highly variable genes")
    add_input(qc)
    add_settings(qc, PrepareConfig)


def _qc(arguments: argparse.Namespace) -> dict[str, Any]:
    output = checked_output(arguments.output)
    config = PrepareConfig.build(given(arguments, PrepareConfig))
    with tempfile.TemporaryDirectory() as folder:
        session = Session(folder)
        summary = run(session, "prepare", config, load(session, arguments).id)
        if summary["note"]:
            print(f"note: {summary['note']}", file=sys.stderr)
        session.write(session.workspace.open(summary["dataset"]), output)
        return {
            **{name: summary[name] for name in summary if name.startswith("n_")},
            "removed": summary["removed"],
            "files": [str(output)],
        }


def prepared(session: Session, dataset: Dataset, path: Path) -> Dataset:
    """Keep every cell and gene; normalise and choose genes as ``qc`` did when it wrote this file, else by default."""
    from scapp.reports.export import read_preparation

    earlier = read_preparation(path) or {}
    config = PrepareConfig.build({**earlier, **dict.fromkeys(OPTIONAL_FILTERS), **KEEP_EVERYTHING})
    return session.workspace.open(run(session, "prepare", config, dataset.id)["dataset"])
