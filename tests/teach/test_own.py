"""Lessons that a teacher has made."""

import json

import pytest

from scapp.core.errors import ConfigError, DataError
from scapp.teach.lesson import built_in
from scapp.teach.own import as_text, build, delete_own, id_from, own_lessons, read_own, save_own, taken_ids, with_step
from scapp.teach.work import FOLDER, change_work

STEP = {"title": "Look here!", "minutes": 5, "text": "See.", "activity": {"kind": "grid", "dropout": 0.5}}


def test_a_lesson_grows_step_by_step(tmp_path):
    made = with_step(None, "My lesson", STEP)
    assert (made.id, made.steps[0].id) == ("my_lesson", "look_here")
    assert made.steps[0].activity.dropout == 0.5
    save_own(tmp_path, made)
    more = with_step(read_own(tmp_path, "my_lesson"), "", STEP)
    assert [step.id for step in more.steps] == ["look_here", "look_here_2"]
    save_own(tmp_path, more)
    found, unread = own_lessons(tmp_path)
    assert found == {"my_lesson": more}
    assert unread == {}
    # another one of the same title does not take its place
    assert with_step(None, "My lesson", STEP, taken=found).id == "my_lesson_2"
    delete_own(tmp_path, "my_lesson")
    assert own_lessons(tmp_path) == ({}, {})
    with pytest.raises(DataError):
        delete_own(tmp_path, "../../etc/passwd")
    # what students did in it is not taken for work in a new one
    change_work(tmp_path, more, name="Ada")
    assert "my_lesson" in taken_ids(tmp_path)
    assert with_step(None, "My lesson", STEP, taken=taken_ids(tmp_path)).id == "my_lesson_2"


def test_what_comes_with_the_app_stays(tmp_path):
    with pytest.raises(ConfigError, match="comes with the app"):
        save_own(tmp_path, built_in()[0])
    assert with_step(None, "Learning", STEP).id == "learning_2"


def test_a_step_that_cannot_be_is_refused_and_nothing_written(tmp_path):
    with pytest.raises(ConfigError, match="This is not a lesson"):
        with_step(None, "Mine", {**STEP, "text": "{"})
    with pytest.raises(ConfigError):
        build({"id": "x"})
    assert not (tmp_path / FOLDER).exists()


def test_files_that_cannot_be_read_are_named(tmp_path):
    save_own(tmp_path, with_step(None, "Good", STEP))
    folder = tmp_path / FOLDER / "own"
    (folder / "bad.json").write_text("{")
    (folder / "bytes.json").write_bytes(b"\xff\xfe")
    (folder / "learning.json").write_text(as_text(built_in()[0]))
    (folder / "other.json").write_text(as_text(read_own(tmp_path, "good")))
    found, unread = own_lessons(tmp_path)
    assert list(found) == ["good"]
    assert set(unread) == {"bad.json", "bytes.json", "learning.json", "other.json"}


@pytest.mark.parametrize(
    ("title", "id"), [("Ä ö!", "step"), ("Which map?", "which_map"), ("a" * 90, "a" * 30), ("../x", "x"), ("", "step")]
)
def test_ids_are_words(title, id):
    assert id_from(title, set()) == id
    assert id_from(title, {id}) == f"{id}_2"


def test_a_lesson_as_text_is_the_lesson():
    made = with_step(None, "Mine", STEP)
    assert build(json.loads(as_text(made))) == made
