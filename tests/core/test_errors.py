import pickle

import pytest

from scapp.core.errors import DataError, ScappError, listed


def test_errors_carry_message_and_hint_across_processes():
    error = pickle.loads(pickle.dumps(DataError("found this", hint="do that")))  # noqa: S301
    assert isinstance(error, ScappError)
    assert (error.message, error.hint) == ("found this", "do that")


@pytest.mark.parametrize(("names", "text"), [([], "none"), (["a", "b"], "a, b"), (range(10), "0, 1, 2 and 7 more")])
def test_listed_cuts_long_lists(names, text):
    assert listed(names, 3) == text
