"""What every page begins with: its title on the left, its controls and the menu of downloads on the right."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from scapp.ui.kit import downloads
from scapp.ui.kit.boundary import boundary


@dataclass(frozen=True)
class Header:
    """The first line of a page.

    Parameters
    ----------
    title
        Holds the title; what a page says of its dataset goes below it.
    controls
        Holds what stands on the right.
    """

    title: DeltaGenerator
    controls: DeltaGenerator


@contextmanager
def page(title: str, *, help: str | None = None) -> Iterator[Header]:
    """A page's frame: errors are shown on it, and what it offers is collected in one menu.

    Parameters
    ----------
    title
        Of the page.
    help
        What the page is for, where its own words do not say so.
    """
    left, right = st.columns([4, 8], vertical_alignment="bottom")
    left.title(title, help=help)
    controls = right.container(horizontal=True, horizontal_alignment="right", vertical_alignment="bottom")
    with downloads.collected(controls), boundary():
        yield Header(left, controls)
