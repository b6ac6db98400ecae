"""The list of pages, and a guard against Streamlit's own routing.

A folder named ``pages/`` beside the script that is shown and ``st.navigation`` conflict: when the first address
opened after a server start is a page's own, Streamlit runs that page alone. ``ui/start.py`` has no such folder beside
it; each page still begins with ``guard()``, which notices a page that runs alone and hands over to the navigation.
"""

from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path

import streamlit as st

from scapp.core.installation import app_folder

ROOT = app_folder()
_ROUTED = "_routed"


@dataclass(frozen=True)
class PageRecord:
    """One page of the app, in the order of the navigation."""

    id: str
    title: str
    group: str = ""


PAGES = (
    PageRecord("home", "Home"),
    PageRecord("upload", "Upload & QC", "Prepare"),
    PageRecord("augment", "Augmentations", "Learn"),
    PageRecord("clear", "Train CLEAR", "Learn"),
    PageRecord("classify", "Classification", "Learn"),
    PageRecord("circles", "Latent circles", "Learn"),
    PageRecord("map", "Clusters & map", "Explore"),
    PageRecord("de", "Differential expression", "Explore"),
    PageRecord("evaluate", "Benchmarks", "Compare"),
    PageRecord("export", "Export", "Results"),
    PageRecord("teach", "Teach", "Classroom"),
)


def page_file(id: str) -> Path:
    """Where a page's script stands."""
    return ROOT / "pages" / f"{id}.py"


def pages(done: Collection[str] = ()) -> dict[str, list[st.Page]]:
    """The pages for ``st.navigation``, by group; those that are done with a tick behind their titles."""
    found: dict[str, list[st.Page]] = {}
    for record in PAGES:
        title = f"{record.title} ✓" if record.id in done else record.title
        page = st.Page(
            page_file(record.id),
            title=title,
            url_path=record.id,
            default=record.id == "home",
        )
        found.setdefault(record.group, []).append(page)
    return found


def mark_routed() -> None:
    """Say that ``ui/start.py`` ran in this session."""
    st.session_state[_ROUTED] = True


def guard() -> None:
    """First call of every page: leave for the navigation when ``ui/start.py`` was skipped."""
    if _ROUTED not in st.session_state:
        st.session_state[_ROUTED] = "retry"
        st.navigation(pages(), position="hidden")
        st.rerun()


def next_button(id: str, label: str, *, dataset: str) -> None:
    """The one thing to do next: a button that leads to another page."""
    if st.button(label, type="primary", key=f"next.{id}"):
        st.switch_page(page_file(id), query_params={"dataset": dataset})


def link(id: str, label: str, *, dataset: str | None = None, run: str | None = None) -> None:
    """A link to another page that keeps the dataset."""
    query = {name: value for name, value in (("dataset", dataset), ("run", run)) if value}
    st.page_link(page_file(id), label=label, query_params=query)
