"""``analyse``: from a file to a map with named clusters, with settings chosen from the data."""

import argparse
import sys
import tempfile
from typing import Any

from scapp.cli.clear import say_of_batches
from scapp.cli.console import checked_output, load, run
from scapp.cli.options import add_input, add_settings, command, given
from scapp.jobs.chains.analyse import ANALYSE, AnalyseConfig, first_stage
from scapp.jobs.chains.walking import walk
from scapp.jobs.devices import choose_device
from scapp.jobs.session import Session


def add_commands(commands: Any) -> None:
    """Declare the command."""
    text = "from a file to a map with named clusters: filter, normalise, PCA, CLEAR, maps, clusters, markers, names"
    analyse = command(commands, "analyse", _analyse, text)
    add_input(analyse)
    add_settings(analyse, AnalyseConfig)
    analyse.add_argument("--device", default="auto", help="auto, cpu, cuda or mps")


def _analyse(arguments: argparse.Namespace) -> dict[str, Any]:
    from scapp.reports.export import read_preparation

    output = checked_output(arguments.output)
    choices = AnalyseConfig.build(given(arguments, AnalyseConfig))
    device = choose_device(arguments.device)
    with tempfile.TemporaryDirectory() as folder:
        session = Session(folder, device=device)
        dataset = load(session, arguments)
        result: dict[str, Any] = {"steps": []}
        if choices.filter_cells and read_preparation(arguments.input):
            print(
                "note: this file was filtered before and is filtered again; --filter-cells no keeps all.",
                file=sys.stderr,
            )
        if choices.train_clear:
            say_of_batches(dataset, choices.batch_key)
        for done in walk(session, ANALYSE, dataset, choices, run, after=first_stage(dataset)):
            print(f"{done.stage.title}: {done.said}", file=sys.stderr)
            found, dataset = done.summary, done.dataset
            result["steps"].append(done.record)
            if done.stage.step in ("map", "suggest"):
                kept = {name: found[name] for name in ("n_clusters", "panel", "n_named", "column") if name in found}
                result.setdefault(done.stage.representation, {}).update(kept)
        session.write(dataset, output)
    return {
        "n_cells": dataset.n_cells,
        "n_genes": dataset.n_genes,
        "device": device,
        **result,
        "files": [str(output)],
    }
