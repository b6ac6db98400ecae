"""``evaluate clustering | dropout | batch | pseudotime | ablation | sweep | across``: does CLEAR help on this data?"""

import argparse
import json
import shutil
import sys
import tempfile
from pathlib import Path
from typing import Any

import pandas as pd

from scapp.cli.console import ConsoleContext, checked_folder, checkpoints_of, load, run_into
from scapp.cli.options import add_reading, add_settings, command, given
from scapp.cli.qc import prepared
from scapp.core.csv_text import write_csv
from scapp.core.errors import ConfigError, DataError, listed
from scapp.core.files import read_json, write_json
from scapp.jobs.devices import choose_device
from scapp.jobs.session import Session
from scapp.metrics.over_datasets import compare_over_datasets, least_p, score_by_method, shared_methods
from scapp.steps.catalogue import step
from scapp.steps.evaluate.config import MAIN_SCORES, METHOD_TITLES, NOT_RANKED, NOT_SCORES, STORED, shared_settings

ABOUT = "comparison.json"
"""What was compared, and with which settings; beside the tables."""

TASKS = {
    "clustering": "clusters of each representation against labels",
    "dropout": "the same with counts lost on purpose",
    "batch": "how batches mix and types stay apart",
    "pseudotime": "how well each representation orders cells by stage",
    "ablation": "CLEAR without each augmentation, and with each alone",
    "sweep": "CLEAR with one augmentation at several shares and probabilities",
}


def add_commands(commands: Any) -> None:
    """Declare the commands."""
    evaluate = commands.add_parser("evaluate", help="compare CLEAR with other representations on a dataset")
    tasks = evaluate.add_subparsers(required=True, metavar=" | ".join([*TASKS, "across"]))
    for name, text in TASKS.items():
        parser = command(tasks, name, _evaluate, f"{text}; writes tables")
        add_reading(parser)
        parser.add_argument("-o", "--output", type=Path, required=True, metavar="DIR")
        if name in ("dropout", "sweep"):
            parser.add_argument("--shares", nargs="+", type=float, help="of counts lost, or of the genes changed")
        if name == "sweep":
            parser.add_argument("--probabilities", nargs="+", type=float, help="of a view to be changed")
        if name not in ("ablation", "sweep"):
            known = ", ".join(METHOD_TITLES)
            parser.add_argument("--methods", nargs="+", help=f"{known}, or {STORED}NAME for X_NAME of the input")
        if name == "pseudotime":
            parser.add_argument("--stages", nargs="+", help="levels of the labels in order, the first at the root")
        parser.add_argument("--device", default="auto", help="auto, cpu, cuda or mps")
        parser.add_argument("--resume", action="store_true", help="continue from the last checkpoint")
        add_settings(parser, step(f"evaluate_{name}").config)
        parser.set_defaults(task=name)
    across = command(tasks, "across", _across, "methods over the datasets that were compared; writes tables")
    across.add_argument("folders", nargs="+", type=Path, metavar="DIR", help="outputs of one kind of comparison")
    across.add_argument("-o", "--output", type=Path, required=True, metavar="DIR")
    across.add_argument("--score", help="a column of results.csv; default: the main score of the comparison")
    across.add_argument(
        "--clusterer", default="kmeans", choices=("kmeans", "leiden", "louvain"), help="of clusterings; default: kmeans"
    )
    across.add_argument("--methods", nargs="+", metavar="TITLE", help="as tables name them; default: those all have")
    across.add_argument("--reference", metavar="TITLE", help="tested against the others; default: CLEAR")


def _evaluate(arguments: argparse.Namespace) -> dict[str, Any]:
    output = checked_folder(arguments.output)
    record = step(f"evaluate_{arguments.task}")
    named = {
        name: tuple(value)
        for name in ("methods", "stages", "shares", "probabilities")
        if (value := getattr(arguments, name, None))
    }
    config = record.config.build({**given(arguments, record.config), **named})
    device = choose_device(arguments.device)
    checkpoints = checkpoints_of(output, resume=arguments.resume)
    with tempfile.TemporaryDirectory() as folder:
        session = Session(folder, device=device)
        dataset = prepared(session, load(session, arguments), arguments.input)
        context = ConsoleContext(checkpoints, resume=arguments.resume)
        found = run_into(session, record.name, config, dataset.id, output, context)
        about = {
            "task": arguments.task,
            "input": Path(arguments.input).name,
            "settings": config.model_dump(mode="json"),
        }
        write_json(output / ABOUT, about)
        shutil.rmtree(checkpoints, ignore_errors=True)
        for note in found["notes"]:
            print(f"note: {note}", file=sys.stderr)
        return {"rows": found["rows"], "files": [*found["files"], str(output / ABOUT)]}


