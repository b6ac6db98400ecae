"""Whether work would fit into memory. Loads next to nothing: the first page needs it."""

import psutil

from scapp.core.environment import environment
from scapp.core.errors import ConfigError

MEMORY_SHARE = 0.8


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
