"""What a student has done: kept, put aside, and never overwritten where it cannot be read."""

import pytest

from scapp.core.errors import DataError
from scapp.teach.lesson import built_in
from scapp.teach.work import FOLDER, begin_anew, read_work, write_work


def test_work_comes_back_and_can_be_begun_anew(tmp_path):
    lesson = built_in()[0]
    work = read_work(tmp_path, lesson)
    assert work.steps == {}
    done = work.of("copies")
    done.predicted, done.revealed, done.answer, done.note = [1.5, 2.5], True, 1, "ä <b>"
    work.of("chance").predicted = 6.5
    work.of("knobs").predicted = 2
    write_work(tmp_path, lesson, work)
    again = read_work(tmp_path, lesson)
    assert again == work
    assert isinstance(again.of("knobs").predicted, int)
    assert read_work(tmp_path, built_in()[1]).steps == {}
    begin_anew(tmp_path, lesson)
    assert read_work(tmp_path, lesson).steps == {}
    assert (tmp_path / FOLDER / "learning.before.json").exists()
    begin_anew(tmp_path, lesson)


@pytest.mark.parametrize("damage", ["", "{", '{"steps": 3}', "[]"])
def test_a_damaged_file_is_said_and_kept(tmp_path, damage):
    lesson = built_in()[0]
    (tmp_path / FOLDER).mkdir()
    place = tmp_path / FOLDER / "learning.json"
    place.write_text(damage)
    with pytest.raises(DataError, match="damaged"):
        read_work(tmp_path, lesson)
    assert place.read_text() == damage
    begin_anew(tmp_path, lesson)
    assert (tmp_path / FOLDER / "learning.before.json").read_text() == damage
