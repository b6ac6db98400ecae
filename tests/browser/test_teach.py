"""The three lessons, walked through as a student does, to worksheets that print on four pages."""

import re

import pytest

from scapp.teach import prepared
from scapp.teach.lesson import Choice, LossCurve, Number, Place, built_in
from scapp.teach.predictions import right_option
from scapp.teach.work import read_work
from tests.browser.acting import AT_REST, download, enter, press, visible

pytestmark = [pytest.mark.browser, pytest.mark.timeout(1200)]


def predict(page, step):
    """Whatever a step asks for, as a student would give it."""
    asked = step.prediction
    # until then options of the step before stand there too
    page.locator(AT_REST).wait_for()
    if isinstance(asked, Choice):
        page.get_by_test_id("stRadio").locator("label").nth(1 + right_option(asked)).click()
    elif isinstance(asked, Number):
        enter(page, re.compile("Your prediction"), f"{asked.maximum:g}")
    elif isinstance(asked, Place):
        box = page.locator(".js-plotly-plot").last.locator(".nsewdrag").first.bounding_box()
        page.mouse.click(*spot(box, prepared.map_points(asked.example, asked.map), asked.cell))
        visible(page, "Your mark is the star.")
    press(page, "Reveal")
    visible(page, "Question.")


def spot(box, points, cell):
    """Where a cell of a map lies on the screen; Plotly leaves the same margin around the points as here."""
    low, high = points.min(axis=0), points.max(axis=0)
    share = (points[cell] - low) / (high - low)
    margin = 0.055
    x = box["x"] + box["width"] * (margin + (1 - 2 * margin) * share[0])
    return float(x), float(box["y"] + box["height"] * (1 - margin - (1 - 2 * margin) * share[1]))


def answer(page, step):
    """The right answer to the question."""
    page.locator(AT_REST).wait_for()
    page.get_by_test_id("stRadio").last.locator("label").nth(1 + step.question.right).click()
    visible(page, "Right.")


def train(page):
    """Train, and see it end."""
    press(page, "Train")
    visible(page, re.compile("^(before training|epoch \\d+)$"))
    visible(page, "See this run on Train CLEAR")
    visible(page, re.compile("Your curve ends at"))


@pytest.mark.parametrize("lesson", built_in(), ids=lambda lesson: lesson.id)
def test_a_lesson_from_its_card_to_the_worksheet(server, open_browser, lesson, tmp_path):
    page = open_browser()
    page.goto(f"{server.address}/teach")
    visible(page, lesson.title)
    cards = [each.id for each in built_in()]
    page.locator(AT_REST).wait_for()
    page.get_by_role("button", name=re.compile("^(Begin|Go on)$")).nth(cards.index(lesson.id)).click()
    for place, step in enumerate(lesson.steps):
        page.get_by_role("heading", name=step.title, exact=True).wait_for()
        predict(page, step)
        if isinstance(step.prediction, LossCurve):
            train(page)
        figure = page.locator(".js-plotly-plot").last.bounding_box()
        assert figure["y"] < 400, step.id
        assert figure["y"] + figure["height"] < 960, step.id
        answer(page, step)
        if step.note:
            page.get_by_role("textbox").last.fill(f"seen in {step.id}")
            page.get_by_role("textbox").last.press("Control+Enter")
        if place + 1 < len(lesson.steps):
            press(page, "Next step")
    sheet = tmp_path / "sheet.html"
    download(page, "Worksheet (HTML, to print)").save_as(sheet)
    done = read_work(server.workspace, lesson)
    assert all(done.of(step.id).answer == step.question.right for step in lesson.steps)
    assert [done.of(step.id).note for step in lesson.steps if step.note] == [
        f"seen in {step.id}" for step in lesson.steps if step.note
    ]
    page.goto(sheet.as_uri())
    page.get_by_role("heading", name=lesson.title).wait_for()
    assert page.locator(".plotly-graph-div .main-svg").count() >= len(lesson.steps)
    printed = page.pdf(format="A4")
    assert 1 < len(re.findall(rb"/Type\s*/Page\b", printed)) <= 4
