"""From three 10x folders to named cell types and a script that makes them again; and a map of many cells."""

import gzip
import os
import re
import subprocess
import sys

import anndata as ad
import numpy as np
import pytest
from scipy import io, sparse

from benchmarks.big_maps import make_map
from scapp.data.config import BloodConfig
from scapp.data.simulated.blood import simulate_blood
from scapp.ui.kit.routing import ROOT
from scapp.workspace.datasets.store import Workspace
from tests.browser.acting import download, press, visible

pytestmark = [pytest.mark.browser, pytest.mark.timeout(1200)]


@pytest.fixture(scope="module")
def folders(tmp_path_factory):
    """Three 10x folders of 250 cells of blood."""
    study = simulate_blood(BloodConfig(n_cells=750, donors_per_group=2))
    root = tmp_path_factory.mktemp("three") / "study"
    for i, name in enumerate(("P1", "P2", "P3")):
        folder = root / name
        folder.mkdir(parents=True)
        part = study[250 * i : 250 * (i + 1)]
        with gzip.open(folder / "matrix.mtx.gz", "wb") as stream:
            io.mmwrite(stream, sparse.coo_matrix(part.layers["counts"].T.astype(int)), field="integer")
        with gzip.open(folder / "barcodes.tsv.gz", "wt") as stream:
            stream.write("".join(f"BARCODE{j}-1\n" for j in range(250)))
        with gzip.open(folder / "features.tsv.gz", "wt") as stream:
            stream.write("".join(f"ENSG{j:011d}\t{gene}\tGene Expression\n" for j, gene in enumerate(study.var_names)))
    return root


def test_from_three_folders_to_a_script_that_is_run(server, open_browser, folders, tmp_path):
    page = open_browser()
    page.goto(f"{server.address}/upload")
    page.get_by_text("A folder", exact=True).click()
    visible(page, "A 10x folder, or a folder that holds one for each sample")
    page.locator("[data-testid=stFileUploader] input[type=file]").first.set_input_files(folders)
    visible(page, "3 samples were found.")
    sheet = tmp_path / "sheet.csv"
    sheet.write_text("sample,donor,condition\nP1,d1,well\nP2,d2,ill\nP3,d3,ill\n")
    page.locator("[data-testid=stFileUploader] input[type=file]").nth(1).set_input_files(sheet)
    visible(page, "sheet.csv")
    page.wait_for_timeout(1000)  # the table that takes the sheet in is a canvas: nothing in it can be waited for
    press(page, "Import")
    page.get_by_role("heading", name="study").wait_for()
    visible(page, re.compile("genes are in every sample"))
    press(page, "Filter and normalise")
    visible(page, "This dataset is filtered and normalised")

    page.get_by_role("link", name="Clusters & map").first.click()
    press(page, "Make the map")
    page.locator(".js-plotly-plot .nsewdrag").first.wait_for()
    page.get_by_role("tab", name="Marker genes", exact=True).click()
    press(page, "Find marker genes")
    visible(page, re.compile(r"rows pass\.$"))
    page.get_by_role("tab", name="Cell types", exact=True).click()
    press(page, "Write the names")
    visible(page, "groups are in the annotation 'cell_type' now")

    page.get_by_role("link", name="Export").click()
    visible(page, "The session as code and as words")
    page.get_by_role("button", name="Download the script (.py)").wait_for()
    written = download(page, "Download the script (.py)")
    written.save_as(tmp_path / "session.py")
    finished = subprocess.run(
        [sys.executable, "session.py", str(folders)],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=600,
    )
    assert finished.returncode == 0, finished.stderr[-3000:]
    assert "obsm/X_umap_pca: equal to the app" in finished.stdout
    assert "differs" not in finished.stdout
    (produced,) = tmp_path.glob("*.h5ad")
    again = ad.read_h5ad(produced)
    assert again.obs["condition"].cat.categories.tolist() == ["ill", "well"]
    assert {"B cell", "NK cell", "CD14 monocyte"} <= set(again.obs["cell_type"])


def test_a_map_of_many_cells_is_drawn_coloured_and_selected(server, open_browser):
    workspace = Workspace(server.workspace)
    dataset = make_map(workspace, 60_000)
    page = open_browser("dark")
    page.goto(f"{server.address}/map?dataset={dataset.id}")
    canvas = page.locator("canvas.overlay")
    canvas.wait_for()
    page.wait_for_timeout(1000)
    assert page.get_by_role("button", name=re.compile(r"^0 \([\d,]+\)$")).count() == 1
    drawn = page.evaluate(
        "() => { const seek = (n) => n.querySelector?.('canvas.points') || [...n.querySelectorAll('*')].map((e) =>"
        " e.shadowRoot && seek(e.shadowRoot)).find(Boolean);const c = seek(document), g = c.getContext('webgl2'), p ="
        " new Uint8Array(4 * c.width * c.height);g.readPixels(0, 0, c.width, c.height, g.RGBA, g.UNSIGNED_BYTE, p);"
        " return p.filter((v, i) => i % 4 === 3 && v).length }"
    )
    assert drawn > 5_000
    canvas.scroll_into_view_if_needed()
    box = canvas.bounding_box()
    page.mouse.move(box["x"] + 2, box["y"] + 2)
    page.mouse.down()
    for x, y in ((0.99, 0.01), (0.99, 0.99), (0.01, 0.99), (0.01, 0.01)):
        page.mouse.move(box["x"] + x * box["width"], box["y"] + y * box["height"], steps=4)
    page.mouse.up()
    visible(page, "60,000 cells selected")
    chooser = page.get_by_role("combobox", name="Colour by").first
    chooser.click()
    chooser.fill("cell_type")
    page.get_by_role("option", name="cell_type", exact=True).first.click()
    page.get_by_role("button", name=re.compile(r"^type 0 \(")).wait_for()
    visible(page, "60,000 cells selected")
    picture = download(page, "PNG")
    assert picture.suggested_filename == "umap_pca_cell_type.png"
    assert np.frombuffer(picture.path().read_bytes()[:8], np.uint8).tolist() == [137, 80, 78, 71, 13, 10, 26, 10]
