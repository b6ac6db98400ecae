"""From the blood example through every section of Differential expression to the report, opened and read."""

import re

import pytest

from scapp.jobs.session import Session
from tests.browser.acting import download, press, visible

pytestmark = [pytest.mark.browser, pytest.mark.timeout(1200)]


def test_from_the_design_to_the_report(server, open_browser, blood_file, tmp_path):
    session = Session(server.workspace, threads=1)
    dataset = session.run("import", path=str(blood_file), name="blood study")
    dataset = session.run("prepare", dataset, n_top_genes=200)
    session.run("map", dataset, representation="pca")
    page = open_browser()
    page.goto(f"{server.address}/de?dataset={dataset.id}")
    press(page, "Use this design")
    visible(page, "This design is in use on all tabs.")

    page.get_by_role("tab", name="Composition").click()
    visible(page, "Which shares differ?")
    visible(page, "On the map")

    page.get_by_role("tab", name="Markers").click()
    press(page, "Find marker genes")
    visible(page, "Genes on the map")
    page.get_by_role("button", name="Download means and shares as CSV").wait_for()

    page.get_by_role("tab", name="Genes", exact=True).click()
    press(page, "Find differential genes")
    visible(page, re.compile(r"\d+ genes up and"))
    visible(page, "The chosen genes by donor")
    written = download(page, "Download every tested gene as CSV")
    assert written.path().read_text().startswith("gene,symbol,log2_fold_change")

    page.get_by_role("tab", name="Gene-set scores").click()
    press(page, "Score gene sets")
    visible(page, "Scores shown")

    page.get_by_role("tab", name="Pathways").click()
    press(page, "Find pathways")
    visible(page, "Behind one pathway")
    visible(page, re.compile("Clearest up"))

    page.get_by_role("tab", name="Report").click()
    press(page, "Write the report")
    written = download(page, re.compile("Download .*study.html"))
    report = tmp_path / "report.html"
    written.save_as(report)
    page.goto(report.as_uri())
    for heading in ("Study design", "Composition", "Gene-set scores", "Methods", "Versions"):
        page.get_by_role("heading", name=heading, exact=True).wait_for()
    assert page.locator(".plotly-graph-div .main-svg").count() > 8
