"""Lessons: those that come with the app, and what is refused of others."""

import json

import pytest

from scapp.core.errors import ConfigError, DataError
from scapp.teach import prepared
from scapp.teach.gallery import mistake, mistakes
from scapp.teach.lesson import MOST_BYTES, Choice, Grid, built_in, filled, read_lesson
from scapp.teach.predictions import right_option


def made(**changes):
    step = {"id": "one", "title": "One", "minutes": 5, "text": "See."} | changes
    return json.dumps({"id": "own", "title": "Own", "summary": "Mine.", "steps": [step]})


def test_three_lessons_of_45_minutes():
    assert [lesson.minutes for lesson in built_in()] == [45, 45, 45]
    for lesson in built_in():
        for step in lesson.steps:
            assert step.prediction is not None
            assert step.activity is not None
            assert step.question is not None
            for place, option in enumerate(step.question.options):
                assert option.feedback, (lesson.id, step.id, place)
            if isinstance(step.prediction, Choice):
                right = right_option(step.prediction)
                wrong = [o for at, o in enumerate(step.prediction.options) if at != right]
                # where nothing was measured, a wrong prediction is told why
                assert all(option.feedback or option.fact for option in wrong), step.id


def test_a_lesson_survives_its_file():
    for lesson in built_in():
        assert read_lesson(lesson.model_dump_json(exclude_defaults=True)) == lesson


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"activity": {"kind": "grid", "temperature": 0.3}}, "0.3"),
        ({"activity": {"kind": "runs", "mistake": "none"}}, "none"),
        ({"activity": {"kind": "runs", "mistake": "collapse", "colour": "batch"}}, "batch"),
        ({"activity": {"kind": "maps", "maps": ["umap_of_mars"], "colours": ["cell_type"]}}, "umap_of_mars"),
        ({"activity": {"kind": "maps", "maps": ["pca"], "colours": ["mood"]}}, "mood"),
        ({"activity": {"kind": "circle", "type": "Unicorn"}}, "Unicorn"),
        ({"activity": {"kind": "training", "settings": {"temperature": -1}}}, "temperature"),
        ({"activity": {"kind": "training", "settings": {"tempo": 1}}}, "tempo"),
        ({"activity": {"kind": "profile", "cell": 1, "genes": ["CD3D"]}}, "cell"),
        ({"activity": {"kind": "profile", "cell": 105, "genes": ["NOSUCH"]}}, "NOSUCH"),
        ({"activity": {"kind": "film"}}, "film"),
        ({"text": "{runs.collapse.wrong.beauty}"}, "beauty"),
        ({"text": "{runs.collapse}"}, "group"),
        ({"text": "{runs.collapse.wrong.spread:.2q}"}, "filled in"),
        ({"text": "{"}, "filled in"),
        ({"prediction": {"kind": "number", "ask": "?", "fact": "runs.nothing"}}, "nothing"),
        ({"prediction": {"kind": "number", "ask": "?", "fact": "cells.pbmc", "minimum": 1, "maximum": 1}}, "minimum"),
        ({"prediction": {"kind": "loss", "ask": "?", "run": "none.wrong"}}, "none.wrong"),
        ({"prediction": {"kind": "place", "ask": "?", "map": "umap_pca", "cell": 7_000}}, "7,000"),
        (
            {"prediction": {"kind": "choice", "ask": "?", "options": [{"text": "a"}, {"text": "b"}], "right": 2}},
            "right",
        ),
        (
            {
                "prediction": {
                    "kind": "choice",
                    "ask": "?",
                    "options": [{"text": "a"}, {"text": "b"}],
                    "right": "highest",
                }
            },
            "fact",
        ),
        ({"question": {"ask": "?", "options": [{"text": "a"}, {"text": "b"}], "right": -1}}, "right"),
        ({"prediction": {"kind": "number", "ask": "?", "fact": "runs"}}, "not a number"),
        ({"prediction": {"kind": "number", "ask": "?", "fact": "version"}}, "not a number"),
        ({"prediction": {"kind": "number", "ask": "?", "fact": ""}}, "fact"),
        ({"prediction": {"kind": "number", "ask": "?", "fact": "cells.pbmc", "maximum": 1e20}}, "maximum"),
        ({"text": "{cells.pbmc:>300000000}"}, "no form of a number"),
        ({"text": "![](http://localhost/x.png)"}, "pictures"),
        ({"title": "{cells.pbmc}"}, "title"),
        ({"title": ""}, "title"),
        ({"activity": {"kind": "runs", "mistake": "collapse", "which": []}}, "which"),
        ({"activity": {"kind": "copies", "settings": {"thin_probability": 1.0}}}, "thin"),
        ({"activity": {"kind": "training", "settings": {"preset": ["a"]}}}, "wrong kind"),
        ({"id": "../../etc"}, "id"),
        ({"more": 1}, "more"),
    ],
)
def test_what_cannot_be_shown_is_refused_by_its_name(changes, said):
    with pytest.raises(ConfigError, match="This is not a lesson") as refused:
        read_lesson(made(**changes))
    assert said in refused.value.message


def test_other_files_are_refused():
    for text in ("", "[]", "{}", "not json", '{"id": "a"}'):
        with pytest.raises(ConfigError):
            read_lesson(text)
    with pytest.raises(ConfigError, match="characters"):
        read_lesson(made(text="x") + " " * MOST_BYTES)
    # JSON knows no Infinity, but Python writes it
    endless = made(prediction={"kind": "number", "ask": "?", "fact": "cells.pbmc", "maximum": float("inf")})
    with pytest.raises(ConfigError):
        read_lesson(endless)
    two = json.loads(made())
    two["steps"] *= 2
    with pytest.raises(ConfigError, match="one 'id'"):
        read_lesson(json.dumps(two))
    assert read_lesson(made()).minutes == 5


def test_texts_are_filled_with_facts_alone():
    spread = prepared.fact("runs.collapse.wrong.spread")
    assert filled("{runs.collapse.wrong.spread:.2f}, {{so}}") == f"{spread:.2f}, {{so}}"
    for text in ("{runs.__class__}", "{0}", "{}", "{runs[collapse]}", "{cells.pbmc.real}"):
        with pytest.raises(DataError):
            filled(text)


def test_a_grid_is_what_was_prepared():
    assert {name for name, _, _ in Grid(kind="grid").axes()} == {"temperature", "dropout", "rate"}


def test_gallery_has_what_can_go_wrong():
    assert {each.id for each in mistakes()} == {
        "collapse",
        "no_augmentation",
        "too_strong",
        "rate_too_high",
        "temperature_too_low",
        "batch_for_biology",
        "stale_keys",
        "too_few_cells",
    }
    for each in mistakes():
        for text in (each.happened, each.recognise, each.repair):
            assert filled(text)
        assert each.config("wrong") != each.config("repaired") or each.subset
        assert each.config("wrong").beside == "none"
    with pytest.raises(DataError, match="bad luck"):
        mistake("bad luck")
