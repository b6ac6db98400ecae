"""Short forms of the campaigns; the long ones' figures stand in benchmarks/README.md."""

import importlib

import pytest

from benchmarks.campaigns.__main__ import CAMPAIGNS
from benchmarks.campaigns.tally import Tally, must

SHORT = {"kill": 4, "fuzz": 40, "attack": 17, "faults": 10}


@pytest.mark.parametrize("name", CAMPAIGNS)
@pytest.mark.timeout(300)
def test_a_short_campaign_breaks_nothing(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    # campaigns set what a deployment would; it must not stay for other tests
    monkeypatch.setenv("SCAPP_IMPORT_MINUTES", "60")
    tally: Tally = importlib.import_module(f"benchmarks.campaigns.{name}").campaign(SHORT[name], seed=1)
    assert tally.broken == []
    assert sum(tally.tried.values()) + sum(tally.skipped.values()) >= SHORT[name]


def test_what_is_broken_is_counted() -> None:
    tally = Tally("example")
    for value in (1, 2):
        with tally.trial("kind", f"trial {value}"):
            must(value == 1, "it is not one")
    assert tally.content["tried"] == 2
    assert tally.content["held"] == 1
    assert tally.broken == ["kind, trial 2: it is not one"]
