"""One menu a page that downloads everything on it: the data of figures and tables as CSV, and the page as Python.

What a page offers is collected while the page is drawn, and the menu filled at its end. A fragment is drawn again
without its page, so what it offers stands beside it.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar

import pandas as pd
import streamlit as st

from scapp.core.csv_text import csv_text
from scapp.ui.kit.boundary import escape

_offered: ContextVar[list[Callable[[], None]] | None] = ContextVar("offered", default=None)


@contextmanager
def collected(holder: st.delta_generator.DeltaGenerator) -> Iterator[None]:
    """Collect what is offered within, and put it into a menu.

    Parameters
    ----------
    holder
        Where the menu stands; nothing is put there where nothing was offered.
    """
    offered: list[Callable[[], None]] = []
    token = _offered.set(offered)
    try:
        yield
    finally:
        _offered.reset(token)
    if offered:
        with holder, st.popover("Download"):
            _image_format_choice()
            for draw in offered:
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
        offered.append(draw)


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
