"""One menu a page that downloads everything on it: the data of figures and tables as CSV, and the page as Python.

What a page offers is collected while the page is drawn, and the menu filled at its end. A fragment is drawn again
without its page, so what it offers stands beside it.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field

import pandas as pd
import streamlit as st

from scapp.core.csv_text import csv_text
from scapp.ui.kit.boundary import escape


@dataclass
class _Offers:
    """What a page offers.

    Parameters
    ----------
    draws
        Each draws a button, or some code.
    figures
        Whether the page has figures, whose format can be chosen.
    """

    draws: list[Callable[[], None]] = field(default_factory=list)
    figures: bool = False


_offered: ContextVar[_Offers | None] = ContextVar("offered", default=None)


@contextmanager
def collected(holder: st.delta_generator.DeltaGenerator) -> Iterator[None]:
    """Collect what is offered within, and put it into a menu.

    Parameters
    ----------
    holder
        Where the menu stands; nothing is put there where nothing was offered.
    """
    offered = _Offers()
    token = _offered.set(offered)
    try:
        yield
    finally:
        _offered.reset(token)
    if offered.draws or offered.figures:
        with holder, st.popover("Download"):
            if offered.figures:
                _image_format_choice()
            for draw in offered.draws:
                draw()


@contextmanager
def beside() -> Iterator[None]:
    """Let what is offered within stand where it is offered: for fragments."""
    token = _offered.set(None)
    try:
        yield
    finally:
        _offered.reset(token)


def offer(draw: Callable[[], None]) -> None:
    """Let the page's menu draw something; where there is none, it is drawn at once."""
    offered = _offered.get()
    if offered is None:
        draw()
    else:
        offered.draws.append(draw)


def say_figure() -> None:
    """Say that the page has a figure, so that its menu offers the format in which figures are saved."""
    offered = _offered.get()
    if offered is not None:
        offered.figures = True


def download_csv(table: pd.DataFrame, *, key: str, name: str) -> None:
    """Offer a table as CSV, without its index; it is written when it is asked for.

    Parameters
    ----------
    table
        What is downloaded.
    key
        Of the button.
    name
        Of the file, without ending; as words it is the button's label.
    """
    words = escape(" ".join(name.replace("_", " ").split()))
    label = f"Download {words} (CSV)" if _offered.get() is None else f"{words[:1].upper()}{words[1:]} (CSV)"

    def draw() -> None:
        st.download_button(
            label,
            lambda: csv_text(table),
            file_name=f"{name}.csv",
            mime="text/csv",
            key=f"{key}.csv",
            on_click="ignore",
        )

    offer(draw)


def _image_format_choice() -> None:
    """Which format the camera button of figures writes."""
    st.segmented_control(
        "The camera above each figure saves it as",
        ["svg", "png"],
        default="svg",
        required=True,
        key="image_format",
        persist_state="session",
        help="SVG can be edited; PNG suits maps of many cells.",
    )
