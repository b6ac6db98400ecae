"""``evaluate clustering | dropout | batch | pseudotime | ablation``: does CLEAR help on this data?"""

import argparse
import shutil
import sys
import tempfile
from pathlib import Path
from typing import Any

from scapp.cli.console import ConsoleContext, checked_folder, checkpoints_of, load, run_into
from scapp.cli.options import add_reading, add_settings, command, given
from scapp.cli.qc import prepared
from scapp.jobs.devices import choose_device
from scapp.jobs.session import Session
from scapp.steps.catalogue import step
from scapp.steps.evaluate.config import METHOD_TITLES, STORED

TASKS = {
    "clustering": "clusters of each representation against labels",
    "dropout": "the same with counts lost on purpose",
    "batch": "how batches mix and types stay apart",
    "pseudotime": "how well each representation orders cells by stage",
    "ablation": "CLEAR without each augmentation, and with each alone",
}


def add_commands(commands: Any) -> None:
    """Declare the commands."""
    evaluate = commands.add_parser("evaluate", help="compare CLEAR with other representations on a dataset")
    tasks = evaluate.add_subparsers(required=True, metavar=" | ".join(TASKS))
    for name, text in TASKS.items():
        parser = command(tasks, name, _evaluate, f"{text}; writes tables")
        add_reading(parser)
        parser.add_argument("-o", "--output", type=Path, required=True, metavar="DIR")
        if name != "ablation":
            known = ", ".join(METHOD_TITLES)
            parser.add_argument("--methods", nargs="+", help=f"{known}, or {STORED}NAME for X_NAME of the input")
        if name == "pseudotime":
            parser.add_argument("--stages", nargs="+", help="levels of the labels in order, the first at the root")
        parser.add_argument("--device", default="auto", help="auto, cpu, cuda or mps")
        parser.add_argument("--resume", action="store_true", help="go on where an interrupted command was")
        add_settings(parser, step(f"evaluate_{name}").config)
        parser.set_defaults(task=name)


def _evaluate(arguments: argparse.Namespace) -> dict[str, Any]:
    output = checked_folder(arguments.output)
    record = step(f"evaluate_{arguments.task}")
    named = {name: tuple(value) for name in ("methods", "stages") if (value := getattr(arguments, name, None))}
    config = record.config.build({**given(arguments, record.config), **named})
    device = choose_device(arguments.device)
    checkpoints = checkpoints_of(output, resume=arguments.resume)
    with tempfile.TemporaryDirectory() as folder:
        session = Session(folder, device=device)
        dataset = prepared(session, load(session, arguments), arguments.input)
        context = ConsoleContext(checkpoints, resume=arguments.resume)
        found = run_into(session, record.name, config, dataset.id, output, context)
        shutil.rmtree(checkpoints, ignore_errors=True)
        for note in found["notes"]:
            print(f"note: {note}", file=sys.stderr)
        return {"rows": found["rows"], "files": found["files"]}
