"""The one place that catches everything.

A ``ScappError`` becomes a readable box. Anything else becomes a short id on the page and a traceback in
the log, so that a user can report it and nothing of the user's is lost.
"""

import logging
import secrets
from collections.abc import Iterable, Iterator
from contextlib import contextmanager

import streamlit as st

from scapp.core.errors import ScappError, of_storage

logger = logging.getLogger("scapp.ui")


@contextmanager
def boundary() -> Iterator[None]:
    """Show errors of the enclosed part of a page instead of raising them."""
    try:
        yield
    except ScappError as error:
        show_error(error.message, error.hint)
    except Exception as fault:
        if (known := of_storage(fault)) is not None:
            logger.warning("%s", fault)
            show_error(known.message, known.hint)
            return
        id = secrets.token_hex(3)
        logger.exception("unexpected error %s", id)
        show_error(
            f"Something went wrong on this page (error {id}). Your data are safe.",
            "Reload the page. If it happens again, report the id; the log of the app holds the details.",
        )


def show_error(message: str, hint: str) -> None:
    """One readable box: what happened, and what to do."""
    st.error(f"{escape(message)}\n\n{escape(hint)}")


def as_list(sentences: Iterable[str]) -> str:
    """Sentences as the items of a list, every text escaped."""
    return "\n".join(f"- {escape(sentence)}" for sentence in sentences)


def escape(text: str) -> str:
    """Text for markdown: names and paths from users stay as they were typed."""
    for character in "\\`*_{}[]<>#$~|:":
        text = text.replace(character, "\\" + character)
    return text
