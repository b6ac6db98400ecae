"""What a run says of itself while it goes on."""

import json

import pytest

from scapp.cli.console import ConsoleContext
from scapp.jobs import run_context as module
from scapp.jobs.run_context import RunContext


class Run:
    def __init__(self, folder):
        self.folder = folder


@pytest.fixture
def said(tmp_path):
    def read():
        path = tmp_path / "progress.json"
        return json.loads(path.read_text()) if path.exists() else None

    return read


@pytest.fixture
def clock(monkeypatch):
    moment = [100.0]
    monkeypatch.setattr("time.monotonic", lambda: moment[0])
    return moment


def test_a_pass_that_takes_long_says_how_far_it_is(tmp_path, said, clock):
    context = RunContext(Run(tmp_path))
    context.within(0.2)
    assert said() is None
    context.report(1, 4, "filtering")
    context.within(0.2)
    assert said()["text"] == "filtering"
    clock[0] += 1.1
    context.within(0.375)
    assert (said()["done"], said()["total"], said()["text"]) == (1, 4, "filtering (38%)")
    clock[0] += 0.5
    context.within(0.5)
    assert said()["text"] == "filtering (38%)"
    # the words of the step are kept, not those that were shown
    clock[0] += 1.1
    context.within(0.9)
    assert said()["text"] == "filtering (90%)"
    context.report(2, 4, "choosing genes")
    assert said()["text"] == "choosing genes"


def test_what_is_reported_too_often_is_remembered(tmp_path, said, clock):
    context = RunContext(Run(tmp_path))
    context.report(1, 100, "one")
    context.report(2, 100, "two")
    assert said()["text"] == "one"
    clock[0] += module.PASS_SECONDS + 0.1
    context.within(0.5)
    assert (said()["done"], said()["text"]) == (2, "two (50%)")


def test_the_command_line_says_it_more_seldom(capsys, clock):
    context = ConsoleContext()
    context.within(0.5)
    context.report(0, 4, "reading the file")
    clock[0] += 3
    context.within(0.1)
    clock[0] += 3
    context.within(0.25)
    assert capsys.readouterr().err == "reading the file (0/4)\nreading the file (25%)\n"