def _across(arguments: argparse.Namespace) -> dict[str, Any]:
    output = checked_folder(arguments.output)
    tables: dict[str, pd.DataFrame] = {}
    made: list[dict[str, Any]] = []
    for folder in arguments.folders:
        about, table = _comparison_in(folder)
        if folder.name in tables:
            raise ConfigError(f"Two folders are called '{folder.name}'.", hint="Rename one: it names its dataset.")
        if made and _kind(about) != _kind(made[0]):
            raise ConfigError(
                f"'{folder}' was compared otherwise than '{arguments.folders[0]}': {_apart(about, made[0])}.",
                hint="Compare all datasets with the same settings.",
            )
        made.append(about)
        tables[folder.name] = table
    score = arguments.score or MAIN_SCORES[made[0]["task"]]
    lacking = [name for name, table in tables.items() if score not in _scores_in(table)]
    if lacking:
        known = listed(_scores_in(tables[lacking[0]]), 20)
        raise ConfigError(f"There is no score '{score}' in {listed(lacking)}.", hint=f"--score is one of {known}.")
    scores = {name: score_by_method(table, score, arguments.clusterer) for name, table in tables.items()}
    methods = arguments.methods or shared_methods(scores)
    ours = METHOD_TITLES["clear"]
    reference = arguments.reference or (ours if ours in methods else next(iter(methods), ours))
    if len(set(methods)) < 2 or reference not in methods:
        titles = {title for of in scores.values() for title in of.index}
        raise ConfigError(
            f"Two methods or more are needed, '{reference}' among them; every dataset has"
            f" {listed(methods) or 'none'}, some have {listed(sorted(titles)) or 'none'}.",
            hint="Choose with --methods and --reference, or compare the same methods on all datasets.",
        )
    found = compare_over_datasets(scores, methods, reference)
    if found.left_out:
        print(f"note: without a score of all these methods, and left out: {listed(found.left_out)}", file=sys.stderr)
    if not len(found.scores):
        raise DataError("No dataset has a score of all these methods.", hint="Choose fewer with --methods.")
    output.mkdir(exist_ok=True)
    written = {
        "over_datasets.csv": found.summary,
        "paired_tests.csv": found.tests,
        "by_dataset.csv": found.scores.rename_axis("dataset").reset_index(),
    }
    for name, table in written.items():
        write_csv(table, output / name)
    return {
        "score": score,
        "summary": json.loads(found.summary.to_json(orient="records")),
        "tests": json.loads(found.tests.to_json(orient="records")),
        "least_p": least_p(len(found.scores)),
        "files": [str(output / name) for name in written],
    }


def _scores_in(table: pd.DataFrame) -> list[str]:
    """Columns of which more is better."""
    numbers = table.select_dtypes("number").columns
    return [name for name in numbers if name not in (*NOT_RANKED, *NOT_SCORES)]


def _comparison_in(folder: Path) -> tuple[dict[str, Any], pd.DataFrame]:
    if not ((folder / ABOUT).is_file() and (folder / "results.csv").is_file()):
        raise ConfigError(
            f"'{folder}' holds no comparison: {ABOUT} or results.csv is missing.",
            hint="Give folders that 'scapp evaluate' wrote with -o; those of earlier versions lack the first file.",
        )
    try:
        about = read_json(folder / ABOUT)
        known = about["task"] in MAIN_SCORES and isinstance(about["settings"], dict)
    except (ValueError, KeyError, TypeError):
        known = False
    if not known:
        raise DataError(f"'{folder / ABOUT}' is damaged.", hint="Make the comparison again.")
    return about, pd.read_csv(folder / "results.csv")


def _kind(about: dict[str, Any]) -> tuple[str, dict[str, Any]]:
    return about["task"], shared_settings(about["settings"])


def _apart(one: dict[str, Any], other: dict[str, Any]) -> str:
    if one["task"] != other["task"]:
        return f"{one['task']}, not {other['task']}"
    mine, theirs = shared_settings(one["settings"]), shared_settings(other["settings"])
    apart = [name for name in {**mine, **theirs} if mine.get(name) != theirs.get(name)]
    return ", ".join(f"{name} {mine.get(name)}, not {theirs.get(name)}" for name in apart)
