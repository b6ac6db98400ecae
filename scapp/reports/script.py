"""A dataset's history as a Python script or a notebook that makes it again."""

import json
import pprint
import textwrap
from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from scapp._version import __version__
from scapp.core import keys
from scapp.core.config import describe
from scapp.core.environment import THREAD_VARIABLES
from scapp.core.provenance import Provenance
from scapp.data.locations import safe_file_name
from scapp.steps.catalogue import step
from scapp.workspace.datasets.dataset import Dataset
from scapp.workspace.datasets.history import needed

APP_ONLY = ("upload_folder", "download_folder")
MOST_COMPARED = 40
NOTEBOOK_FORMAT = (4, 5)
START = """from scapp import Session

session = Session("my_study.scapp")
# data is the dataset that the page works on; the whole script is on the Export page
"""


@dataclass(frozen=True)
class Script:
    """The parts of a script, each a paragraph of its own.

    Parameters
    ----------
    title
        One line.
    setting_up
        Threads, imports, the file, the session.
    steps
        (what it does, code) in order.
    closing
        Comparison with the app, and the file that is written.
    """

    title: str
    setting_up: str
    steps: tuple[tuple[str, str], ...]
    closing: str


def script_of(dataset: Dataset) -> Script:
    """What made the values that are in place, step by step, with every setting."""
    records = needed(dataset.manifest)
    threads = next((r.threads for r in reversed(records) if r.threads and r.threads > 1), 1)
    device = next((r.device for r in reversed(records) if r.step == "clear" and r.device), "cpu")
    first = records[0] if records else None
    versions = first.versions if first else {}
    used = ", ".join(f"{name} {versions[name]}" for name in ("scapp", "python", "torch", "scanpy") if name in versions)
    stem = safe_file_name(dataset.name.replace(" ", "_").replace("·", ""))
    processes = max((r.processes or 1 for r in records), default=1)
    setting_up = _setting_up(records, stem, threads, device, processes, used)
    steps = tuple((_title(record), code_of(record, first_use=position == 0)) for position, record in enumerate(records))
    fingerprints = {
        slot: entry.fingerprint
        for slot, entry in dataset.slots.items()
        if slot != keys.X_BY_GENE and keys.split(slot)[0] in ("X", "obsm", "obs", "layers")
    }
    shown = dict(list(fingerprints.items())[-MOST_COMPARED:])
    closing = (
        f"# Is it the same as in the app?\nsession.compare(\n    data,\n{_indented(_literal(shown), 4)},\n)\n"
        f'session.write(data, "{stem}.h5ad")\n'
    )
    return Script(dataset.name, setting_up, steps, closing)


def as_python(script: Script) -> str:
    """One file of Python."""
    parts = [f'"""{_plain(script.title)}, as made in scapp."""\n', script.setting_up]
    parts += [f"# {title}\n{code}" for title, code in script.steps]
    return "\n".join([*parts, script.closing])


def with_comparison(script: Script, step_id: str, config: dict[str, Any]) -> Script:
    """A dataset's script that carries out a comparison at its end."""
    return replace(script, closing=f"{script.closing}\n# {step(step_id).title}\n{code_of_files(step_id, config)}")


def as_notebook(script: Script) -> str:
    """A Jupyter notebook (format 4.5) as JSON: a cell of words and a cell of code for each step."""
    cells = [_markdown(f"# {_plain(script.title)}\n\nMade in scapp; run all cells to make it again.", "title")]
    cells.append(_code(script.setting_up.replace("sys.argv[1] if len(sys.argv) > 1 else ", ""), "setting-up"))
    for position, (title, code) in enumerate(script.steps):
        cells.append(_markdown(f"## {title}", f"words-{position}"))
        cells.append(_code(code + _shown_after(code), f"code-{position}"))
    cells += [_markdown("## The same as in the app?", "words-end"), _code(script.closing, "code-end")]
    content = {
        "cells": cells,
        "metadata": {
            "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
            "language_info": {"name": "python"},
        },
        "nbformat": NOTEBOOK_FORMAT[0],
        "nbformat_minor": NOTEBOOK_FORMAT[1],
    }
    return json.dumps(content, indent=1)


def code_of(record: Provenance, *, first_use: bool = False) -> str:
    """One step as a call of ``Session.run``, with every setting."""
    own = {"run_id": record.run} if record.run and record.step == "clear" else {}
    return _call(record.step, {**own, **_settings(record.step, record.config)}, first_use=first_use)


