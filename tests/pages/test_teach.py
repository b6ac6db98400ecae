"""The Teach page."""

import json

import numpy as np
import pytest

from scapp.clear.config import clear_config
from scapp.core import files
from scapp.core.provenance import fingerprint
from scapp.jobs.chains.teach import TRAINED
from scapp.teach import prepared
from scapp.teach.gallery import mistakes
from scapp.teach.lesson import Choice, Number, Training, built_in
from scapp.teach.own import as_text, build, own_lessons, read_own, save_own
from scapp.teach.predictions import right_option
from scapp.teach.work import FOLDER, change_step, read_work
from scapp.ui.teach.write_tab import training_activity
from scapp.workspace.runs.run import Part, RunStore, Status
from scapp.workspace.runs.snapshots import write_snapshot
from tests.conftest import run_step
from tests.pages.conftest import button, frame, runs, texts

LESSON = built_in()[0]
STEPS = [(lesson, step) for lesson in built_in() for step in lesson.steps]


def labels(at):
    return [b.label for b in at.button]


def test_three_lessons_are_offered_and_one_is_begun(app, workspace):
    at = app("teach")
    for lesson in built_in():
        assert lesson.title in texts(at)
    assert labels(at).count("Begin") == 3
    button(at, "Begin").click()
    at.run()
    assert at.query_params["lesson"] == LESSON.id
    assert LESSON.steps[0].title in texts(at)
    assert read_work(workspace.root, LESSON).at == "copies"
    at = app("teach")
    assert "you are at step 1" not in texts(at)


@pytest.mark.parametrize(("lesson", "step"), STEPS, ids=[f"{lesson.id}.{step.id}" for lesson, step in STEPS])
def test_each_step_asks_before_it_shows(app, workspace, lesson, step):
    at = app("teach", lesson=lesson.id, step=step.id)
    assert not at.error
    assert "Predict." in texts(at)
    assert "Question." not in texts(at)
    reveal = button(at, "Reveal")
    asked = step.prediction
    if isinstance(asked, Choice):
        assert reveal.disabled
        next(r for r in at.radio if r.label == "Your prediction").set_value(right_option(asked))
        at.run()
    elif isinstance(asked, Number):
        assert reveal.disabled
        at.number_input[0].set_value(asked.maximum)
        at.run()
    elif asked.kind == "place":
        assert reveal.disabled
        at.session_state[f"lesson.{lesson.id}.{step.id}.mark"] = [0.1, 0.2]
        at.run()
    button(at, "Reveal").click()
    at.run()
    assert not at.error
    assert "Predict." not in texts(at)
    assert "Question." in texts(at)
    done = read_work(workspace.root, lesson).of(step.id)
    assert done.revealed
    if isinstance(asked, Choice):
        assert "So it is." in texts(at)
    elif isinstance(asked, Number):
        assert "measured:" in texts(at)
    # a wrong answer is told why, and the right one that it is right
    question = next(r for r in at.radio if r.label == "Your answer")
    wrong = next(place for place in range(len(step.question.options)) if place != step.question.right)
    question.set_value(wrong)
    at.run()
    assert "Not quite." in texts(at)
    next(r for r in at.radio if r.label == "Your answer").set_value(step.question.right)
    at.run()
    assert "**Right.**" in texts(at)
    assert read_work(workspace.root, lesson).of(step.id).answer == step.question.right
    if step.note:
        at.text_area[0].set_value("what I saw")
        at.run()
        assert read_work(workspace.root, lesson).of(step.id).note == "what I saw"
    assert any("✓" in option for option in at.selectbox[0].options)


def test_what_was_done_is_there_when_one_comes_back(app, workspace):
    at = app("teach", lesson=LESSON.id, step="chance")
    at.number_input[0].set_value(3.0)
    at.run()
    button(at, "Reveal").click()
    at.run()
    assert "You predicted 3" in texts(at)
    button(at, "Next step").click()
    at.run()
    assert at.query_params["step"] == "loss"
    again = app("teach", lesson=LESSON.id, step="chance")
    assert "You predicted 3" in texts(again)
    assert "Go on" in labels(app("teach"))


