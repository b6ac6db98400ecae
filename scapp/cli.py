"""``python -m scapp``: the same steps as the pages, for scripts and clusters.

Progress goes to standard error; the last line on standard output is one JSON object. Exit status 0, or
2 for a user's mistake, with the message and the hint on standard error and no traceback.
"""

import argparse
import json
import math
import shutil
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from scapp.classify.config import ClassifierConfig
from scapp.contrast.config import PRESETS, ClearConfig, clear_config
from scapp.core import files
from scapp.core.config import Config, Setting, describe
from scapp.core.environment import Environment
from scapp.core.errors import ConfigError, DataError, ScappError
from scapp.core.steps import QuietContext, StepContext
from scapp.data import archives
from scapp.data.config import KEEP_EVERYTHING, ImportConfig, PrepareConfig
from scapp.data.samples import Sample, describe_samples, find_samples, members_of, read_sheet
from scapp.jobs.devices import choose_device, peak_memory_mb
from scapp.jobs.session import Session
from scapp.jobs.worker import Supervisor
from scapp.pipelines.catalogue import step
from scapp.pipelines.config import RELIABLE_SHARE, ImportRequest, PredictConfig
from scapp.workspace.checkpoints import latest_checkpoint, write_checkpoint
from scapp.workspace.dataset import Dataset

USER_MISTAKE = 2
OPTIONAL_FILTERS = ("max_genes", "max_counts", "max_pct_mt", "max_doublet_score")


class ConsoleContext(QuietContext):
    """Progress as lines on standard error; checkpoints in a folder beside the output."""

    def __init__(self, checkpoints: Path | None = None, *, resume: bool = False) -> None:
        self.checkpoints = checkpoints
        self.resume = resume
        self._said = 0.0

    def report(self, done: float, total: float, text: str) -> None:
        """Print at most once a second, and the last line always."""
        if time.monotonic() - self._said > 1 or done >= total:
            self._said = time.monotonic()
            print(f"{text} ({done:g}/{total:g})", file=sys.stderr)

    def checkpoint(self, write: Callable[[Path], None]) -> None:
        """Keep a checkpoint beside the output."""
        if self.checkpoints is not None:
            self.checkpoints.mkdir(exist_ok=True)
            write_checkpoint(self.checkpoints, write)

    def latest_checkpoint(self) -> Path | None:
        """The last checkpoint, when asked to resume."""
        if not self.resume or self.checkpoints is None or not self.checkpoints.exists():
            return None
        return latest_checkpoint(self.checkpoints)


def _run(
    session: Session, name: str, config: Config, dataset: str | None = None, context: StepContext | None = None
) -> dict[str, Any]:
    print(step(name).title, file=sys.stderr)
    return session.execute(name, config, dataset, context=context or ConsoleContext())


def _load(session: Session, arguments: argparse.Namespace) -> Dataset:
    """Import the input, and print what was noticed."""
    names = ("genome", "labels", "missing_as_zero", "round_to_counts")
    options = {name: value for name in names if (value := getattr(arguments, name, None))}
    path = Path(arguments.input)
    request = {
        **options,
        "path": str(path),
        "orientation": "genes_in_rows" if getattr(arguments, "transpose", False) else "auto",
        "samples": _samples(path, arguments.sheet) if getattr(arguments, "sheet", None) else (),
    }
    dataset = session.workspace.open(_run(session, "import", ImportRequest.build(request))["dataset"])
    for finding in dataset.manifest.source["findings"]:
        print(f"note: {finding['sentence']} {finding['fix']}", file=sys.stderr)
    return dataset


