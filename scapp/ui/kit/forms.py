"""Widgets made from a configuration: title, sentence, bounds and default come from the model."""

from collections.abc import Sequence
from typing import Any

import streamlit as st

from scapp.core.config import Config, Setting, describe


def config_form(
    model: type[Config],
    *,
    key: str,
    start: Config,
    columns: Sequence[str] = (),
    only: Sequence[str] | None = None,
    skip: Sequence[str] = (),
    flat: bool = False,
) -> dict[str, Any]:
    """Show widgets for a configuration, the advanced ones in an expander.

    Parameters
    ----------
    model
        The configuration.
    key
        Prefix of the widgets' keys: another key starts from ``start`` again.
    start
        Values at first.
    columns
        Cell annotations offered where a setting names one.
    only, skip
        Names of the settings to show, or not to.
    flat
        Show the advanced ones beside the others (inside an expander of the caller's).

    Returns
    -------
    Values as chosen, nested as the model is; settings that were not shown keep their start.
    """
    values: dict[str, Any] = start.model_dump()
    shown = [s for s in describe(model) if not s.hidden and s.name not in skip and (only is None or s.name in only)]
    simple = [setting for setting in shown if flat or not setting.advanced]
    advanced = [setting for setting in shown if setting not in simple]
    _grid(simple, values, key, columns)
    if advanced:
        with st.expander("Advanced settings"):
            _grid(advanced, values, key, columns)
    return values


def _grid(settings: list[Setting], values: dict[str, Any], key: str, columns: Sequence[str]) -> None:
    cells = st.columns(3)
    for index, setting in enumerate(settings):
        holder = values[setting.group] if setting.group else values
        with cells[index % 3]:
            holder[setting.name] = _widget(setting, holder[setting.name], f"{key}.{'.'.join(setting.path)}", columns)


def _widget(setting: Setting, value: Any, key: str, columns: Sequence[str]) -> Any:
    label = f"{setting.title} ({setting.unit})" if setting.unit else setting.title
    common: dict[str, Any] = {"key": key, "help": setting.help, "persist_state": "session"}
    if setting.kind == "bool":
        return st.toggle(label, value, **common)
    if setting.kind == "choice":
        index = setting.choices.index(value)
        return st.selectbox(
            label, setting.choices, index=index, format_func=lambda name: setting.labels.get(name, name), **common
        )
    if setting.kind == "column":
        options = [None, *columns]
        index = options.index(value) if value in options else 0
        return st.selectbox(
            label, options, index=index, format_func=lambda name: "none" if name is None else name, **common
        )
    if setting.kind in ("int", "float"):
        return _number(setting, label, value, common)
    return st.text_input(label, value or "", **common) or None


def _number(setting: Setting, label: str, value: Any, common: dict[str, Any]) -> Any:
    kind: type[int] | type[float] = int if setting.kind == "int" else float
    bounds: dict[str, Any] = {
        "min_value": None if setting.minimum is None else kind(setting.minimum),
        "max_value": None if setting.maximum is None else kind(setting.maximum),
        "value": None if value is None else kind(value),
        "step": 1 if kind is int else _step(float(value or setting.default or 1)),
        "format": "%d" if kind is int else "%g",
    }
    return st.number_input(label, placeholder=setting.empty if setting.optional else None, **bounds, **common)


def _step(value: float) -> float:
    """A tenth of the value's order of magnitude: 0.2 moves by 0.01, 1 by 0.1."""
    magnitude = 1.0
    while abs(value) < magnitude and magnitude > 1e-8:
        magnitude /= 10
    return magnitude / 10
