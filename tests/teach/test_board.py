"""What a class did, gathered and drawn."""

import pytest

from scapp.plotting.theme import KEPT, REMOVED
from scapp.reports.class_figures import answered_figure, predicted_figure, trained_figure
from scapp.teach.board import answers, most_are_at, predictions, read_class, where_table
from scapp.teach.lesson import Choice, LossCurve, Number, Place, built_in
from scapp.teach.predictions import measured, right_option
from scapp.teach.work import FOLDER, change_step, change_work
from scapp.workspace.classroom import Classroom, Limits

LESSONS = {lesson.id: lesson for lesson in built_in()}


def step_asking(kind):
    return next(
        (lesson, step) for lesson in LESSONS.values() for step in lesson.steps if isinstance(step.prediction, kind)
    )


@pytest.fixture
def room(tmp_path):
    room = Classroom(tmp_path)
    room.begin("abc-def", 1.0, Limits())
    return room


def seats_with(room, lesson, step, predicted, **changes):
    for number, value in enumerate(predicted):
        root = room.workspace(room.join(str(number)).id)
        change_step(root, lesson, step.id, predicted=value, revealed=True, **changes)
        change_work(root, lesson, at=step.id)
    return read_class(room, lesson)


def test_who_is_where(room):
    lesson = LESSONS["learning"]
    first, second = lesson.steps[:2]
    here, there, nowhere, damaged = (room.workspace(room.join(secret).id) for secret in "abcd")
    change_step(here, lesson, first.id, predicted=0, revealed=True, answer=first.question.right)
    change_work(here, lesson, at=second.id)
    change_step(there, lesson, first.id, predicted=1, answer=1 - first.question.right)
    change_work(there, lesson, at=first.id)
    (damaged / FOLDER).mkdir()
    (damaged / FOLDER / f"{lesson.id}.json").write_text("{")
    seats = read_class(room, lesson)
    table = where_table(seats, lesson).set_index("browser")
    assert table["step"].fillna(0).tolist() == [2, 1, 0, 0]
    assert table["predicted"].tolist() == [1, 0, 0, 0]
    assert table["answered"].tolist() == [1, 1, 0, 0]
    assert table["right"].tolist() == [1, 0, 0, 0]
    assert most_are_at(seats, lesson) == 0
    assert most_are_at([], lesson) == 0
    assert where_table([], lesson).empty
    assert predictions(seats, first) == {1: 0}, "who has not revealed still thinks"
    assert sum(answers(seats, first)) == 2
    assert nowhere.exists()


def test_choices_are_counted_and_the_right_one_told_only_on_request(room):
    lesson, step = step_asking(Choice)
    right = right_option(step.prediction)
    seats = seats_with(room, lesson, step, [right, right, 1 - right], answer=0)
    found = predictions(seats, step)
    bar = predicted_figure(step.prediction, found, told=False).figure.data[0]
    assert [bar.x[right], bar.x[1 - right]] == [2, 1]
    assert KEPT not in bar.marker.color
    figure = predicted_figure(step.prediction, found, chosen=3).figure
    assert figure.data[0].marker.color[right] == KEPT
    assert figure.layout.yaxis.ticktext[right].endswith("✓")
    assert figure.data[0].marker.line.width[1 - right] > 0
    counts = answers(seats, step)
    assert counts[0] == 3
    assert list(answered_figure(step.question, counts).figure.data[0].x) == counts


def test_numbers_stand_above_each_other_beside_what_was_measured(room):
    lesson, step = step_asking(Number)
    asked = step.prediction
    seats = seats_with(room, lesson, step, [asked.minimum, asked.minimum, asked.maximum])
    figure = predicted_figure(asked, predictions(seats, step), chosen=2).figure
    assert list(figure.data[0].x) == [asked.minimum, asked.minimum, asked.maximum]
    assert list(figure.data[0].y) == [1, 2, 1]
    assert [colour == REMOVED for colour in figure.data[0].marker.color] == [False, True, False]
    assert figure.layout.shapes[0].x0 == measured(asked)
    assert not predicted_figure(asked, {}, told=False).figure.layout.shapes


def test_curves_and_places_lie_over_each_other(room):
    lesson, step = step_asking(LossCurve)
    seats = seats_with(room, lesson, step, [[6.0, 5.0, 4.0, 3.0, 2.0], [6.0, 6.0, 6.0, 6.0, 6.0]])
    figure = predicted_figure(step.prediction, predictions(seats, step), chosen=1).figure
    assert [list(trace.y) for trace in figure.data[:2]] == [[6.0] * 5, [6.0, 5.0, 4.0, 3.0, 2.0]], "the chosen on top"
    assert figure.data[2].name == "measured"
    assert len(predicted_figure(step.prediction, predictions(seats, step), told=False).figure.data) == 2
    lesson, step = step_asking(Place)
    figure = predicted_figure(step.prediction, {4: [1.0, 2.0]}, told=False).figure
    assert [trace.name for trace in figure.data if trace.x[0] is not None][-1] == "predicted"
    assert (figure.data[-1].x[0], figure.data[-1].y[0]) == (1.0, 2.0)
    assert "the cell" not in [trace.name for trace in figure.data]
    assert "the cell" in [trace.name for trace in predicted_figure(step.prediction, {}).figure.data]
    assert list(trained_figure({1: [3.0, 2.0]}, 6.2).figure.data[0].x) == [1, 2]