def test_a_drawn_loss_is_trained_and_compared(app, workspace):
    at = app("teach", lesson=LESSON.id, step="loss")
    for place, slider in enumerate(at.slider):
        slider.set_value(6.0 - place)
    at.run()
    button(at, "Reveal").click()
    at.run()
    assert read_work(workspace.root, LESSON).of("loss").predicted == [6.0, 5.0, 4.0, 3.0, 2.0]
    assert "Train to compare it" in texts(at)
    button(at, "Train").click()
    at.run()
    (run,) = runs(workspace).list()
    assert run.config.config["example"] == "pbmc"
    assert run.config.part.choices["settings"] == {TRAINED: {"beside": "none"}}
    id = read_work(workspace.root, LESSON).of("loss").analysis
    assert id == run.config.part.analysis

    # the chain goes on and ends, as the worker lets it
    trained = runs(workspace).create(
        "clear",
        dataset=None,
        config={},
        title="Train CLEAR",
        lane="training",
        part=Part(plan="lesson", analysis=id, stage=TRAINED),
    )
    for epoch in (1, 2):
        row = {"epoch": epoch, "epochs": 50, "loss": 6.0 - epoch, "chance": 6.2}
        files.append_json_line(trained.folder / "metrics.jsonl", row)
    for epoch in (0, 1):
        write_snapshot(trained.folder, epoch, frame(epoch))
    trained.set_status(Status(state="done", result={"dataset": "0" * 16, "seconds": 1.0}))
    at = app("teach", lesson=LESSON.id, step="loss")
    assert not at.error
    for _ in range(4):
        at.run()
    assert "Your curve ends at 2.00, the run's at **4.00**" in texts(at)


def test_sliders_of_the_grid_show_their_run(app):
    at = app("teach", lesson=LESSON.id, step="knobs")
    at.radio[0].set_value(0)
    at.run()
    button(at, "Reveal").click()
    at.run()
    sliders = {s.label: s for s in at.select_slider}
    sliders["Temperature"].set_value(0.02)
    at.run()
    {s.label: s for s in at.select_slider}["Learning rate"].set_value(1e-1)
    at.run()
    shown = {m.label: m.value for m in at.metric}
    content = prepared.arrays("grid")
    assert shown["loss / chance"] == f"{content['loss_share'][0, 2, 2]:.2f}"
    assert shown["neighbours of the same type"] == f"{content['same_type'][0, 2, 2]:.0%}"


@pytest.mark.parametrize("mistake", mistakes(), ids=lambda m: m.id)
def test_the_gallery_shows_each_mistake_and_its_repair(app, workspace, mistake):
    at = app("teach")
    at.session_state["teach.tab"] = "Runs that went wrong"
    at.run()
    at.selectbox[0].set_value(mistake.id)
    at.run()
    assert not at.error
    assert "How to recognise it" in texts(at)
    facts = prepared.fact(f"runs.{mistake.id}")
    first = mistake.shown[0]
    how = "{:.0%}" if first in ("same_type", "own_batch") else "{:.2f}"
    both = " → ".join(how.format(facts[which][first]) for which in ("wrong", "repaired"))
    assert at.metric[0].value == both
    for view in ("loss", "map"):
        at.segmented_control[0].set_value(view)
        at.run()
        assert not at.error
    if mistake.subset:
        assert "Make this mistake yourself" not in labels(at)
        return
    button(at, "Make this mistake yourself").click()
    at.run()
    (run,) = runs(workspace).list()
    told = run.config.part.choices["settings"][TRAINED]
    assert told == mistake.config("wrong").model_dump(mode="json")


def test_a_lesson_of_ones_own(app, workspace):
    own = json.loads(LESSON.model_dump_json(exclude_defaults=True)) | {"id": "own", "title": "Mine"}
    at = app("teach")
    for content, said in (
        (b"{}", "This is not a lesson"),
        (b"\xff\xfe", "not text in UTF-8"),
        (LESSON.model_dump_json().encode(), "comes with the app"),
    ):
        at.file_uploader[0].upload("lesson.json", content)
        at.run()
        assert said in texts(at)
    at.file_uploader[0].upload("lesson.json", json.dumps(own).encode())
    at.run()
    assert not at.error
    assert read_all(workspace) == {}
    button(at, "Open 'Mine'").click()
    at.run()
    assert at.query_params["lesson"] == "own"
    assert "Mine" in texts(app("teach"))
    (workspace.root / FOLDER / "own" / "bad.json").write_text("{")
    at = app("teach")
    assert "bad.json was left out" in texts(at)
    at.file_uploader[0].upload("lesson.json", json.dumps(own | {"title": "Other"}).encode())
    at.run()
    assert "takes its place" in texts(at)
    assert read_own(workspace.root, "own").title == "Mine"
    button(at, "Replace it by 'Other'").click()
    at.run()
    assert read_own(workspace.root, "own").title == "Other"


