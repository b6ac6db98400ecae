"""Libraries from the numbers behind barcodes."""

import pandas as pd
import pytest

from scapp.data.barcodes import libraries

FIRST, SECOND = "AAACCTGAGAAACCAT", "AAACCTGAGAAACCGC"


def test_numbers_behind_barcodes_are_libraries_in_their_order():
    found = libraries(pd.Index([f"{FIRST}-10", f"{FIRST}-2", f"{SECOND}-2"]))
    assert found.tolist() == ["10", "2", "2"]
    assert found.categories.tolist() == ["2", "10"]


def test_of_two_numbers_the_last_is_the_librarys():
    assert libraries(pd.Index([f"{FIRST}-1-0", f"{FIRST}-1-1"])).tolist() == ["0", "1"]


@pytest.mark.parametrize(
    "names",
    [
        [f"{FIRST}-1", f"{SECOND}-1"],  # one library
        [FIRST, SECOND],
        [f"{FIRST}-1", SECOND],  # not all are numbered
        ["cell-1", "cell-2"],  # names, not barcodes
        ["AAAC-1", "AAAC-2"],  # too short to be one
        [f"{FIRST}-a", f"{SECOND}-b"],
        [],
    ],
)
def test_other_names_tell_nothing(names):
    assert libraries(pd.Index(names, dtype=object)) is None
