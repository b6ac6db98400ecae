"""From the blood example through every section of Differential expression to the report, opened and read."""

import re

import pytest

from scapp.jobs.session import Session
from tests.browser.acting import AT_REST, download, press, visible

pytestmark = [pytest.mark.browser, pytest.mark.timeout(1200)]


def test_from_the_design_to_the_report(server, open_browser, blood_file, tmp_path):
    session = Session(server.workspace, threads=1)
    dataset = session.run("import", path=str(blood_file), name="blood study")
    dataset = session.run("prepare", dataset, n_top_genes=200)
    session.run("map", dataset, representation="pca")
    page = open_browser()
    page.goto(f"{server.address}/de?dataset={dataset.id}")
    page.get_by_role("tab", name="Study design").click()
    press(page, "Use this design")
    visible(page, "This design is in use on all tabs.")

    page.get_by_role("tab", name="Composition").click()
    visible(page, "Which shares differ?")
    visible(page, "On the map")

    page.get_by_role("tab", name="Markers").click()
    press(page, "Find marker genes")
    visible(page, "Genes on the map")
    written = download(page, "Expression by cell type (CSV)")
    assert written.path().read_text().startswith("gene,group,mean,share")

    page.get_by_role("tab", name="Genes", exact=True).click()
    press(page, "Find differential genes")
    visible(page, re.compile(r"\d+ genes up and"))
    visible(page, "The chosen genes by donor")
    written = download(page, re.compile(r"^Genes CD14 monocyte: .* all \(CSV\)$"))
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
    for heading in ("Findings", "Cell-type composition", "Study design", "Gene-set scores", "Methods", "Versions"):
        page.get_by_role("heading", name=heading, exact=True).wait_for()
    assert page.locator(".plotly-graph-div .main-svg").count() > 8


FOUND = {
    "A": "severe: 1,963 cells of 6 donors",
    "B": "10 cell types; the largest are CD14 monocyte",
    "C": re.compile("severe against healthy: higher share of .*Plasma cell.*; lower share of .*NK cell, CD16 monocyte"),
    "D": re.compile("CD14 monocyte: .*; CD4 T cell: .*; Platelet: "),
    "E": "CD14 monocyte, severe: IL1B, IL6, IL10, TNF without a clear change.",
    "F": re.compile(
        "ISG.: 22 up, of 24 tested; MHC class I: 3 down, of 9 tested; MHC class II: 11 down.*alarmins: 3 up"
    ),
    "G": re.compile("severe against healthy: lower score of MHC class II, MHC class I"),
    "H": re.compile("severe against healthy: higher score of Interferon.*, S100A8/A9 alarmins"),
    "I": re.compile("Clearest up: Interferon-stimulated genes.*; down: .*MHC class II"),
    "J": re.compile("Clearest up: Interferon-stimulated genes.*; down: .*MHC class II, MHC class I"),
}
"""Of the simulated blood study, what each panel of the guided study finds of what was planted."""


def test_the_guided_study_finds_what_was_planted_panel_by_panel(server, open_browser):
    session = Session(server.workspace, threads=1)
    dataset = session.run("import", example="blood")
    dataset = session.run("prepare", dataset, n_top_genes=500, min_genes=0)
    page = open_browser()
    page.goto(f"{server.address}/de?dataset={dataset.id}")
    press(page, "Run the guided study")
    visible(page, re.compile("^The guided study, step"))
    for number, (letter, said) in enumerate(FOUND.items()):
        if number:
            press(page, "Next panel")
        else:
            page.get_by_text(re.compile("^The guided study, step")).first.wait_for(state="detached")
        page.get_by_role("heading", name=re.compile(f"^{letter} · ")).wait_for()
        visible(page, said)
        page.locator(AT_REST).wait_for()
        page.locator(".js-plotly-plot .nsewdrag").first.wait_for()  # the figure is drawn, and not about to be replaced
        plot = page.locator(".js-plotly-plot").last.bounding_box()
        assert plot["y"] < 300, letter
        assert plot["y"] + plot["height"] < 900, letter
    press(page, re.compile("^Steps of|Change it in the tab 'Pathways'"))
    visible(page, "Behind one pathway")
