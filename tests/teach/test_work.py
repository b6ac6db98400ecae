"""What a student has done: kept, put aside, and never overwritten where it cannot be read."""

import pytest

from scapp.core.errors import DataError
from scapp.teach.lesson import Step, built_in
from scapp.teach.work import FOLDER, StepWork, begin_anew, change_step, change_work, fitting, read_work


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
    assert (tmp_path / FOLDER / "learning.before1.json").exists()
    # nothing that was put aside is overwritten
    change_step(tmp_path, lesson, "copies", note="again")
    begin_anew(tmp_path, lesson)
    assert sorted(path.name for path in (tmp_path / FOLDER).glob("*.json")) == [
        "learning.before1.json",
        "learning.before2.json",
    ]


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
    assert (tmp_path / FOLDER / "learning.before1.json").read_text() == damage


def step_with(**parts):
    return Step.model_validate({"id": "one", "title": "One", "minutes": 1, "text": "", **parts})


OPTIONS = [{"text": "a"}, {"text": "b"}]
PREDICTIONS = {
    "choice": {"kind": "choice", "ask": "?", "options": OPTIONS, "right": 0},
    "number": {"kind": "number", "ask": "?", "fact": "cells.pbmc"},
    "loss": {"kind": "loss", "ask": "?", "run": "collapse.wrong"},
    "place": {"kind": "place", "ask": "?", "map": "umap_pca", "cell": 1},
}
PREDICTED = {"choice": 1, "number": 2.5, "loss": [6.0, 5.5, 5.0, 4.0, 3.0], "place": [0.1, 0.2]}


@pytest.mark.parametrize("now", PREDICTIONS)
def test_what_no_longer_fits_a_step_is_left_out(now):
    step = step_with(prediction=PREDICTIONS[now])
    for kind, predicted in PREDICTED.items():
        found = fitting(step, StepWork(predicted=predicted, revealed=True, note="kept"))
        # a position is a number, too
        fits = kind == now or (now, kind) == ("number", "choice")
        assert (found.predicted, found.revealed) == ((predicted, True) if fits else (None, False)), kind
        assert found.note == "kept"
    assert fitting(step_with(prediction=PREDICTIONS["choice"]), StepWork(predicted=2, revealed=True)).predicted is None
    asked = step_with(question={"ask": "?", "options": OPTIONS, "right": 0})
    assert fitting(asked, StepWork(answer=1)).answer == 1
    assert fitting(asked, StepWork(answer=2)).answer is None
    assert fitting(step_with(), StepWork(answer=0)).answer is None


def test_settings_of_another_activity_are_left_out():
    grid = step_with(activity={"kind": "grid"})
    assert fitting(grid, StepWork(settings={"dropout": 0.35, "rate": 0.1, "colour": "x"})).settings == {"rate": 0.1}
    maps = step_with(activity={"kind": "maps", "example": "pbmc", "maps": ["umap_pca"], "colours": ["cell_type"]})
    assert fitting(maps, StepWork(settings={"colour": "batch"})).settings == {}
    assert fitting(maps, StepWork(settings={"colour": "cell_type"})).settings == {"colour": "cell_type"}
