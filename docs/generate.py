"""Write the tables that follow from the code into docs/methods.md and docs/formats.md: python -m docs.generate.

A test fails when they are old.
"""

import re
from pathlib import Path

from scapp.core.config import Config, Setting, describe
from scapp.data.formats.mtx_folder import PROGRAMS
from scapp.data.formats.reader import FORMATS
from scapp.steps.catalogue import STEPS

HERE = Path(__file__).parent
METHODS = HERE / "methods.md"
FORMATS_PAGE = HERE / "formats.md"


def render(text: str) -> str:
    """The document with each ``<!-- settings NAME -->`` and ``<!-- table NAME -->`` block filled anew."""
    tables = {"formats": formats_table, "programs": programs_table}
    text = re.sub(
        r"(<!-- table (\w+) -->\n).*?(<!-- end -->)",
        lambda match: match[1] + tables[match[2]]() + match[3],
        text,
        flags=re.DOTALL,
    )
    configs = {step.name: step.config for step in STEPS}
    return re.sub(
        r"(<!-- settings (\w+) -->\n).*?(<!-- end -->)",
        lambda match: match[1] + _table(configs[match[2]]) + match[3],
        text,
        flags=re.DOTALL,
    )


def formats_table() -> str:
    """What is read, and by what it is recognised."""
    lines = ["", "| format | usual endings | recognised by |", "| --- | --- | --- |"]
    lines += [f"| {f.name} | {' '.join(f'`{end}`' for end in f.endings)} | {f.recognised} |" for f in FORMATS]
    return "\n".join(lines) + "\n\n"


def programs_table() -> str:
    """How programs name the files of one matrix."""
    lines = ["", "| output | matrix | cells | genes |", "| --- | --- | --- | --- |"]
    for program in PROGRAMS:
        genes = [*program.genes, *([program.symbols] if program.symbols else [])]
        columns = (program.matrices, program.cells, genes)
        lines.append(
            f"| {program.title} | " + " | ".join(" ".join(f"`{n}`" for n in names) for names in columns) + " |"
        )
    return "\n".join(lines) + "\n\n"


def _table(config: type[Config]) -> str:
    lines = ["", "| setting | default | bounds | what it does |", "| --- | --- | --- | --- |"]
    lines += [_row(setting) for setting in describe(config) if not setting.hidden]
    return "\n".join(lines) + "\n\n"


def _row(setting: Setting) -> str:
    default = "none" if setting.default is None else setting.default
    bounds = ", ".join(map(str, setting.choices))
    if not bounds and (setting.minimum is not None or setting.maximum is not None):
        low, high = ("" if bound is None else f"{bound:g}" for bound in (setting.minimum, setting.maximum))
        bounds = f"{low} to {high}" if high else f"from {low}"
    return f"| `{'.'.join(setting.path)}` | {default} {setting.unit} | {bounds} | {setting.help} |".replace("  ", " ")


if __name__ == "__main__":
    for page in (METHODS, FORMATS_PAGE):
        page.write_text(render(page.read_text()))