def read_all(workspace):
    return own_lessons(workspace.root)[0]


@pytest.mark.parametrize("lesson", built_in(), ids=lambda lesson: lesson.id)
def test_every_step_of_a_copy_works_as_in_its_original(app, workspace, lesson):
    at = opened(app, "Write a lesson")
    button(at, lesson.title).click()
    at.run()
    copy = read_own(workspace.root, f"{lesson.id}_2")
    for step in copy.steps:
        at = app("teach", lesson=copy.id, step=step.id)
        assert not at.error, step.id
        assert "Predict." in texts(at)


def test_what_was_saved_is_not_undone_by_what_a_form_held(app, workspace):
    at = opened(app, "Write a lesson")
    button(at, LESSON.title).click()
    at.run()
    area = field(at.text_area, "The lesson's file")
    area.set_value(area.value.replace('"Two copies of one cell"', '"Twins"').replace("(copy)", "(mine)"))
    button(at, "Check and save").click()
    at.run()
    next(b for b in at.button if b.label == "Save this step").click()
    at.run()
    copy = read_own(workspace.root, "learning_2")
    assert copy.steps[0].title == "Twins"
    assert copy.title.endswith("(mine)")
    assert copy.steps[0].question == LESSON.steps[0].question


def test_a_question_of_many_answers_keeps_them(app, workspace):
    many = {"ask": "?", "options": [{"text": letter, "feedback": "."} for letter in "abcdef"], "right": 5}
    content = json.loads(LESSON.model_dump_json(exclude_defaults=True)) | {"id": "own"}
    content["steps"][0]["question"] = many
    save_own(workspace.root, build(content))
    at = opened(app, "Write a lesson")
    next(b for b in at.button if b.label == "Save this step").click()
    at.run()
    assert not at.error
    asked = read_own(workspace.root, "own").steps[0].question
    assert ([option.text for option in asked.options], asked.right) == (list("abcdef"), 5)


def test_colours_and_thresholds_are_there_when_one_comes_back(app, workspace):
    maps = built_in()[1]
    at = app("teach", lesson="maps", step="confounded")
    at.radio[0].set_value(1)
    at.run()
    button(at, "Reveal").click()
    at.run()
    field(at.segmented_control, "Colour by").set_value("cell_type")
    at.run()
    assert read_work(workspace.root, maps).of("confounded").settings == {"colour": "cell_type"}
    again = app("teach", lesson="maps", step="confounded")
    assert field(again.segmented_control, "Colour by").value == "cell_type"
    assert read_work(workspace.root, maps).of("confounded").settings == {"colour": "cell_type"}


def test_a_lesson_that_was_changed_meanwhile_opens(app, workspace):
    change_step(workspace.root, LESSON, "copies", predicted=7, revealed=True, answer=9, settings={"dropout": "much"})
    change_step(workspace.root, LESSON, "knobs", predicted=[1.0], revealed=True, settings={"dropout": 0.35})
    for step in ("copies", "knobs"):
        at = app("teach", lesson=LESSON.id, step=step)
        assert not at.error
        assert "Predict." in texts(at)


def test_damaged_work_and_unknown_lessons_are_said(app, workspace):
    assert "no lesson of that name" in texts(app("teach", lesson="nothing"))
    assert LESSON.steps[0].title in texts(app("teach", lesson=LESSON.id, step="nothing"))
    (workspace.root / FOLDER / f"{LESSON.id}.json").write_text("{")
    at = app("teach", lesson=LESSON.id)
    assert "damaged" in at.error[0].value
    button(at, "Begin anew").click()
    at.run()
    assert not at.error
    assert np.all([not done.revealed for done in read_work(workspace.root, LESSON).steps.values()])
    # the list of lessons stands, whatever one of them has lost
    (workspace.root / FOLDER / f"{LESSON.id}.json").write_text("{")
    assert built_in()[1].title in texts(app("teach"))


def opened(app, tab):
    at = app("teach")
    at.session_state["teach.tab"] = tab
    at.run()
    return at


def field(elements, label):
    return next(element for element in elements if element.label == label)