def _samples(path: Path, sheet: Path) -> tuple[Sample, ...]:
    if path.is_dir():
        members = members_of(path)
    elif path.is_file() and path.name.lower().endswith(archives.ENDINGS):
        with open(path, "rb") as stream:
            members = archives.members(stream, path.name)
    else:
        raise ConfigError(f"'{path}' is no folder or archive of samples.", hint="Leave out --sheet.")
    return tuple(describe_samples(find_samples(members), read_sheet(sheet, sheet.name)))


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; the exit status."""
    parsed = _parser().parse_args(arguments)
    try:
        result = parsed.command(parsed)
    except ScappError as error:
        print(f"{error.message}\n{error.hint}", file=sys.stderr)
        return USER_MISTAKE
    if result is not None:
        print(json.dumps(_without_nan(result)))
    return 0


def _without_nan(result: dict[str, Any]) -> dict[str, Any]:
    """JSON knows no NaN: a score that is not defined is null."""
    return {name: None if isinstance(value, float) and math.isnan(value) else value for name, value in result.items()}


def _import(arguments: argparse.Namespace) -> dict[str, Any]:
    output = _checked_output(arguments.output)
    with tempfile.TemporaryDirectory() as folder:
        session = Session(folder)
        dataset = _load(session, arguments)
        session.write(dataset, output)
        return {
            "n_cells": dataset.n_cells,
            "n_genes": dataset.n_genes,
            "taken_from": dataset.manifest.source["taken_from"],
            "files": [str(output)],
        }


def _qc(arguments: argparse.Namespace) -> dict[str, Any]:
    output = _checked_output(arguments.output)
    config = PrepareConfig.build(_given(arguments, PrepareConfig))
    with tempfile.TemporaryDirectory() as folder:
        session = Session(folder)
        summary = _run(session, "prepare", config, _load(session, arguments).id)
        session.write(session.workspace.open(summary["dataset"]), output)
        return {
            **{name: summary[name] for name in summary if name.startswith("n_")},
            "removed": summary["removed"],
            "files": [str(output)],
        }


def _clear(arguments: argparse.Namespace) -> dict[str, Any]:
    output = _checked_output(arguments.output)
    config = _clear_choices(arguments)
    device = choose_device(arguments.device)
    checkpoints = output.with_name(output.name + ".checkpoints")
    if arguments.resume and not (checkpoints.exists() and latest_checkpoint(checkpoints)):
        raise ConfigError(
            f"There is no checkpoint in '{checkpoints}'.", hint="Leave out --resume to train from the start."
        )
    with tempfile.TemporaryDirectory() as folder:
        session = Session(folder, device=device, processes=arguments.processes)
        dataset = _load(session, arguments)
        if config.label_key and config.label_key not in dataset.columns():
            raise DataError(
                f"The input has no annotation '{config.label_key}'; it has {', '.join(dataset.columns()) or 'none'}.",
                hint="Give one of them with --label-key, or leave it out.",
            )
        prepared = _run(session, "prepare", _preparation(arguments.input), dataset.id)["dataset"]
        trained = _run(session, "clear", config, prepared, ConsoleContext(checkpoints, resume=arguments.resume))
        _run(session, "map", step("map").config.build({"representation": "clear", "seed": config.seed}), prepared)
        session.write(session.workspace.open(prepared), output)
        result = {name: trained[name] for name in ("n_cells", "n_genes", "epochs", "train_seconds", "cells_per_s")}
        result |= {"device": device, "peak_memory_mb": peak_memory_mb(device)}
        if config.label_key:
            result |= _scores(session.workspace.open(prepared), config.label_key, config.seed)
        shutil.rmtree(checkpoints, ignore_errors=True)
        return result


HEADLINE = ("top1", "top3", "macro_f1", "mean_auprc", "n_test")


def _classify_fit(arguments: argparse.Namespace) -> dict[str, Any]:
    output = arguments.output
    if output.exists() and (not output.is_dir() or any(output.iterdir())):
        raise ConfigError(f"'{output}' is there already and not empty.", hint="Give -o a new folder.")
    if not output.resolve().parent.is_dir():
        raise ConfigError(f"There is no folder '{output.parent}'.", hint="Make it first, or give -o another place.")
    config = ClassifierConfig.build(_given(arguments, ClassifierConfig))
    device = choose_device(arguments.device)
    with tempfile.TemporaryDirectory() as folder:
        session = Session(folder, device=device)
        dataset = _load(session, arguments)
        made = Path(folder) / "model"
        made.mkdir()
        print(step("classify").title, file=sys.stderr)
        found = session.execute("classify", config, dataset.id, context=ConsoleContext(), folder=made)
        output.mkdir(exist_ok=True)
        for name in found["files"]:
            with files.replacing(output / name) as temporary:
                shutil.copy(made / name, temporary)
        return {**{name: found[name] for name in (*HEADLINE, "n_types", "n_train")}, "files": [str(output)]}


def _classify_predict(arguments: argparse.Namespace) -> dict[str, Any]:
    output = _checked_output(arguments.output)
    config = PredictConfig.build({**_given(arguments, PredictConfig), "model": str(arguments.model.resolve())})
    with tempfile.TemporaryDirectory() as folder:
        session = Session(folder)
        dataset = _load(session, arguments)
        found = _run(session, "predict", config, dataset.id)
        session.write(session.workspace.open(dataset.id), output)
        if found["covered"] < RELIABLE_SHARE:
            print(
                f"note: this dataset has genes for {found['covered']:.0%} of what the model reads; take its predictions with care.",
                file=sys.stderr,
            )
        left_out = ("dataset", "seconds", "files")
        return {**{name: value for name, value in found.items() if name not in left_out}, "files": [str(output)]}


def _preparation(path: Path) -> PrepareConfig:
    """Keep every cell and gene; normalise and choose genes as ``qc`` did when it wrote this file, else by default."""
    from scapp.pipelines.exporting import read_preparation

    earlier = read_preparation(path) or {}
    return PrepareConfig.build({**earlier, **dict.fromkeys(OPTIONAL_FILTERS), **KEEP_EVERYTHING})


def _clear_choices(arguments: argparse.Namespace) -> ClearConfig:
    given = _given(arguments, ClearConfig)
    from_file = _config_file(arguments.config) if arguments.config else {}
    preset = arguments.preset or from_file.pop("preset", "recommended")
    augmentation = {**from_file.pop("augmentation", {}), **given.pop("augmentation", {})}
    return clear_config(preset, **{**from_file, **given, "augmentation": augmentation})


def _config_file(path: Path) -> dict[str, Any]:
    try:
        content = files.read_json(path)
    except (OSError, ValueError) as error:
        raise ConfigError(
            f"'{path}' could not be read as JSON ({error}).", hint="Check the path and the file."
        ) from error
    if not isinstance(content, dict):
        raise ConfigError(f"'{path}' holds no JSON object.", hint='Write settings as {"epochs": 100}.')
    return content


def _scores(dataset: Dataset, label_key: str, seed: int) -> dict[str, float]:
    from scapp.pipelines.scoring import score_representation

    return score_representation(dataset, "clear", label_key, seed=seed)


def _work(arguments: argparse.Namespace) -> None:
    if arguments.execute:
        from scapp.jobs.executor import serve

        serve(arguments.workspace)
    else:
        Supervisor(arguments.workspace, arguments.lane, Environment()).work()


def _checked_output(path: Path) -> Path:
    """Refuse an output that could not be written, before hours of work."""
    if path.suffix != ".h5ad":
        raise ConfigError(f"The output '{path}' does not end in .h5ad.", hint="Give -o a name such as result.h5ad.")
    if not path.parent.resolve().is_dir():
        raise ConfigError(f"There is no folder '{path.parent}'.", hint="Make it first, or give -o another place.")
    return path


def _given(arguments: argparse.Namespace, model: type[Config]) -> dict[str, Any]:
    """Settings that were named on the command line, nested as the model is."""
    values: dict[str, Any] = {}
    for setting in describe(model):
        value = None if setting.hidden else getattr(arguments, "_".join(setting.path), None)
        if value is not None:
            inner = values.setdefault(setting.group, {}) if setting.group else values
            inner[setting.name] = value
    return values


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="scapp", description="Contrastive learning on single-cell RNA-seq.")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

    reading = _command(commands, "import", _import, "read any supported format and write AnnData")
    _add_input(reading)

    qc = _command(commands, "qc", _qc, "filter, normalise and choose highly variable genes")
    _add_input(qc)
    _add_settings(qc, PrepareConfig)

    clear = _command(commands, "clear", _clear, "train CLEAR; writes X_clear, X_umap_clear and leiden_clear")
    _add_input(clear)
    clear.add_argument("--preset", choices=list(PRESETS), help="where the settings start from (default: recommended)")
    clear.add_argument("--config", type=Path, help="JSON file with settings of ClearConfig")
    clear.add_argument("--device", default="auto", help="auto, cpu, cuda or mps")
    clear.add_argument(
        "--processes",
        type=_count,
        default=0,
        help="processes that train together (each with a GPU of its own where there are any); default: one, or several where GPUs are worth it",
    )
    clear.add_argument("--resume", action="store_true", help="go on from the checkpoint of an interrupted command")
    _add_settings(clear, ClearConfig)

    classify = commands.add_parser("classify", help="train a cell-type classifier, or annotate with one")
    kinds = classify.add_subparsers(required=True, metavar="fit | predict")
    fit = _command(kinds, "fit", _classify_fit, "train a classifier; writes a model folder")
    _add_reading(fit)
    fit.add_argument("-o", "--output", type=Path, required=True, metavar="MODEL_DIR")
    fit.add_argument("--device", default="auto", help="auto, cpu, cuda or mps")
    _add_settings(fit, ClassifierConfig)
    predict = _command(kinds, "predict", _classify_predict, "annotate cells; writes predicted_cell_type")
    _add_input(predict)
    predict.add_argument("--model", type=Path, required=True, metavar="MODEL_DIR")
    _add_settings(predict, PredictConfig)

    work = commands.add_parser("work", help="the worker that the app starts by itself")
    work.add_argument("--workspace", type=Path, default=Environment().workspace)
    work.add_argument("--lane", default="light", choices=("light", "training"))
    work.add_argument("--execute", action="store_true", help=argparse.SUPPRESS)
    work.set_defaults(command=_work)
    return parser


def _command(
    commands: Any, name: str, function: Callable[[argparse.Namespace], Any], text: str
) -> argparse.ArgumentParser:
    parser: argparse.ArgumentParser = commands.add_parser(name, help=text, description=text)
    parser.set_defaults(command=function)
    return parser


def _add_input(parser: argparse.ArgumentParser) -> None:
    _add_reading(parser)
    parser.add_argument("-o", "--output", type=Path, required=True, metavar="OUT.h5ad")


def _add_reading(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "input",
        type=Path,
        metavar="IN",
        help=".h5ad, .zarr, .loom, 10x folder or .h5, .csv or .tsv (gzipped or not), or a folder or archive of samples",
    )
    parser.add_argument("--transpose", action="store_true", help="genes are in the rows of the table")
    parser.add_argument("--labels", help="table whose first column holds cell names")
    parser.add_argument("--genome", help=_help_of(ImportConfig, "genome"))
    parser.add_argument("--missing-as-zero", action="store_true", help=_help_of(ImportConfig, "missing_as_zero"))
    parser.add_argument("--round-to-counts", action="store_true", help=_help_of(ImportConfig, "round_to_counts"))
    parser.add_argument(
        "--sheet", type=Path, help="sample sheet (.csv) for a folder or archive of samples: columns sample, donor, ..."
    )


def _help_of(model: type[Config], name: str) -> str:
    return next(setting.help for setting in describe(model) if setting.name == name)


def _add_settings(parser: argparse.ArgumentParser, model: type[Config]) -> None:
    for setting in describe(model):
        if not setting.hidden:
            option = "--" + "-".join(setting.path).replace("_", "-")
            text = f"{setting.help} Default: {setting.default}.".replace("%", "%%")
            parser.add_argument(
                option,
                dest="_".join(setting.path),
                type=_converter(setting),
                choices=setting.choices or None,
                help=text,
            )


def _converter(setting: Setting) -> Callable[[str], Any]:
    if setting.kind == "bool":
        return _truth
    kinds: dict[str, Callable[[str], Any]] = {"int": int, "float": float}
    return kinds.get(setting.kind, str)


def _count(text: str) -> int:
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError("at least 1")
    return number


def _truth(text: str) -> bool:
    if text.lower() in ("true", "yes", "1"):
        return True
    if text.lower() in ("false", "no", "0"):
        return False
    raise argparse.ArgumentTypeError(f"'{text}' is neither true nor false")
