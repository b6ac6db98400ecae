"""``classify fit``, ``classify predict`` and ``experiment classification``."""

import argparse
import shutil
import tempfile
from pathlib import Path
from typing import Any

from scapp.classify.config import ClassifierConfig
from scapp.classify.experiment.config import QUICK, ExperimentConfig
from scapp.cli.console import (
    ConsoleContext,
    checked_folder,
    checked_output,
    checkpoints_of,
    load,
    run,
    run_into,
    say_how_much_is_missing,
)
from scapp.cli.options import add_input, add_reading, add_settings, command, given
from scapp.jobs.devices import choose_device
from scapp.jobs.session import Session
from scapp.steps.config import PredictConfig

HEADLINE = ("top1", "top3", "macro_f1", "mean_auprc", "n_test")
WITH_CLEAR = ("clear_weight", "macro_f1_without_clear", "mean_auprc_without_clear")


def add_commands(commands: Any) -> None:
    """Declare the commands."""
    classify = commands.add_parser("classify", help="train a cell-type classifier, or annotate with one")
    kinds = classify.add_subparsers(required=True, metavar="fit | predict")
    fit = command(kinds, "fit", _classify_fit, "train a classifier; writes a model folder")
    add_reading(fit)
    fit.add_argument("-o", "--output", type=Path, required=True, metavar="MODEL_DIR")
    fit.add_argument("--device", default="auto", help="auto, cpu, cuda or mps")
    fit.add_argument(
        "--clear",
        type=Path,
        metavar="CLEAR_DIR",
        help="of 'scapp clear --model': what this trained CLEAR says of cells is multiplied with the classifier's",
    )
    add_settings(fit, ClassifierConfig)
    predict = command(kinds, "predict", _classify_predict, "annotate cells; writes predicted_cell_type")
    add_input(predict)
    predict.add_argument("--model", type=Path, required=True, metavar="MODEL_DIR")
    add_settings(predict, PredictConfig)

    experiment = commands.add_parser("experiment", help="compare methods on labelled data")
    kinds = experiment.add_subparsers(required=True, metavar="classification")
    classification = command(
        kinds,
        "classification",
        _experiment,
        "classifiers with and without contrastive components, over seeds; writes tables",
    )
    add_reading(classification)
    classification.add_argument("-o", "--output", type=Path, required=True, metavar="DIR")
    classification.add_argument(
        "--quick", action="store_true", help="a first look: few cells, two seeds, logistic regression alone"
    )
    classification.add_argument("--device", default="auto", help="auto, cpu, cuda or mps")
    classification.add_argument("--resume", action="store_true", help="continue from the last checkpoint")
    add_settings(classification, ExperimentConfig)


def _classify_fit(arguments: argparse.Namespace) -> dict[str, Any]:
    output = checked_folder(arguments.output)
    clear = {} if arguments.clear is None else {"clear": str(arguments.clear.resolve())}
    config = ClassifierConfig.build({**given(arguments, ClassifierConfig), **clear})
    device = choose_device(arguments.device)
    with tempfile.TemporaryDirectory() as folder:
        session = Session(folder, device=device)
        dataset = load(session, arguments)
        found = run_into(session, "classify", config, dataset.id, output)
        shown = (*HEADLINE, "n_types", "n_train", *(WITH_CLEAR if "clear_weight" in found else ()))
        return {**{name: found[name] for name in shown}, "files": [str(output)]}


def _classify_predict(arguments: argparse.Namespace) -> dict[str, Any]:
    output = checked_output(arguments.output)
    config = PredictConfig.build({**given(arguments, PredictConfig), "model": str(arguments.model.resolve())})
    with tempfile.TemporaryDirectory() as folder:
        session = Session(folder)
        dataset = load(session, arguments)
        found = run(session, "predict", config, dataset.id)
        session.write(session.workspace.open(dataset.id), output)
        say_how_much_is_missing(found, "model", "its predictions")
        left_out = ("dataset", "seconds", "files")
        return {**{name: value for name, value in found.items() if name not in left_out}, "files": [str(output)]}


def _experiment(arguments: argparse.Namespace) -> dict[str, Any]:
    output = checked_folder(arguments.output)
    config = ExperimentConfig.build({**(QUICK if arguments.quick else {}), **given(arguments, ExperimentConfig)})
    device = choose_device(arguments.device)
    checkpoints = checkpoints_of(output, resume=arguments.resume)
    with tempfile.TemporaryDirectory() as folder:
        session = Session(folder, device=device)
        dataset = load(session, arguments)
        context = ConsoleContext(checkpoints, resume=arguments.resume)
        found = run_into(session, "experiment", config, dataset.id, output, context)
        shutil.rmtree(checkpoints, ignore_errors=True)
        return {"rows": found["rows"], "files": found["files"]}
