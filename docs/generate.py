"""Write the tables of settings into docs/methods.md: python -m docs.generate. A test fails when they are old."""

import re
from pathlib import Path

from scapp.core.config import Config, Setting, describe
from scapp.steps.catalogue import STEPS

TARGET = Path(__file__).parent / "methods.md"


def render(text: str) -> str:
    """The document with each ``<!-- settings NAME -->`` block filled anew."""
    configs = {step.name: step.config for step in STEPS}
    return re.sub(
        r"(<!-- settings (\w+) -->\n).*?(<!-- end -->)",
        lambda match: match[1] + _table(configs[match[2]]) + match[3],
        text,
        flags=re.DOTALL,
    )


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
    TARGET.write_text(render(TARGET.read_text()))
