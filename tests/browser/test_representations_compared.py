"""Compare representations on one's own data, and read the scoreboard."""

import re

import pytest

from scapp.jobs.session import Session
from tests.browser.test_main_job import visible

pytestmark = [pytest.mark.browser, pytest.mark.timeout(1200)]


def test_from_labels_to_the_scoreboard(server, open_browser, upload):
    session = Session(server.workspace, threads=1)
    dataset = session.run("import", path=str(upload), name="to compare")
    dataset = session.run("prepare", dataset, n_top_genes=100)
    page = open_browser()
    page.goto(f"{server.address}/benchmarks?dataset={dataset.id}")
    visible(page, "Settings of a new comparison")
    page.get_by_role("spinbutton", name="Seeds").fill("2")
    page.get_by_text("Advanced settings").click()
    page.get_by_role("spinbutton", name="CLEAR's epochs").fill("2")
    page.get_by_role("button", name="Compare", exact=True).click()
    visible(page, re.compile("On this dataset, CLEAR is"))
    visible(page, "Leiden over resolutions")
    with page.expect_download() as download:
        page.get_by_role("button", name="Download every seed as CSV").click()
    assert download.value.path().read_text().startswith("method,title,seed")

    page.get_by_role("tab", name="Scoreboard").click()
    visible(page, "Ranks count means alone")
    visible(page, re.compile("On this dataset, CLEAR is"))
    page.get_by_role("button", name="Download as CSV", exact=True).wait_for()
