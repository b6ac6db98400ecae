"""Looking after something from a thread of the server, whether a page is open or not."""

import logging
import threading
from collections.abc import Callable

from scapp.core.errors import ScappError

logger = logging.getLogger(__name__)


def keep_looking(what: str, look: Callable[[], None], seconds: float, stop: threading.Event) -> None:
    """Look again and again, from a thread of its own.

    Parameters
    ----------
    what
        Is looked after, for the log: a fault is written there once, and not again while it stays the same.
    look
        Called each time.
    seconds
        Between two looks.
    stop
        Ends it.
    """

    def watch() -> None:
        said = ""
        while not stop.wait(seconds):
            try:
                look()
            except (OSError, ScappError) as error:
                # a full disk passes, and the next look comes soon
                if str(error) != said:
                    said = str(error)
                    logger.warning("could not look after %s: %s", what, error)

    threading.Thread(target=watch, daemon=True, name=f"scapp: {what}").start()
