"""Whether work would fit into memory, and on the disk for temporary files. Loads next to nothing: the first page needs
it.
"""

import tempfile

import psutil

from scapp.core.environment import environment
from scapp.core.errors import ConfigError, DataError

MEMORY_SHARE = 0.8
DISK_SHARE = 0.8


def usable_memory() -> float:
    """Bytes that a step may take: 80% of what is free, or ``SCAPP_MEMORY`` where that is less."""
    free = MEMORY_SHARE * psutil.virtual_memory().available
    return min(free, 1e9 * environment().memory) if environment().memory else free


def check_memory(needed_bytes: float, what: str, cure: str) -> None:
    """Refuse work that would take more than ``usable_memory``.

    Raises
    ------
    ConfigError
        With both numbers and a cure.
    """
    if needed_bytes > (usable := usable_memory()):
        free = psutil.virtual_memory().available
        limited = environment().memory and usable == 1e9 * environment().memory
        limit = f"at most {usable / 1e9:.1f} GB (SCAPP_MEMORY)" if limited else "at most 80%"
        raise ConfigError(
            f"{what} needs about {needed_bytes / 1e9:.1f} GB of memory; {free / 1e9:.1f} GB are free, of which scapp"
            f" uses {limit}.",
            hint=cure,
        )


def check_temporary(needed_bytes: float, what: str) -> None:
    """Refuse work whose temporary files would take more than 80% of what is free.

    Raises
    ------
    DataError
        With both numbers and a cure.
    """
    folder = tempfile.gettempdir()
    free = psutil.disk_usage(folder).free
    if needed_bytes > DISK_SHARE * free:
        raise DataError(
            f"{what} takes up to {needed_bytes / 1e9:.1f} GB in '{folder}', and {free / 1e9:.1f} GB are free.",
            hint="Free space there, or set TMPDIR to a folder on a larger disk and start scapp again.",
        )
