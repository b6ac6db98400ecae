"""What has not learnt is named, at the edges by value."""

import pytest

from scapp.clear.learnt import fault_of


@pytest.mark.parametrize(
    ("loss", "spread", "fault"),
    [
        (5.0, 0.9, None),
        (5.87, 0.9, None),  # 2.2% below chance
        (5.89, 0.9, "near chance"),  # 1.8%
        (7.0, 0.9, "near chance"),
        (3.0, 0.019, "collapsed"),
        (6.0, 0.0, "collapsed"),
    ],
)
def test_collapsed_or_near_chance_or_neither(loss, spread, fault):
    assert fault_of({"loss": loss, "chance": 6.0, "spread": spread}) == fault
