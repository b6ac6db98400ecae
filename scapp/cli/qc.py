"""``qc``: filter, normalise, choose highly variable genes."""

import argparse
import sys
import tempfile
from pathlib import Path
from typing import Any

from scapp.cli.console import checked_output, load, run
from scapp.cli.options import add_input, add_settings, command, given
from scapp.data.config import KEEP_EVERYTHING, PrepareConfig
from scapp.data.qc.thresholds import failing, usual_min_genes
from scapp.jobs.session import Session
from scapp.steps.qc import metrics_filtered_by
from scapp.steps.step import Reading
from scapp.workspace.datasets.dataset import Dataset

OPTIONAL_FILTERS = ("max_genes", "max_counts", "max_pct_mt", "max_doublet_score")


def add_commands(commands: Any) -> None:
    """Declare the command."""
    text = "filter, normalise and choose highly variable genes"
    qc = command(commands, "qc", _qc, text)
    qc.description = (
        f"{text.capitalize()}. Where --min-genes is left out it is 200, or a twentieth of the genes where fewer than"
        " 4,000 were measured; what each filter removes is said before it does."
    )
    add_input(qc)
    add_settings(qc, PrepareConfig)


def _qc(arguments: argparse.Namespace) -> dict[str, Any]:
    output = checked_output(arguments.output)
    values = given(arguments, PrepareConfig)
    config = PrepareConfig.build(values)
    with tempfile.TemporaryDirectory() as folder:
        session = Session(folder)
        dataset = load(session, arguments)
        if "min_genes" not in values:
            config = config.model_copy(update={"min_genes": usual_min_genes(dataset.n_genes)})
        _say_what_goes(dataset, config)
        summary = run(session, "prepare", config, dataset.id)
        if summary["note"]:
            print(f"note: {summary['note']}", file=sys.stderr)
        session.write(session.workspace.open(summary["dataset"]), output)
        return {
            **{name: summary[name] for name in summary if name.startswith("n_")},
            "removed": summary["removed"],
            "files": [str(output)],
        }


def _say_what_goes(dataset: Dataset, config: PrepareConfig) -> None:
    """What each filter removes, before it does."""
    for name, mask in failing(metrics_filtered_by(Reading(dataset)), config).items():
        if mask.any():
            option = f"--{name.replace('_', '-')} {getattr(config, name):g}"
            print(f"note: {option} removes {mask.sum():,} of {dataset.n_cells:,} cells.", file=sys.stderr)


def prepared(session: Session, dataset: Dataset, path: Path) -> Dataset:
    """Keep every cell and gene; normalise and choose genes as ``qc`` did when it wrote this file, else by default."""
    from scapp.reports.export import read_preparation

    earlier = read_preparation(path) or {}
    config = PrepareConfig.build({**earlier, **dict.fromkeys(OPTIONAL_FILTERS), **KEEP_EVERYTHING})
    return session.workspace.open(run(session, "prepare", config, dataset.id)["dataset"])
