"""What a student has done: kept, put aside, and never overwritten where it cannot be read."""

import pytest

from scapp.core.errors import DataError
from scapp.teach.lesson import built_in
from scapp.teach.work import FOLDER, StepWork, begin_anew, change_step, change_work, read_work


def test_work_comes_back_and_can_be_begun_anew(tmp_path):
    lesson = built_in()[0]
    assert read_work(tmp_path, lesson).steps == {}
    change_step(tmp_path, lesson, "copies", predicted=[1.5, 2.5], revealed=True, answer=1)
    # another tab, which has not seen that
    change_step(tmp_path, lesson, "copies", note="ä <b>")
    change_step(tmp_path, lesson, "chance", predicted=6.5)
    change_step(tmp_path, lesson, "knobs", predicted=2)
    change_work(tmp_path, lesson, at="knobs", name="Ada")
    again = read_work(tmp_path, lesson)
    assert (again.at, again.name) == ("knobs", "Ada")
    done = StepWork(predicted=[1.5, 2.5], revealed=True, answer=1, note="ä <b>")
    assert again.of("copies") == done
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
    with pytest.raises(DataError, match="damaged"):
        change_step(tmp_path, lesson, "copies", note="new")
    assert place.read_text() == damage
    begin_anew(tmp_path, lesson)
    assert (tmp_path / FOLDER / "learning.before.json").read_text() == damage
