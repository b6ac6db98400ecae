"""Whether work would fit into memory. Loads next to nothing: the first page needs it."""

import psutil

from scapp.core.errors import ConfigError

MEMORY_SHARE = 0.8


def check_memory(needed_bytes: float, what: str, cure: str) -> None:
    """Refuse work that would take more than 80% of the memory that is free.

    Raises
    ------
    ConfigError
        With both numbers and a cure.
    """
    free = psutil.virtual_memory().available
    if needed_bytes > MEMORY_SHARE * free:
        raise ConfigError(
            f"{what} needs about {needed_bytes / 1e9:.1f} GB of memory; {free / 1e9:.1f} GB are free, of which scapp"
            " uses at most 80%.",
            hint=cure,
        )
