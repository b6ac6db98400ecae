"""A class: who may join, which folder is whose, and that nothing of it stays."""

import hashlib
import os

import pytest

from scapp.core.errors import ConfigError, DataError
from scapp.workspace import classroom as module
from scapp.workspace.classroom import Classroom, Limits, Shown, class_of, is_code


@pytest.fixture
def room(tmp_path):
    room = Classroom(tmp_path)
    room.begin("abc-def", 1.0, Limits(seats=3))
    return room


def test_each_browser_has_a_folder_that_its_secret_names_and_does_not_give_away(room):
    first, second = room.join("one"), room.join("two")
    assert (first.number, second.number) == (1, 2)
    assert room.known("one") == first.id == hashlib.sha256(b"one").hexdigest()[:32]
    assert room.known("three") is None
    assert room.workspace(first.id) != room.workspace(second.id)
    assert [member.number for member in room.members()] == [1, 2]
    assert set(room.workspaces()) == {room.workspace(first.id), room.workspace(second.id)}
    everything = "".join(path.read_text() for path in room.folder.rglob("*.json"))
    assert "one" not in everything.replace("none", "")
    assert class_of(room.workspace(first.id)).root == room.root
    assert class_of(room.root) is None


@pytest.mark.parametrize("id", ["", ".", "..", "../x", "0" * 31, "0" * 33, "G" * 32, "A" * 32, "0" * 32 + "\n", "/tmp"])
def test_what_is_no_members_id_has_no_folder(room, id):
    room.join("one")
    assert room.workspace(id) is None
    assert room.member(id) is None


def test_seats_are_limited_and_numbers_never_used_twice(room):
    for secret in "abc":
        room.join(secret)
    with pytest.raises(ConfigError, match="3 seats"):
        room.join("d")
    assert [member.number for member in room.members()] == [1, 2, 3]


def test_a_class_goes_on_after_a_restart_and_is_not_replaced_in_silence(room):
    again = Classroom(room.root)
    assert again.begin("", 1.0, Limits(seats=9)).limits.seats == 9
    assert again.begin("ABC def", 1.0, Limits()).code == "abc-def"
    assert again.begin("other-1", 1.0, Limits()).code == "other-1", "nobody had joined"
    member = again.join("one")
    folder = again.workspace(member.id)
    with pytest.raises(ConfigError, match="other-1 is held, and 1 browser joined"):
        again.begin("another", 1.0, Limits())
    assert again.known("one") == member.id
    assert folder.exists()


def test_its_end_deletes_everything_and_changes_the_code(room):
    member = room.join("one")
    folder, before = room.workspace(member.id), room.register
    assert room.close() == [folder]
    assert room.known("one") is None
    assert room.members() == room.workspaces() == []
    with pytest.raises(DataError, match="No class is held"):
        room.join("two")
    after = room.begin("", 2.0, before.limits)
    assert not folder.exists()
    assert after.id != before.id
    assert after.code != before.code
    folder.mkdir(parents=True)  # somebody was writing at that moment
    room.tidy()
    assert not folder.exists()
    assert (room.folder / after.id).is_dir()
    room.close()
    room.tidy()
    assert [path.name for path in room.folder.iterdir() if path.is_dir()] == []


def test_a_class_whose_time_is_up_has_no_members_and_is_not_gone_on_with(room, monkeypatch):
    room.join("one")
    assert not room.is_over
    ends = room.register.ends
    monkeypatch.setattr(module.time, "time", lambda: ends + 1)
    assert room.is_over
    assert room.known("one") is None
    assert room.members() == room.workspaces() == []
    with pytest.raises(DataError, match="No class is held"):
        room.join("two")
    assert room.begin("", 1.0, Limits()).code != "abc-def"


def test_seats_of_browsers_that_never_opened_a_page_are_free_again(room, monkeypatch):
    used, idle, fresh = (room.workspace(room.join(secret).id) for secret in "abc")
    (used / "runs").mkdir()
    os.utime(idle / "member.json", (1.0, 1.0))
    os.utime(used / "member.json", (1.0, 1.0))
    assert room.join("d").number == 4
    assert [folder.exists() for folder in (used, idle, fresh)] == [True, False, True]


def test_one_damaged_record_is_nobody_elses_matter(room):
    first, second = room.join("one"), room.join("two")
    (room.workspace(first.id) / "member.json").write_text("{")
    assert [member.number for member in room.members()] == [2]
    assert len(room.workspaces()) == 2
    assert room.member(first.id) is None
    assert room.workspace(first.id) is not None
    assert room.join("three").number == 3
    assert room.workspace(second.id) is not None


def test_what_is_shown_is_kept_and_taken_away(room):
    shown = Shown(lesson="maps", step="a", member="0" * 32)
    room.show(shown)
    assert room.register.shown == shown
    room.show(None)
    assert room.register.shown is None


def test_codes_are_compared_as_they_are_said(room):
    assert is_code(" ABC DEF ", "abc-def")
    assert is_code("abcdef", "abc-def")
    assert not is_code("", "abc-def")
    assert not is_code("abc-de", "abc-def")
    assert is_code("Cafe\u0301 12", "caf\u00e9-12")
    fresh = set()
    for _ in range(20):
        room.close()
        fresh.add(room.begin("", 1.0, Limits()).code)
    assert len(fresh) == 20
    assert all(len(code) == 7 and not set(code) & set("ilo01") for code in fresh)
    for code in ("a-b", "12345", "x" * 41):
        with pytest.raises(ConfigError, match="letters and digits"):
            room.begin(code, 1.0, Limits())


def test_a_damaged_register_is_said(room):
    (room.folder / "class.json").write_text("{")
    with pytest.raises(DataError, match=r"class\.json"):
        _ = room.register
    assert Classroom(room.root / "elsewhere").register is None
    with pytest.raises(DataError, match="No class is held"):
        Classroom(room.root / "elsewhere").join("x")
