"""The main job as a user does it, with everything that happens on the way."""

import re

import anndata as ad
import pytest

pytestmark = [pytest.mark.browser, pytest.mark.timeout(1200)]


def visible(page, text):
    page.get_by_text(text).first.wait_for()


def epoch(page):
    text = page.get_by_test_id("stMetric").first.inner_text()
    return int(re.search(r"(\d+)/", text)[1])


def wait_for_epoch(page, beyond):
    visible(page, re.compile(r"^\d+/\d+$"))
    page.wait_for_function(
        "beyond => { const m = /(\\d+)\\//.exec(document.querySelector('[data-testid=stMetric]')?.innerText); return m && Number(m[1]) > beyond }",
        arg=beyond,
    )


def test_from_an_upload_to_a_file(server, open_browser, upload, tmp_path):
    page = open_browser()
    page.goto(server.address)
    visible(page, "There are no datasets yet")

    # upload and quality
    page.get_by_role("link", name="Upload & QC").first.click()
    visible(page, "up to 1000 MB")
    page.set_input_files("[data-testid=stFileUploader] input[type=file]", upload)
    page.get_by_role("button", name="Import", exact=True).click()
    page.get_by_role("heading", name="my_cells").wait_for()
    visible(page, "layers['counts']")
    page.get_by_role("button", name="Use suggested thresholds").click()
    visible(page, "What each filter removes")
    page.get_by_role("button", name="Filter and normalise").click()
    visible(page, "This dataset is filtered and normalised")

    # training, with a refresh, another page, a second tab, stop and resume
    page.get_by_role("button", name="Next: train CLEAR").click()
    page.get_by_role("spinbutton", name="Epochs").fill("1000")
    page.get_by_role("spinbutton", name=re.compile("^Cells per step")).fill("64")
    page.get_by_role("button", name="Train CLEAR", exact=True).click()
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
    page.get_by_role("button", name="Stop", exact=True).click()
    visible(page, "was stopped. It can go on where it was")
    reached = epoch(page)
    page.get_by_role("button", name="Resume").click()
    wait_for_epoch(page, reached)

    # the app restarts; the training has gone on
    before = epoch(page)
    server.stop()
    server.start()
    page.goto(address)
    wait_for_epoch(page, before)
    visible(page, "Training is done")

    # map
    page.get_by_role("button", name="Next: make the map").click()
    page.get_by_role("button", name="Make the map", exact=True).click()
    # the page before had figures too; and UMAP compiles, which takes a minute on a busy machine
    page.get_by_role("button", name="Make the map again").wait_for()
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
    with page.expect_download() as barcodes:
        page.get_by_role("button", name="Download the barcodes").click()
    lines = barcodes.value.path().read_text().splitlines()
    assert lines[0] == "barcode"
    assert len(lines) > 100

    # export
    page.get_by_role("link", name="Export").click()
    page.get_by_role("button", name="Write the file").click()
    page.get_by_role("button", name=re.compile("^Download my_cells")).wait_for()
    with page.expect_download() as download:
        page.get_by_role("button", name=re.compile("^Download my_cells")).click()
    download.value.save_as(tmp_path / "out.h5ad")
    adata = ad.read_h5ad(tmp_path / "out.h5ad")
    assert {"X_pca", "X_clear", "X_umap_clear", "X_umap"} <= set(adata.obsm)
    assert {"leiden_clear", "leiden", "cell_type"} <= set(adata.obs)
    assert "scapp" in adata.uns


def test_broken_files_say_what_to_do_and_lose_nothing(server, open_browser, tmp_path):
    page = open_browser()
    page.goto(f"{server.address}/upload_qc")
    broken = tmp_path / "broken.h5ad"
    broken.write_bytes(b"\x89HDF\r\n\x1a\n" + bytes(200))
    visible(page, "up to 1000 MB")
    page.set_input_files("[data-testid=stFileUploader] input[type=file]", broken)
    page.get_by_role("button", name="Import", exact=True).click()
    visible(page, "truncated or damaged")
    page.get_by_role("button", name="Discard").click()
    visible(page, "up to 1000 MB")


def test_a_deep_link_opens_right_after_the_server_starts(server, open_browser):
    server.stop()
    server.start()
    page = open_browser("dark")
    page.goto(f"{server.address}/cell_map")
    visible(page, "No dataset is open")
    page.get_by_role("link", name="Upload & QC").first.wait_for()
    assert page.get_by_text("cell map", exact=True).count() == 0
