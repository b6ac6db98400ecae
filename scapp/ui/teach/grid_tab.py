"""Temperature, masking and learning rate: every combination was trained beforehand; a slider answers at once."""

from collections.abc import Callable
from typing import Any

import streamlit as st

from scapp.reports.lesson_figures import figure_of, grid_place
from scapp.teach import prepared
from scapp.teach.lesson import Grid
from scapp.ui.kit.downloads import download_csv
from scapp.ui.kit.widgets import show_figure
from scapp.ui.teach import words, write_tab

TITLES = {"temperature": "Temperature", "dropout": "Share of genes set to zero", "rate": "Learning rate"}


def grid_section() -> None:
    """The whole grid, with a slider for each setting."""
    st.markdown(words.GRID)
    left, right = st.columns([4, 8])
    activity = Grid(kind="grid")
    with left:
        chosen = sliders(activity, {}, lambda name: {"key": f"grid.{name}"})
        write_tab.record_button({"kind": "grid", **chosen}, "Settings and their runs", key="grid.record")
    with right:
        grid_figure(activity, chosen, key="grid")


def sliders(activity: Grid, settings: dict[str, Any], widget: Callable[[str], dict[str, Any]]) -> dict[str, Any]:
    """A slider for each setting that is not locked.

    Parameters
    ----------
    activity
        The grid, with the settings that it begins with.
    settings
        As they were moved before.
    widget
        Key of a setting's slider, and what is called when it has been moved.
    """
    chosen: dict[str, Any] = {}
    for name, start, values in activity.axes():
        if name in activity.locked:
            st.markdown(f"{TITLES[name]}: **{start:g}**")
            continue
        chosen[name] = st.select_slider(
            TITLES[name],
            values,
            value=settings.get(name, start),
            format_func=lambda value: f"{value:g}",
            **widget(name),
        )
    return chosen


def grid_figure(activity: Grid, settings: dict[str, Any], *, key: str) -> None:
    """The run that was made with the chosen settings, and what was measured of it."""
    shown = figure_of(activity, settings)
    assert shown is not None
    place = grid_place(activity, settings)
    content = prepared.arrays("grid")
    for column, name in zip(st.columns(3), ("loss_share", "spread", "same_type"), strict=True):
        said = words.measure(name, float(content[name][place]))
        column.metric(words.MEASURES[name], said, help=words.MEASURE_HELP[name])
    show_figure(shown.figure, key=f"{key}.figure", name="grid_run", alt=shown.alt)
    download_csv(prepared.grid_run(*place).curve, key=f"{key}.curve", name="loss_of_the_chosen_settings")
