"""The errors that scapp raises on purpose.

ScappError
  + DataError               a file or matrix is not what it should be
  + ConfigError             a setting is out of bounds or does not fit the data
  + RunError                a run could not do its work
      + DivergedError       training left the numbers; going on would do so again
      + StaleInputError     what a run read was changed before it could be saved
  + MissingDependencyError  an optional package is not installed

Every message says what was found and what was expected; every hint names the next click or command.
"""

import errno
from collections.abc import Iterable


class ScappError(Exception):
    """Something a user can mend.

    Parameters
    ----------
    message
        What was found and what was expected, in one or two plain sentences.
    hint
        What to do next.
    """

    def __init__(self, message: str, *, hint: str) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint

    def __reduce__(self) -> tuple[object, ...]:
        return (_rebuild, (type(self), self.message, self.hint))


def _rebuild(kind: type[ScappError], message: str, hint: str) -> ScappError:
    return kind(message, hint=hint)


class DataError(ScappError):
    """A file or matrix is not what it should be."""


class ConfigError(ScappError):
    """A setting is out of bounds or does not fit the data."""


class RunError(ScappError):
    """A run could not do its work."""


class DivergedError(RunError):
    """Training left the numbers; going on from the checkpoint would do so again."""


class StaleInputError(RunError):
    """What a run read was changed by someone else before its result could be saved."""


class AccessError(ScappError):
    """Somebody has no workspace here, or no longer."""


class MissingDependencyError(ScappError):
    """An optional package is needed and not installed."""


class StorageError(ScappError):
    """The disk is full, or may not be written to."""


_STORAGE = {
    **dict.fromkeys(
        (errno.ENOSPC, errno.EDQUOT),
        ("The disk is full.", "Free some space: old runs and datasets can be deleted on the home page."),
    ),
    errno.EROFS: (
        "scapp may not write here: {place} is read-only.",
        "What is there can be looked at. To change it, make the folder writable, or start scapp with another"
        " workspace (--workspace, SCAPP_WORKSPACE).",
    ),
    **dict.fromkeys(
        (errno.EACCES, errno.EPERM),
        (
            "scapp may not read or write {place}.",
            "Give the user that runs scapp the right to, or choose another place.",
        ),
    ),
}
_FULL = ("No space left", "Disk quota exceeded")
"""What libraries say of a full disk in errors of their own kinds."""


def of_storage(error: BaseException) -> StorageError | None:
    """What a fault of the disk means to a user; None for faults that are none of these."""
    number, place = (error.errno, error.filename) if isinstance(error, OSError) else (None, None)
    if any(text in str(error) for text in _FULL):
        number = errno.ENOSPC
    if number not in _STORAGE:
        return None
    message, hint = _STORAGE[number]
    return StorageError(message.format(place=f"'{place}'" if place else "the folder"), hint=hint)


def listed(names: Iterable[object], limit: int = 8) -> str:
    """Join names for a message, cutting long lists: ``a, b, c and 12 more``."""
    texts = [str(name) for name in names]
    if not texts:
        return "none"
    shown = ", ".join(texts[:limit])
    return shown if len(texts) <= limit else f"{shown} and {len(texts) - limit} more"


def count(number: int, noun: str) -> str:
    """A number with its noun: ``1 cell``, ``1,200 cells``."""
    return f"{number:,} {noun}" + ("" if number == 1 else "s")
