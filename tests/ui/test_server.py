"""What a server does beside its pages."""

import gc

import pytest

from scapp.ui.kit import server


@pytest.fixture
def thawed():
    yield
    gc.unfreeze()


def test_libraries_are_spared_the_collection_once_and_again_when_there_are_more(thawed, monkeypatch):
    monkeypatch.setattr(server, "_spared", 0)
    gc.unfreeze()
    server.spare_modules()
    spared = gc.get_freeze_count()
    assert spared > 10_000
    kept = [[] for _ in range(1000)]
    server.spare_modules()
    assert gc.get_freeze_count() <= spared, "no new module: what was made since stays collectable"
    monkeypatch.setattr(server, "_spared", 1)
    server.spare_modules()
    assert gc.get_freeze_count() > spared
    assert len(kept) == 1000
