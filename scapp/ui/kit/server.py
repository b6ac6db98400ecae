"""What a server does from its start to its end, whether a page is open or not."""

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path
from typing import Any

from scapp.core.files import is_writable
from scapp.jobs.launch import keep_lanes
from scapp.ui.kit.access import Access, announce


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
        watch = keep_lanes(root) if is_writable(root) else None
        yield
        if watch is not None:
            watch.set()

    return lifespan
