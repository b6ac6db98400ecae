"""``scapp app``: what it starts, and what cannot be started."""

import subprocess
from types import SimpleNamespace

import pytest

from scapp.cli import main
from scapp.workspace.classroom import Classroom


@pytest.fixture
def started(monkeypatch):
    calls = []

    def run(command, *, env, check):
        calls.append((command, env))
        return SimpleNamespace(returncode=0)

    monkeypatch.setattr(subprocess, "run", run)
    return calls


def test_a_class_begins_and_the_app_goes_on_with_it(started, tmp_path):
    arguments = ["app", "--workspace", str(tmp_path), "--class", "bio-2026", "--host", "lab.example", "--port", "8600"]
    assert main(arguments) == 0
    command, environment = started[0]
    assert (environment["SCAPP_MODE"], environment["SCAPP_CLASS_CODE"]) == ("class", "bio-2026")
    assert environment["SCAPP_HOSTS"] == "lab.example"
    assert command[-4:] == ["--server.address", "0.0.0.0", "--browser.serverAddress", "lab.example"]
    assert Classroom(tmp_path).register.code == "bio-2026"
    assert main(["app", "--workspace", str(tmp_path)]) == 0
    command, environment = started[1]
    assert "SCAPP_MODE" not in environment
    assert "--server.address" not in command
    assert main(["app", "--workspace", str(tmp_path), "--class"]) == 0
    assert started[2][1]["SCAPP_CLASS_CODE"] == ""
    assert Classroom(tmp_path).register.code == "bio-2026", "it goes on"


def test_what_cannot_be_started_is_said_with_what_to_do(started, tmp_path, monkeypatch, capsys):
    def refused(*arguments):
        assert main(["app", "--workspace", str(tmp_path), *arguments]) == 2
        return capsys.readouterr().err

    assert "--class" in refused("--host", "lab.example")
    assert "2 letters and digits" in refused("--class", "ab")
    assert "no port 0" in refused("--port", "0")
    monkeypatch.setenv("SCAPP_TOKEN", "off")
    assert "Take SCAPP_TOKEN away" in refused("--class")
    monkeypatch.setenv("SCAPP_TOKEN", "t")
    assert main(["app", "--workspace", str(tmp_path), "--class", "bio-2026"]) == 0
    Classroom(tmp_path).join("secret")
    assert "Go on with it" in refused("--class", "bio-2027")
    (tmp_path / "class" / "class.json").write_text("{")
    assert "backup" in refused("--class")
    assert len(started) == 1
