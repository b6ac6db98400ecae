"""Compare representations on one's own data, and read the scoreboard."""

import re

import pytest

from scapp.jobs.session import Session
from tests.browser.acting import download, enter, press, visible

pytestmark = [pytest.mark.browser, pytest.mark.timeout(1200)]


def test_from_labels_to_the_scoreboard(server, open_browser, upload):
    session = Session(server.workspace, threads=1)
    dataset = session.run("import", path=str(upload), name="to compare")
    dataset = session.run("prepare", dataset, n_top_genes=100)
    page = open_browser()
    page.goto(f"{server.address}/evaluate?dataset={dataset.id}")
    visible(page, "Settings of a new comparison")
    enter(page, "Seeds", "2")
    page.get_by_text("Advanced settings").click()
    enter(page, "CLEAR's epochs", "2")
    press(page, "Compare")
    visible(page, re.compile("On this dataset, CLEAR is"))
    visible(page, "Leiden over resolutions")
    written = download(page, "Clustering every seed (CSV)")
    assert written.path().read_text().startswith("method,title,seed")

    page.get_by_role("tab", name="Scoreboard").click()
    visible(page, "Ranks count means alone")
    visible(page, re.compile("On this dataset, CLEAR is"))
    assert download(page, "Scoreboard (CSV)").path().read_text().startswith("task,")
