"""The main job as a user does it, with everything that happens on the way."""

import re

import anndata as ad
import pytest

from tests.browser.acting import download, enter, epoch, press, visible, wait_for_epoch

pytestmark = [pytest.mark.browser, pytest.mark.timeout(1200)]


def test_from_an_upload_to_a_file(server, open_browser, upload, tmp_path):
    page = open_browser()
    page.goto(server.address)
    visible(page, "There are no datasets yet")

    # upload and quality
    page.get_by_role("link", name="Upload & QC").first.click()
    visible(page, "up to 1000 MB")
    page.set_input_files("[data-testid=stFileUploader] input[type=file]", upload)
    press(page, "Import")
    page.get_by_role("heading", name="my_cells").wait_for()
    visible(page, "layers['counts']")
    press(page, "Use suggested thresholds")
    visible(page, "What each filter removes")
    press(page, "Filter and normalise")
    visible(page, "This dataset is filtered and normalised")

    # training, with a refresh, another page, a second tab, stop and resume
    press(page, "Next: train CLEAR")
    enter(page, "Epochs", "1000")
    enter(page, re.compile("^Cells per step"), "64")
    press(page, "Train CLEAR")
    wait_for_epoch(page, 3)
    address = page.url
    assert "dataset=" in address
    assert "run=" in address
    page.reload()
    wait_for_epoch(page, 5)
    page.get_by_role("link", name="Export").click()
    visible(page, "What the dataset holds")
    page.get_by_role("link", name="Train CLEAR").first.click()
    wait_for_epoch(page, 6)
    second = page.context.new_page()
    second.goto(address)
    wait_for_epoch(second, 6)
    second.close()
    press(page, "Stop")
    visible(page, "was stopped. It can be resumed from its last checkpoint")
    reached = epoch(page)
    press(page, "Resume")
    wait_for_epoch(page, reached)

    # the app restarts; the training has gone on
    before = epoch(page)
    server.stop()
    server.start()
    page.goto(address)
    wait_for_epoch(page, before)
    visible(page, "Training is done")

    # map
    press(page, "Next: make the map")
    press(page, "Make the map")
    # the page before had figures too; and UMAP compiles, which takes a minute on a busy machine
    page.get_by_role("button", name="Map settings").wait_for()
    page.locator(".js-plotly-plot .nsewdrag").first.wait_for()
    plot = page.locator(".js-plotly-plot .nsewdrag").first
    plot.scroll_into_view_if_needed()
    page.wait_for_timeout(1500)
    box = plot.bounding_box()
    page.mouse.move(box["x"] + 5, box["y"] + 5)
    page.mouse.down()
    for x, y in ((0.98, 0.02), (0.98, 0.98), (0.02, 0.98), (0.02, 0.02)):
        page.mouse.move(box["x"] + x * box["width"], box["y"] + y * box["height"], steps=6)
    page.mouse.up()
    visible(page, re.compile(r"^\d+ cells selected$"))
    barcodes = download(page, "Download selected barcodes (CSV)")
    lines = barcodes.path().read_text().splitlines()
    assert lines[0] == "barcode"
    assert len(lines) > 100

    # export
    page.get_by_role("link", name="Export").click()
    press(page, "Write the file")
    page.get_by_role("button", name=re.compile("^Download my_cells")).wait_for()
    written = download(page, re.compile("^Download my_cells"))
    written.save_as(tmp_path / "out.h5ad")
    adata = ad.read_h5ad(tmp_path / "out.h5ad")
    assert {"X_pca", "X_clear", "X_umap_clear", "X_umap"} <= set(adata.obsm)
    assert {"leiden_clear", "leiden", "cell_type"} <= set(adata.obs)
    assert "scapp" in adata.uns


def test_broken_files_say_what_to_do_and_lose_nothing(server, open_browser, tmp_path):
    page = open_browser()
    page.goto(f"{server.address}/upload")
    broken = tmp_path / "broken.h5ad"
    broken.write_bytes(b"\x89HDF\r\n\x1a\n" + bytes(200))
    visible(page, "up to 1000 MB")
    page.set_input_files("[data-testid=stFileUploader] input[type=file]", broken)
    press(page, "Import")
    visible(page, "truncated or damaged")
    press(page, "Discard")
    visible(page, "up to 1000 MB")


def test_a_deep_link_opens_right_after_the_server_starts(server, open_browser):
    server.stop()
    server.start()
    page = open_browser("dark")
    page.goto(f"{server.address}/map")
    visible(page, "No dataset is open")
    page.get_by_role("link", name="Upload & QC").first.wait_for()
    assert page.get_by_text("cell map", exact=True).count() == 0
