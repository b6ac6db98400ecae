"""Files that leave: CELLxGENE flavour, scanpy's layout, tables, report."""

import zipfile

import anndata as ad
import numpy as np
import pandas as pd
import pytest
import scanpy as sc

from scapp.core import keys
from scapp.reports.export import WRITTEN, for_cellxgene, to_anndata
from tests.conftest import run_step


@pytest.fixture
def done(workspace, prepared, tmp_path):
    run_step(workspace, "map", {"representation": "pca"}, prepared.id, tmp_path / "map")
    run_step(workspace, "markers", {"groupby": "cell_type"}, prepared.id, tmp_path / "markers")
    run_step(workspace, "sweep", {"representation": "pca", "n_steps": 2}, prepared.id, tmp_path / "sweep")
    return workspace.open(prepared.id)


@pytest.mark.parametrize("flavour", WRITTEN)
def test_every_flavour_is_written(workspace, done, tmp_path, flavour):
    folder = tmp_path / flavour
    if flavour == "study":
        design = {"condition_key": "batch", "cell_type_key": "cell_type"}
        run_step(workspace, "study", design, done.id, tmp_path / "design")
    result = run_step(workspace, "export", {"flavour": flavour}, done.id, folder)
    assert (folder / result["file"]).stat().st_size == result["bytes"] > 1000


def test_marker_genes_are_exported_as_scanpy_knows_them(done, tmp_path):
    to_anndata(done).write_h5ad(tmp_path / "x.h5ad")
    adata = ad.read_h5ad(tmp_path / "x.h5ad")
    frame = sc.get.rank_genes_groups_df(adata, group="Type 1")
    own = done.read(keys.markers("cell_type"))
    own = own[own["group"] == "Type 1"].reset_index(drop=True)
    assert frame["names"].tolist() == own["gene"].astype(str).tolist()
    np.testing.assert_allclose(frame["pvals_adj"], own["p_value_adjusted"])
    np.testing.assert_allclose(frame["logfoldchanges"], own["log2_fold_change"], rtol=1e-6)


def test_cellxgene_has_counts_in_raw_and_ids_as_names(done):
    adata = to_anndata(done)
    adata.var["gene_ids"] = [f"ENSG{i:011d}" for i in range(adata.n_vars)]
    adata.obs["donor"] = "d"
    flavoured, notes = for_cellxgene(adata)
    np.testing.assert_array_equal(flavoured.raw.X.toarray(), done.read(keys.COUNTS).toarray())
    np.testing.assert_allclose(flavoured.X.toarray(), done.read(keys.X).toarray())
    assert flavoured.var_names[0] == "ENSG00000000000"
    assert flavoured.var["feature_name"].iloc[0] == done.names(keys.VAR_NAMES)[0]
    assert (flavoured.obs["donor_id"] == "d").all()
    assert "assay_ontology_term_id" in notes[-1]
    assert "counts" in adata.layers  # the given object is not changed
    _, notes = for_cellxgene(to_anndata(done))
    assert "Ensembl" in notes[0]


def test_tables_hold_every_cell(workspace, done, tmp_path):
    run_step(workspace, "export", {"flavour": "tables"}, done.id, tmp_path / "tables")
    with zipfile.ZipFile(tmp_path / "tables" / "tables.zip") as archive:
        names = set(archive.namelist())
        with archive.open("cells.csv") as stream:
            cells = pd.read_csv(stream)
    assert {"cells.csv", "genes.csv", "embedding_pca.csv", "markers_cell_type.csv", "sweep_pca.csv"} <= names
    assert cells["cell"].tolist() == list(done.names(keys.OBS_NAMES))


def test_the_report_needs_nothing_from_elsewhere(workspace, done, tmp_path):
    workspace.rename(done.id, "<script>alert(1)</script>")
    run_step(workspace, "export", {"flavour": "report"}, done.id, tmp_path / "report")
    page = (tmp_path / "report" / "report.html").read_text()
    assert "<script>alert(1)" not in page
    assert "src=" not in page.split("</script>", 1)[1].split("<h2>Methods")[0].replace('src="data:', "")
    for words in ("Marker genes of cell_type", "Coloured by cell_type", "Wilcoxon", "Resolutions on pca"):
        assert words in page


def test_columns_named_like_ours_are_kept_in_tables(workspace, done):
    from scapp.reports.csv_tables import tables_of
    from scapp.workspace.datasets.staging import new_provenance

    values = {"obs/cell": np.arange(150), "var/gene": np.arange(done.n_genes)}
    changed = workspace.commit(done.id, values, provenance=new_provenance("import"))
    tables = tables_of(changed)
    assert tables["cells"]["cell"].tolist() == list(range(150))
    assert tables["cells"]["cell_name"].tolist() == list(done.names(keys.OBS_NAMES))
    assert "gene_name" in tables["genes"]
