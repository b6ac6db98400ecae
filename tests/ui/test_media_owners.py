"""A file is given to those on whose pages it was, and to nobody else."""

from types import SimpleNamespace

import pytest
from streamlit.runtime.media_file_manager import MediaFileManager, MediaFileStorageError
from streamlit.runtime.memory_media_file_storage import MemoryMediaFileStorage

from scapp.ui.kit import media_owners as module
from scapp.ui.kit.media_owners import MediaOwners


@pytest.fixture
def offer(monkeypatch):
    """Streamlit's manager as it is watched, and a way to be somebody."""
    owners, manager = MediaOwners(), MediaFileManager(MemoryMediaFileStorage("/media"))
    owners.watch(manager)

    def be(name):
        context = SimpleNamespace(user_info={"owner": name}) if name is not None else None
        monkeypatch.setattr(module, "get_script_run_ctx", lambda: context)

    return owners, manager, be


def name_of(address):
    return address.rsplit("/", 1)[-1]


def test_a_file_belongs_to_all_on_whose_pages_it_was(offer):
    owners, manager, be = offer
    be("a")
    first = name_of(manager.add(b"one", "text/csv", "1.0", "one.csv", is_for_static_download=True))
    be("b")
    second = name_of(manager.add(b"two", "text/csv", "1.0"))
    assert owners.may_read("a", first)
    assert not owners.may_read("b", first)
    assert not owners.may_read("", first)
    assert not owners.may_read("a", second)
    assert name_of(manager.add(b"one", "text/csv", "1.0", "one.csv", is_for_static_download=True)) == first
    assert owners.may_read("b", first)
    be(None)
    assert not owners.may_read("", name_of(manager.add(b"three", "text/csv", "1.0")))


def test_a_file_that_is_made_when_it_is_asked_for_belongs_to_whom_it_was_promised(offer):
    owners, manager, be = offer
    be("a")
    promised = manager.add_deferred(lambda: b"later", "text/plain", "1.0")
    be("b")  # knows the id
    made = name_of(manager.execute_deferred(promised))
    assert owners.may_read("a", made)
    assert not owners.may_read("b", made)
    be(None)  # Streamlit makes it in a thread without a page
    assert name_of(manager.execute_deferred(promised)) == made
    with pytest.raises(MediaFileStorageError):
        manager.execute_deferred("unknown")


def test_the_oldest_are_forgotten(offer, monkeypatch):
    owners, manager, be = offer
    monkeypatch.setattr(module, "MOST", 2)
    be("a")
    names = [name_of(manager.add(bytes([value]), "text/csv", "1.0")) for value in range(3)]
    assert [owners.may_read("a", name) for name in names] == [False, True, True]
    manager.add(bytes([1]), "text/csv", "1.0")  # offered again
    manager.add(bytes([9]), "text/csv", "1.0")
    assert [owners.may_read("a", name) for name in names] == [False, True, False]
