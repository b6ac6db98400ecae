"""Options of commands, made from configurations."""

import argparse
from collections.abc import Callable
from pathlib import Path
from typing import Any

from scapp.core.config import Config, Setting, describe
from scapp.data.config import ImportConfig


def given(arguments: argparse.Namespace, model: type[Config]) -> dict[str, Any]:
    """Settings that were named on the command line, nested as the model is."""
    values: dict[str, Any] = {}
    for setting in describe(model):
        value = None if setting.hidden else getattr(arguments, "_".join(setting.path), None)
        if value is not None:
            inner = values.setdefault(setting.group, {}) if setting.group else values
            inner[setting.name] = value
    return values


def command(
    commands: Any, name: str, function: Callable[[argparse.Namespace], Any], text: str
) -> argparse.ArgumentParser:
    """A command that calls a function."""
    parser: argparse.ArgumentParser = commands.add_parser(name, help=text, description=text)
    parser.set_defaults(command=function)
    return parser


def add_input(parser: argparse.ArgumentParser) -> None:
    """The input, and the file that is written."""
    add_reading(parser)
    parser.add_argument("-o", "--output", type=Path, required=True, metavar="OUT.h5ad")


def add_reading(parser: argparse.ArgumentParser) -> None:
    """The input, and how to read it."""
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


def add_settings(parser: argparse.ArgumentParser, model: type[Config]) -> None:
    """An option for every choice of a configuration."""
    for setting in describe(model):
        if not setting.hidden:
            option = "--" + "-".join(setting.path).replace("_", "-")
            none = "none" if setting.kind == "column" else setting.empty
            default = none if setting.default is None else setting.default
            text = f"{setting.help} Default: {default}.".replace("%", "%%")
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


def count(text: str) -> int:
    """A whole number from 1."""
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