def code_of_files(step_id: str, config: dict[str, Any]) -> str:
    """A step that writes tables instead of values, such as a comparison, which no dataset's history holds."""
    return _call(step_id, {"folder": step_id, **_settings(step_id, config)}) + f'# its tables are in "{step_id}"\n'


def _call(step_id: str, arguments: dict[str, Any], *, first_use: bool = False) -> str:
    given = [f'"{step_id}"', *([] if first_use or step_id == "import" else ["data"])]
    lines = [f"    {name}={_indented(_literal(value), 4).lstrip()}," for name, value in arguments.items()]
    return "\n".join([f"data = session.run(\n    {', '.join(given)},", *lines]) + "\n)\n"


def code_of_steps(dataset: Dataset, steps: Iterable[str]) -> str:
    """The calls behind what some steps made of a dataset, for "copy as Python" on a page."""
    wanted = set(steps)
    codes = [code_of(record) for record in needed(dataset.manifest) if record.step in wanted]
    if not codes:
        return ""
    return START + "\n".join(codes)


def _settings(step_id: str, config: dict[str, Any]) -> dict[str, Any]:
    """Settings of a step, without those that only the app needs and hidden ones that were not used."""
    hidden = {setting.name for setting in describe(step(step_id).config) if setting.hidden}
    settings = {}
    for name, value in config.items():
        if name in APP_ONLY or (name in hidden and value in (None, "", [], {})):
            continue
        settings[name] = value
    if step_id == "import":
        if settings.get("path"):
            settings["path"] = _Name("FILE")
        if settings.get("labels"):
            settings["labels"] = _Name("LABELS")
    return settings


class _Name(str):
    """A variable of the script rather than a text."""


def _literal(value: Any) -> str:
    if isinstance(value, _Name):
        return str(value)
    return pprint.pformat(value, width=100, sort_dicts=False)


def _indented(text: str, spaces: int) -> str:
    return textwrap.indent(text, " " * spaces)


def _setting_up(records: list[Provenance], stem: str, threads: int, device: str, processes: int, used: str) -> str:
    made = records[0].config if records else {}
    lines = [
        f"# Made with {used}, {threads} threads, device {device}: equal results need the same.",
        f"# It needs scapp {__version__}: pip install scapp-{__version__}-py3-none-any.whl, or, in a clone of its",
        '# repository, "pip install ." ("make wheel" makes that file there).',
        "import os",
        "import sys",
        "",
        f"for name in {THREAD_VARIABLES!r}:",
        f'    os.environ.setdefault(name, "{threads}")',
        'os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")',
        "",
        "from scapp import Session",
        "",
    ]
    if made.get("path"):
        lines += [
            "# your file: the app keeps no copy of an upload",
            f"FILE = sys.argv[1] if len(sys.argv) > 1 else {_where(made['path'], made)!r}",
        ]
    if made.get("labels"):
        lines.append(f"LABELS = {_where(made['labels'], made)!r}")
    together = f", processes={processes}" if processes > 1 else ""
    lines.append(f'session = Session("{stem}.scapp", device="{device}", threads={threads}{together})')
    return "\n".join(lines) + "\n"


def _where(path: str, config: dict[str, Any]) -> str:
    """A path on the server as it is; of an upload, its name."""
    return Path(path).name if config.get("upload_folder") else path


def _title(record: Provenance) -> str:
    return f"{step(record.step).title} ({record.created[:16].replace('T', ' ')} UTC)"


_UNSAFE: dict[str, str | int | None] = {"\\": "", '"': "'", "<": "", ">": "", "`": "'", "[": "(", "]": ")"}


def _plain(text: str) -> str:
    """A user's words for a comment, a docstring or markdown, without what could end or format it."""
    return text.translate(str.maketrans(_UNSAFE))


def _shown_after(code: str) -> str:
    """In a notebook, a map is shown below the cell that made it."""
    if not code.startswith('data = session.run(\n    "map"'):
        return ""
    return (
        "\nfrom scapp.plotting.map.points import plot_map\n\n"
        'plot_map(data.read("obsm/X_" + session.summary["map"]), data.obs(["leiden"])["leiden"], title="leiden")\n'
    )


def _markdown(text: str, id: str) -> dict[str, Any]:
    return {"cell_type": "markdown", "id": id, "metadata": {}, "source": text.splitlines(keepends=True)}


def _code(text: str, id: str) -> dict[str, Any]:
    source = text.rstrip("\n").splitlines(keepends=True)
    return {"cell_type": "code", "id": id, "metadata": {}, "execution_count": None, "outputs": [], "source": source}
