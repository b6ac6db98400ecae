import errno
import pickle

import pytest

from scapp.core.errors import DataError, ScappError, listed, of_storage


def test_errors_carry_message_and_hint_across_processes():
    error = pickle.loads(pickle.dumps(DataError("found this", hint="do that")))  # noqa: S301
    assert isinstance(error, ScappError)
    assert (error.message, error.hint) == ("found this", "do that")


@pytest.mark.parametrize(("names", "text"), [([], "none"), (["a", "b"], "a, b"), (range(10), "0, 1, 2 and 7 more")])
def test_listed_cuts_long_lists(names, text):
    assert listed(names, 3) == text


@pytest.mark.parametrize(
    ("fault", "message"),
    [
        (OSError(errno.ENOSPC, "No space left on device"), "The disk is full."),
        (ValueError("zarr: [Errno 28] No space left on device"), "The disk is full."),
        (OSError(errno.EROFS, "Read-only file system", "/there"), "scapp may not write here: '/there' is read-only."),
        (PermissionError(errno.EACCES, "Permission denied", "/there"), "scapp may not read or write '/there'."),
    ],
)
def test_faults_of_the_disk_have_sentences(fault, message):
    known = of_storage(fault)
    assert known is not None
    assert known.message == message
    assert known.hint


def test_other_faults_are_none_of_the_disk():
    assert of_storage(ValueError("no space for doubt")) is None
    assert of_storage(FileNotFoundError(errno.ENOENT, "No such file", "/there")) is None
