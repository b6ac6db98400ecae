"""What a server does from its start to its end, whether a page is open or not."""

import gc
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path
from typing import Any

from streamlit import runtime

from scapp.core.files import is_writable
from scapp.jobs.held_class import keep_class
from scapp.jobs.launch import keep_lanes
from scapp.ui.kit.access import Access, announce

_spared = 0
"""Modules that were loaded when they were last spared."""


def spare_modules() -> None:
    """Keep what libraries hold out of the collections that Streamlit asks for after each run of a page or fragment.

    Each would look through a quarter of a million objects that never go, for 0.13 s in which no page is drawn. Done
    again when a page has loaded more of them.
    """
    global _spared
    if len(sys.modules) != _spared:
        _spared = len(sys.modules)
        gc.collect()  # what is garbage by now would stay for ever
        gc.freeze()


def life(access: Access, root: Path) -> Callable[[Any], AbstractAsyncContextManager[None]]:
    """For ``st.App``: say where the app is, and see to it that queued runs are taken.

    Parameters
    ----------
    access
        Who may reach it.
    root
        The workspace's folder.
    """

    @asynccontextmanager
    async def lifespan(app: Any) -> AsyncIterator[None]:
        announce(access)
        watches = [keep_lanes(root), keep_class(root)] if is_writable(root) else []
        if access.classroom is not None:
            access.media.watch(runtime.get_instance().media_file_mgr)
        yield
        for watch in watches:
            watch.set()

    return lifespan
