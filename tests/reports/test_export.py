"""Files that leave: CELLxGENE flavour, scanpy's layout, tables, report."""

import subprocess
import sys
import zipfile

import anndata as ad
import h5py
import numpy as np
import pandas as pd
import pytest
import scanpy as sc

from scapp.core import keys
from scapp.core.errors import ConfigError
from scapp.data.blocks import blocked_matrix
from scapp.jobs.session import Session
from scapp.reports.cellxgene import RESERVED_OBS, RESERVED_VAR, for_cellxgene
from scapp.reports.content import write_h5ad
from scapp.reports.export import WRITTEN, content_of, to_anndata
from scapp.steps.config import CellxgeneConfig
from scapp.workspace.datasets.staging import new_provenance
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


def test_marker_genes_carry_their_own_method_and_reference(workspace, done, tmp_path):
    session = Session(workspace.root)
    session.run("markers", done, groupby="cell_type", method="t-test")
    names = done.names(keys.OBS_NAMES)
    halves = pd.Categorical(np.where(np.arange(len(names)) < 75, "first", "second"))
    workspace.commit(done.id, {keys.obs("half"): halves}, provenance=new_provenance("import"))
    selections = ({"map": "X_umap_pca", "column": "half", "groups": [half]} for half in ("first", "second"))
    data = session.run(
        "markers", workspace.open(done.id), **dict(zip(("selection", "against"), selections, strict=True))
    )
    adata = to_anndata(data)
    of_types = adata.uns["rank_genes_groups_cell_type"]["params"]
    assert (of_types["method"], of_types["reference"]) == ("t-test", "rest")
    of_selection = adata.uns["rank_genes_groups"]["params"]
    assert (of_selection["method"], of_selection["reference"], of_selection["groupby"]) == (
        "wilcoxon",
        "B",
        "selection",
    )
    # by scanpy itself
    alone = ad.AnnData(data.read(keys.X), obs=pd.DataFrame({"type": data.read(keys.obs("cell_type"))}, index=names))
    alone.uns["log1p"] = {}
    sc.tl.rank_genes_groups(alone, "type", method="t-test")
    ours = pd.DataFrame(adata.uns["rank_genes_groups_cell_type"]["scores"])
    np.testing.assert_allclose(ours, pd.DataFrame(alone.uns["rank_genes_groups"]["scores"]), rtol=1e-5)


def test_scanpy_goes_on_where_the_export_ends(workspace, prepared, tmp_path):
    rng = np.random.default_rng(0)
    values = {keys.representation("clear"): rng.normal(size=(150, 4)).astype(np.float32)}
    workspace.commit(prepared.id, values, provenance=new_provenance("clear"))
    session = Session(workspace.root)
    for name in ("clear", "pca"):
        data = session.run("map", workspace.open(prepared.id), representation=name, n_neighbors=12)
    session.write(data, tmp_path / "x.h5ad")
    adata = ad.read_h5ad(tmp_path / "x.h5ad")
    np.testing.assert_array_equal(adata.obsm["X_umap"], adata.obsm["X_umap_clear"])
    assert adata.obs["leiden"].tolist() == adata.obs["leiden_clear"].tolist()
    by_scanpy = ad.AnnData(obsm={"X_clear": adata.obsm["X_clear"]})
    sc.pp.neighbors(by_scanpy, use_rep="X_clear", n_neighbors=12, random_state=0)
    for key in ("connectivities", "distances"):
        np.testing.assert_allclose(adata.obsp[key].toarray(), by_scanpy.obsp[key].toarray(), rtol=1e-5)
    assert adata.uns["neighbors"]["params"]["n_neighbors"] == 12
    sc.tl.leiden(adata, key_added="again", flavor="igraph", n_iterations=2, directed=False)
    sc.tl.leiden(
        adata, key_added="of_pca", neighbors_key="neighbors_pca", flavor="igraph", n_iterations=2, directed=False
    )
    sc.tl.umap(adata)
    sc.tl.diffmap(adata)
    sc.tl.paga(adata, groups="leiden")
    assert adata.obs["again"].nunique() > 1


def test_a_file_that_is_written_in_blocks_is_the_one_that_anndata_writes(workspace, done, tmp_path, monkeypatch):
    whole = to_anndata(done)
    whole.write_h5ad(tmp_path / "whole.h5ad", compression="gzip")
    monkeypatch.setattr(blocked_matrix, "ENTRIES", 700)
    told = []
    write_h5ad(tmp_path / "blocks.h5ad", content_of(done), told.append)
    assert len(told) > 10
    assert told[-1] == 1
    assert told == sorted(told)
    found = ad.read_h5ad(tmp_path / "blocks.h5ad")
    np.testing.assert_array_equal(found.X.toarray(), done.read(keys.X).toarray())
    assert found.X.has_canonical_format
    with h5py.File(tmp_path / "whole.h5ad") as old, h5py.File(tmp_path / "blocks.h5ad") as new:
        assert contents(new) == contents(old)


def contents(file):
    """Names, attributes, types and values of everything in a file."""
    found = {"": sorted((name, str(value)) for name, value in file.attrs.items())}

    def look(name, node):
        found[name] = sorted((key, str(value)) for key, value in node.attrs.items())
        if isinstance(node, h5py.Dataset):
            found[name].append((str(node.dtype), node.shape, str(np.asarray(node[()]).tolist()), node.compression))

    file.visititems(look)
    return found


