"""Train a classifier, see which types to trust, look at the circles, annotate."""

import re

import pytest

from scapp.jobs.session import Session
from tests.browser.acting import download, enter, press, visible

pytestmark = [pytest.mark.browser, pytest.mark.timeout(1200)]


def test_from_labels_to_circles_and_annotation(server, open_browser, upload):
    session = Session(server.workspace, threads=1)
    dataset = session.run("import", path=str(upload), name="to classify")
    page = open_browser("dark")
    page.goto(f"{server.address}/classify?dataset={dataset.id}")
    visible(page, "Settings of a new classifier")
    enter(page, "Steps", "60")
    press(page, "Train the classifier")
    visible(page, re.compile(r"Training is done: macro F1 \d"))

    page.get_by_role("tab", name="Evaluate").click()
    visible(page, "Which types it can be trusted with")
    written = download(page, "Classifier types (CSV)")
    assert written.path().read_text().startswith("type,n_train,n_test,precision")

    visible(page, "The cells it is most confidently wrong about")
    visible(page, re.compile("expected calibration error"))

    page.get_by_role("link", name="Look at each type's circle").click()
    page.get_by_role("heading", name="All circles").wait_for()
    visible(page, re.compile("circle.*its cells|most of its cells"))
    # around everything on the large circle, once the page has come to rest
    page.get_by_role("heading", name="How a circle comes about").wait_for()
    page.locator("[data-testid=stApp][data-test-script-state=notRunning]").wait_for()
    page.wait_for_timeout(2000)
    frame = page.locator(".js-plotly-plot", has_text="all other types").first.locator(".nsewdrag").first
    frame.scroll_into_view_if_needed()
    box = frame.bounding_box()
    corners = [(0.02, 0.02), (0.98, 0.02), (0.98, 0.98), (0.02, 0.98), (0.02, 0.05)]
    page.mouse.move(box["x"] + 0.02 * box["width"], box["y"] + 0.05 * box["height"])
    page.mouse.down()
    for x, y in corners:
        page.mouse.move(box["x"] + x * box["width"], box["y"] + y * box["height"], steps=6)
    page.mouse.up()
    visible(page, re.compile(r"The \d+ cells that you drew around"))
    page.get_by_text("Show the steps of training").click()
    page.get_by_text("Play from the start").wait_for()

    page.get_by_role("link", name="Classification").first.click()
    page.get_by_role("tab", name="Annotate this dataset").click()
    press(page, "Annotate this dataset")
    visible(page, "they hold 100% of what it reads")
    page.get_by_role("button", name="Next: see them on the map").wait_for()

    page.get_by_role("tab", name="Compare").click()
    enter(page, "Steps", "20")
    enter(page, "Seeds", "1")
    page.get_by_text("References", exact=True).click()
    press(page, "Compare classifiers")
    visible(page, "What a component changes")
    visible(page, re.compile(r"Data Scarce: \d+ types"))
