"""Options of commands, made from configurations."""

import argparse
import re
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
        help=".h5ad, .h5mu, .zarr, .loom, 10x folder or .h5, .csv, .tsv (also .gz), folder or archive of samples",
    )
    parser.add_argument(
        "--genes-in",
        choices=("rows", "columns"),
        help="where the genes of a table are, for tables whose names do not tell",
    )
    parser.add_argument(
        "--transpose", action="store_const", const="rows", dest="genes_in", help="the same as --genes-in rows"
    )
    parser.add_argument("--labels", help="table whose first column holds cell names")
    parser.add_argument("--genome", help=_help_of(ImportConfig, "genome"))
    parser.add_argument("--missing-as-zero", action="store_true", help=_help_of(ImportConfig, "missing_as_zero"))
    parser.add_argument("--round-to-counts", action="store_true", help=_help_of(ImportConfig, "round_to_counts"))
    parser.add_argument(
        "--sheet", type=Path, help="sample sheet (.csv) for a folder or archive of samples: columns sample, donor, ..."
    )


def _help_of(model: type[Config], name: str) -> str:
    return next(setting.help for setting in describe(model) if setting.name == name)


_OF_PAGES = (
    (re.compile(r"(?i)\btick '[^']*missing values as zero'(?: under 'Options')?"), "add --missing-as-zero"),
    (re.compile(r"(?i)\btick 'Round to whole counts'(?: under 'Options')?"), "add --round-to-counts"),
    (re.compile(r"import it again and click 'Flip' below its preview"), "give --genes-in rows or --genes-in columns"),
    (re.compile(r"Filtering with 'Minimum cells per gene'"), "'scapp qc --min-cells'"),
    (re.compile(r"Filtering with 'Minimum genes per cell'"), "'scapp qc --min-genes'"),
    (re.compile(r",? on the [A-Z][\w&]*(?: [\w&]+)* page\b"), ""),
)
"""What hints say of pages, and what it is called on the command line."""


def in_options(text: str, arguments: argparse.Namespace) -> str:
    """A message or hint with the options of the command in place of the titles that forms have."""
    for pattern, said in _OF_PAGES:
        text = pattern.sub(said, text)
    for title, option in getattr(arguments, "titles", {}).items():
        text = text.replace(f"'{title}'", option)
    return text


def add_settings(parser: argparse.ArgumentParser, model: type[Config]) -> None:
    """An option for every choice of a configuration."""
    titles: dict[str, str] = parser.get_default("titles") or {}
    parser.set_defaults(titles=titles)
    for setting in describe(model):
        if not setting.hidden:
            option = "--" + "-".join(setting.path).replace("_", "-")
            titles[setting.title] = option
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