CHOSEN = CellxgeneConfig(
    assay="EFO:0009922",
    tissue="UBERON:0000178",
    disease="PATO:0000461",
    development_stage="unknown",
    ethnicity="unknown",
    sex="unknown",
    cell_type_key="term",
    donor_key="donor",
)


@pytest.fixture
def curated(done):
    """With ids and with what a user may have."""
    content = content_of(done)
    adata = content.adata
    adata.var["gene_ids"] = [f"ENSG{i:011d}" for i in range(adata.n_vars)]
    adata.obs["donor"] = "d"
    adata.obs["condition"] = "ill"
    adata.obs["term"] = "CL:0000084"
    adata.var["feature_name"] = "theirs"
    return content


def test_cellxgene_has_counts_in_raw_and_ids_as_names(done, curated, tmp_path):
    content, notes = for_cellxgene(curated, CHOSEN)
    write_h5ad(tmp_path / "x.h5ad", content)
    flavoured = ad.read_h5ad(tmp_path / "x.h5ad")
    np.testing.assert_array_equal(flavoured.raw.X.toarray(), done.read(keys.COUNTS).toarray())
    np.testing.assert_allclose(flavoured.X.toarray(), done.read(keys.X).toarray())
    assert flavoured.var_names[0] == "ENSG00000000000"
    assert flavoured.var["symbol"].iloc[0] == done.names(keys.VAR_NAMES)[0]
    assert (flavoured.obs["donor_id"] == "d").all()
    assert (flavoured.obs["cell_type_ontology_term_id"] == "CL:0000084").all()
    assert flavoured.uns["organism_ontology_term_id"] == "NCBITaxon:9606"
    assert not [note for note in notes if "only you know" in note]
    assert list(flavoured.raw.var_names) == list(flavoured.var_names)
    assert not flavoured.layers
    assert keys.COUNTS in curated.matrices  # the given content is not changed
    assert curated.adata.var_names[0] != "ENSG00000000000"
    _, notes = for_cellxgene(content_of(done), CellxgeneConfig())
    assert any("Ensembl" in note for note in notes)
    assert any("assay_ontology_term_id" in note and "donor_id" in note for note in notes)


def test_cellxgene_gets_no_column_that_it_writes_itself(curated):
    content, notes = for_cellxgene(curated, CHOSEN)
    flavoured = content.adata
    assert not {*RESERVED_OBS, *RESERVED_VAR} & {*flavoured.obs, *flavoured.var}
    pd.testing.assert_series_equal(flavoured.obs["author_cell_type"], curated.adata.obs["cell_type"], check_names=False)
    assert "author_cell_type_colors" in flavoured.uns
    # a condition is no disease because it is called so
    assert "disease" not in flavoured.obs
    assert (flavoured.obs["disease_ontology_term_id"] == "PATO:0000461").all()
    assert any("author_" in note and "cell_type" in note for note in notes)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"assay": "10x"}, "neither an ontology term nor a column"),
        ({"tissue": "condition"}, "no ontology terms"),
        ({"donor_key": "nobody"}, "no annotation 'nobody'"),
    ],
)
def test_cellxgene_refuses_what_is_no_term(curated, change, message):
    with pytest.raises(ConfigError, match=message):
        for_cellxgene(curated, CHOSEN.model_copy(update=change))


REAL_GENES = (
    *("ENSG00000141510", "ENSG00000167286", "ENSG00000156738", "ENSG00000170458", "ENSG00000115523"),
    *("ENSG00000010610", "ENSG00000153563", "ENSG00000203747", "ENSG00000187608", "ENSG00000204287"),
    *("ENSG00000075624", "ENSG00000111640", "ENSG00000166710", "ENSG00000105372", "ENSG00000177954"),
    *("ENSG00000090382", "ENSG00000101439", "ENSG00000163220", "ENSG00000143546", "ENSG00000087086"),
)


@pytest.mark.long
def test_cellxgenes_own_validator_accepts_the_file(tmp_path):
    """cellxgene-schema pins another anndata, so it has an environment of its own."""
    import scapp

    adata = scapp.datasets.simulate(80, 100, 2)
    adata = adata[:, : len(REAL_GENES)].copy()
    adata.var_names = list(REAL_GENES)
    adata.obs["donor"], adata.obs["term"] = "d1", "CL:0000084"
    adata.write_h5ad(tmp_path / "raw.h5ad")
    session = scapp.Session(tmp_path / "work")
    data = session.run("import", path=str(tmp_path / "raw.h5ad"))
    data = session.run("prepare", data, min_genes=1, n_top_genes=10)
    data = session.run("map", data, representation="pca")
    data = session.run("markers", data, groupby="cell_type")
    session.run("export", data, folder=tmp_path, flavour="cellxgene", cellxgene=CHOSEN.model_dump())
    venv = tmp_path / "venv"
    subprocess.run([sys.executable, "-m", "venv", str(venv)], check=True)
    subprocess.run([str(venv / "bin" / "pip"), "install", "--quiet", "cellxgene-schema"], check=True)
    checked = subprocess.run(
        [str(venv / "bin" / "cellxgene-schema"), "validate", str(tmp_path / "dataset_cellxgene.h5ad")],
        capture_output=True,
        text=True,
        check=False,
    )
    assert "is_valid=True" in checked.stderr + checked.stdout, checked.stderr[-3000:]


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
