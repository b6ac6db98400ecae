"""``scapp`` and ``python -m scapp``: the same steps as the pages, for scripts and clusters.

Progress goes to standard error; the last line on standard output is one JSON object. Exit status 0, or
2 for a user's mistake, with the message and the hint on standard error and no traceback; 1 where
``doctor`` finds damage.
"""

import argparse
import json
import math
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from scapp._version import __version__
from scapp.cli import analyse, classify, clear, de, evaluate, home, map, qc, upload
from scapp.cli.options import in_options
from scapp.core.environment import Environment
from scapp.core.errors import ConfigError, ScappError, of_storage

USER_MISTAKE = 2
DAMAGED = 1
CLASS_NICENESS = 10
"""Workers of a class leave the processor to the pages that everybody looks at."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; the exit status."""
    parsed = parser().parse_args(arguments)
    try:
        result = parsed.command(parsed)
    except ScappError as error:
        print(in_options(f"{error.message}\n{error.hint}", parsed), file=sys.stderr)
        return USER_MISTAKE
    except OSError as fault:
        known = of_storage(fault)
        if known is None:
            raise
        print(f"{known.message}\n{known.hint}", file=sys.stderr)
        return USER_MISTAKE
    if result is not None:
        print(json.dumps(_without_nan(result)))
    return DAMAGED if result and result.get("damaged") else 0


def _without_nan(result: dict[str, Any]) -> dict[str, Any]:
    """JSON knows no NaN: a score that is not defined is null."""
    return {name: None if isinstance(value, float) and math.isnan(value) else value for name, value in result.items()}


def parser() -> argparse.ArgumentParser:
    """All commands with their options."""
    top = argparse.ArgumentParser(prog="scapp", description="Contrastive learning on single-cell RNA-seq.")
    top.add_argument("--version", action="version", version=f"scapp {__version__}")
    commands = top.add_subparsers(required=True, metavar="COMMAND")
    for room in (home, upload, analyse, qc, map, clear, classify, de, evaluate):
        room.add_commands(commands)
    work = commands.add_parser("work", help="the worker that the app starts by itself")
    work.add_argument("--workspace", type=Path, default=Environment().workspace)
    work.add_argument("--lane", default="light", metavar="WORKER", help="light or training, or one of several: light-2")
    work.add_argument("--execute", action="store_true", help=argparse.SUPPRESS)
    work.set_defaults(command=_work)
    return top


def _work(arguments: argparse.Namespace) -> None:
    from scapp.jobs.turns import LANES, lane_of

    if lane_of(arguments.lane) not in LANES:
        raise ConfigError(f"There is no worker '{arguments.lane}'.", hint=f"Name one of: {', '.join(LANES)}.")
    if arguments.execute:
        from scapp.jobs.executor import serve

        serve(lane_of(arguments.lane))
        return
    from scapp.jobs.supervisor import Supervisor

    environment = Environment()
    if environment.mode == "class" and hasattr(os, "nice"):
        os.nice(CLASS_NICENESS)
    Supervisor(arguments.workspace, arguments.lane, environment).work()