def test_what_is_seen_is_recorded_and_gets_its_words(app, workspace):
    at = opened(app, "Settings and their runs")
    field(at.select_slider, "Temperature").set_value(2.0)
    at.run()
    field(at.text_input, "Title of the lesson").set_value("Heat")
    field(at.text_area, "What it is about").set_value("Too hot.")
    button(at, "Record").click()
    at.run()
    assert not at.error
    made = read_own(workspace.root, "heat")
    assert made.steps[0].activity.temperature == 2.0
    assert made.steps[0].text == "Too hot."
    at = opened(app, "Runs that went wrong")
    field(at.selectbox, "Of the lesson").set_value("heat")
    at.run()
    button(at, "Record").click()
    at.run()
    assert [step.activity.kind for step in read_own(workspace.root, "heat").steps] == ["grid", "runs"]

    at = opened(app, "Write a lesson")
    button(at, "Move down").click()
    at.run()
    assert [step.activity.kind for step in read_own(workspace.root, "heat").steps] == ["runs", "grid"]
    first = read_own(workspace.root, "heat").steps[0].id
    key = f"write.heat.{fingerprint(as_text(read_own(workspace.root, 'heat')))[:8]}.{first}"
    for name, value in (("ask", "Why?"), ("a0", "Because"), ("f0", "Yes."), ("a1", "Who knows"), ("f1", "You do.")):
        at.text_input(key=f"{key}.{name}").set_value(value)
    next(b for b in at.button if b.label == "Save this step").click()
    at.run()
    assert "Tick one answer as right" in at.error[0].value
    assert read_own(workspace.root, "heat").steps[0].question is None
    at.checkbox(key=f"{key}.r1").set_value(True)
    next(b for b in at.button if b.label == "Save this step").click()
    at.run()
    assert not at.error
    asked = read_own(workspace.root, "heat").steps[0].question
    assert (asked.ask, asked.right, [option.text for option in asked.options]) == ("Why?", 1, ["Because", "Who knows"])
    assert "Heat" in texts(app("teach"))
    assert "Why?" in texts(app("teach", lesson="heat"))


def test_a_copy_is_ones_own_and_its_file_is_checked(app, workspace):
    at = opened(app, "Write a lesson")
    assert "no lesson of your own yet" in texts(at)
    button(at, LESSON.title).click()
    at.run()
    copy = read_own(workspace.root, "learning_2")
    assert copy.steps == LESSON.steps
    area = field(at.text_area, "The lesson's file")
    area.set_value(area.value.replace('"minutes": 6', '"minutes": 600'))
    button(at, "Check and save").click()
    at.run()
    assert "minutes" in at.error[0].value
    assert read_own(workspace.root, "learning_2") == copy
    area = field(at.text_area, "The lesson's file")
    area.set_value(area.value.replace('"minutes": 600', '"minutes": 60'))
    button(at, "Check and save").click()
    at.run()
    assert not at.error
    assert read_own(workspace.root, "learning_2").steps[0].minutes == 60
    button(at, "Yes, delete it").click()
    at.run()
    assert "no lesson of your own yet" in texts(at)


def test_augmentations_and_trainings_of_an_example_are_recorded(app, workspace, prepared, tmp_path):
    at = app("augment", dataset=prepared.id)
    at.segmented_control(key=f"augment.{prepared.id}.preset").set_value("recommended")
    at.run()
    field(at.text_input, "Title of the lesson").set_value("Copies")
    button(at, "Record").click()
    at.run()
    assert not at.error
    made = read_own(workspace.root, "copies").steps[0].activity
    assert made.kind == "copies"
    assert made.settings["dropout_probability"] == 1.0

    example = run_step(workspace, "import", {"example": "pbmc", "name": "blood"}, None, tmp_path / "import")["dataset"]
    config = clear_config(epochs=3, temperature=0.1).model_dump(mode="json")
    for id, offered in ((example, True), (prepared.id, False)):
        run = RunStore(workspace.root).create("clear", dataset=id, config=config, title="t", lane="none")
        activity = training_activity(workspace.open(id), run)
        assert (activity is not None) == offered
        if activity is not None:
            assert activity == {
                "kind": "training",
                "example": "pbmc",
                "settings": {"epochs": 3, "temperature": 0.1},
            }
            assert Training.model_validate(activity).settings["epochs"] == 3
