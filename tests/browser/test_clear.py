"""A lesson (after the main job, which begins with an empty workspace): see what augmentations do, train with them, and
look back on the training.
"""

import re

import pytest

from scapp.jobs.session import Session
from tests.browser.acting import download, enter, press, visible, wait_for_epoch

pytestmark = [pytest.mark.browser, pytest.mark.timeout(1200)]


def test_from_the_augmentations_of_a_cell_to_the_replay_of_a_run(server, open_browser, upload):
    session = Session(server.workspace, threads=1)
    dataset = session.run("prepare", session.run("import", path=str(upload)))
    page = open_browser()
    page.goto(f"{server.address}/augment?dataset={dataset.id}")

    # one cell, and its copies
    visible(page, "One cell, before and after")
    visible(page, "the whole chain")
    press(page, "A random cell")
    press(page, "Again")
    visible(page, re.compile("of copies lie nearest to a cell of their own type"))
    page.get_by_text("Recommended (not the paper's: see ?)").click()
    visible(page, re.compile("Heavy dropout.*in 100% of views"))
    press(page, "Next: train with these augmentations")

    # training that starts from them, with labels to compare with
    visible(page, "The augmentations are those that you set on the Augmentations page")
    enter(page, "Epochs", "60")
    press(page, "Train CLEAR")
    wait_for_epoch(page, 2)
    visible(page, "Training is done")
    visible(page, re.compile("k-means agrees with 'cell_type'"))
    visible(page, "views of the same")

    # looked back on
    page.get_by_role("tab", name="Replay by epoch").click()
    page.get_by_text("before training").wait_for()
    page.get_by_text("▶ Play").click()
    page.get_by_text(re.compile(r"epoch 60: loss \d")).wait_for()
    page.get_by_role("tab", name="One cell's loss").click()
    visible(page, "At temperature 0.5 the positive has")
    slider = page.get_by_role("slider", name="Temperature")
    slider.focus()
    slider.press("ArrowRight")
    visible(page, "At temperature 0.55 the positive has")
    written = download(page, "Loss of one cell (CSV)")
    lines = written.path().read_text().splitlines()
    assert lines[0] == "cell,kind,similarity,share of the softmax (%)"
    assert lines[1].startswith("positive: view of ")
