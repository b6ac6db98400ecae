"""One press from a file to a map with named clusters, at 1440x900 and 1024x900."""

import re

import pytest
import scanpy as sc

from tests.browser.acting import AT_REST, press, visible

pytestmark = [pytest.mark.browser, pytest.mark.timeout(1200)]


@pytest.fixture
def blood(tmp_path):
    """Real blood cells as a user has them: counts and nothing else."""
    from scapp.data.examples import load_pbmc

    adata = load_pbmc()
    path = tmp_path / "blood.h5ad"
    sc.AnnData(adata.layers["counts"], adata.obs[[]], adata.var[[]]).write_h5ad(path)
    return path


def test_from_a_file_to_a_named_map(server, open_browser, blood):
    page = open_browser()
    page.set_viewport_size({"width": 1440, "height": 900})
    page.goto(f"{server.address}/upload")
    visible(page, "up to 1000 MB")
    page.set_input_files("[data-testid=stFileUploader] input[type=file]", blood)
    press(page, "Analyse")
    # PCA's map stands while CLEAR trains behind it
    page.locator(".js-plotly-plot .nsewdrag").first.wait_for()
    visible(page, re.compile("^Analyse, step 6 of 9"))
    assert "dataset=" in page.url
    page.reload()
    visible(page, re.compile("^Analyse, step"))
    # and CLEAR takes its place, coloured by the suggested names
    page.get_by_text("suggested_leiden_clear").first.wait_for()
    page.get_by_text("Analyse, step").first.wait_for(state="detached")
    page.locator(AT_REST).wait_for()
    chosen = page.get_by_role("combobox", name=re.compile("Representation"))
    assert chosen.input_value() == "CLEAR (the chosen run)"
    assert page.locator(".js-plotly-plot .annotation-text").count() > 3
    for width, top in ((1440, 300), (1024, 360)):  # the controls need two rows in a narrow window
        page.set_viewport_size({"width": width, "height": 900})
        page.wait_for_timeout(1500)
        plot = page.locator(".js-plotly-plot .nsewdrag").first.bounding_box()
        assert plot["y"] < top
        assert plot["y"] + plot["height"] < 900
        assert page.evaluate("document.documentElement.scrollWidth") <= width
    page.get_by_role("tab", name="Steps", exact=True).click()
    visible(page, re.compile("clusters were named by the panel 'Blood and immune'"))
    # the menu in which a reader chooses the theme
    page.get_by_test_id("stMainMenu").click()
    visible(page, "Settings")
    page.keyboard.press("Escape")
    page.set_viewport_size({"width": 1440, "height": 900})
    # Streamlit's bar lies over the buttons at the top, and lets clicks through
    press(page, "Next: export")
    visible(page, "What the dataset holds")
