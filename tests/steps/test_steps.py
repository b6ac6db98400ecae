"""Steps from stored inputs to stored results."""

import json
from dataclasses import asdict

import anndata as ad
import numpy as np
import pandas as pd
import pytest
import scanpy as sc
from safetensors.numpy import load_file

from scapp.clear.config import clear_config
from scapp.core import keys
from scapp.core.errors import ConfigError, DataError
from scapp.data.config import DoubletConfig
from scapp.metrics.neighbours_compared import compare_neighbours
from scapp.reports.export import to_anndata
from scapp.steps.catalogue import step
from scapp.workspace.datasets.dataset import Dataset
from tests.conftest import run_step

TINY = {"hidden": 16, "dim": 8, "batch_size": 32, "queue_size": 64, "epochs": 3}


def test_import_measures_quality_and_says_where_counts_were(imported, study):
    assert imported.manifest.source["taken_from"] == "layers['counts']"
    assert (imported.n_cells, imported.n_genes) == study.shape
    np.testing.assert_array_equal(imported.read(keys.COUNTS).toarray(), study.layers["counts"].toarray())
    total = np.asarray(study.layers["counts"].sum(axis=1)).ravel()
    np.testing.assert_allclose(imported.obs([keys.TOTAL_COUNTS])[keys.TOTAL_COUNTS], total)
    assert keys.X not in imported


def test_an_uploaded_copy_is_deleted_once_the_dataset_is_saved(workspace, study, tmp_path, monkeypatch):
    folder = tmp_path / "upload"
    folder.mkdir()
    study.write_h5ad(folder / "x.h5ad")
    values = {"path": str(folder / "x.h5ad"), "name": "x", "upload_folder": str(folder)}
    with monkeypatch.context() as patch:
        patch.setattr(type(workspace), "create", lambda *a, **k: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            run_step(workspace, "import", values, None, tmp_path / "first")
    assert folder.exists()
    run_step(workspace, "import", values, None, tmp_path / "second")
    assert not folder.exists()


def test_prepare_makes_a_child_and_leaves_the_parent(workspace, imported, tmp_path):
    values = {"min_genes": 0, "min_cells": 3, "max_pct_mt": 15.0, "n_top_genes": 50}
    result = run_step(workspace, "prepare", values, imported.id, tmp_path / "run")
    child = workspace.open(result["dataset"])
    mitochondrial = imported.obs([keys.PCT_MT])[keys.PCT_MT].to_numpy()
    assert child.n_cells == (mitochondrial <= 15).sum() < imported.n_cells
    assert result["removed"] == {
        "min_genes": 0,
        "min_counts": 0,
        "max_pct_mt": int((mitochondrial > 15).sum()),
        "any filter": int((mitochondrial > 15).sum()),
    }
    assert child.manifest.parent.id == imported.id
    assert list(child.names(keys.OBS_NAMES)) == list(imported.names(keys.OBS_NAMES)[mitochondrial <= 15])
    assert child.read(keys.var(keys.HIGHLY_VARIABLE)).sum() == 50
    np.testing.assert_allclose(np.expm1(child.read(keys.X).toarray()).sum(axis=1), 1e4, rtol=1e-4)
    # measured again in what is left
    genes = np.asarray((child.read(keys.COUNTS) > 0).sum(axis=1)).ravel()
    np.testing.assert_array_equal(child.obs([keys.N_GENES])[keys.N_GENES], genes)
    assert keys.X not in workspace.open(imported.id)


def test_doublet_scores_extend_the_dataset(workspace, imported, tmp_path):
    run_step(workspace, "doublets", {}, imported.id, tmp_path / "run")
    dataset = workspace.open(imported.id)
    scores = dataset.obs([keys.DOUBLET_SCORE])[keys.DOUBLET_SCORE].to_numpy()
    alone = ad.AnnData(dataset.read(keys.COUNTS))
    sc.pp.filter_genes(alone, min_cells=3)
    config = DoubletConfig()
    sc.pp.scrublet(
        alone,
        random_state=config.seed,
        expected_doublet_rate=config.expected_doublet_rate,
        n_prin_comps=30,
        verbose=False,
    )
    np.testing.assert_allclose(scores, alone.obs["doublet_score"], rtol=1e-5)


def test_libraries_are_kept_where_nothing_else_names_batches(workspace, study, tmp_path):
    file = study.copy()
    letters = np.array(list("ACGT"))[np.random.default_rng(0).integers(0, 4, (file.n_obs, 16))]
    file.obs_names = [f"{''.join(row)}-{1 + place % 3}" for place, row in enumerate(letters)]
    for name, kept in (("with", ["cell_type", "batch"]), ("without", ["cell_type"])):
        one = file.copy()
        one.obs = one.obs[kept]
        one.write_h5ad(tmp_path / f"{name}.h5ad")
    without = run_step(workspace, "import", {"path": str(tmp_path / "without.h5ad")}, None, tmp_path / "a")
    dataset = workspace.open(without["dataset"])
    np.testing.assert_array_equal(
        np.asarray(pd.Series(dataset.read(keys.obs("library"))).astype(str)), (1 + np.arange(150) % 3).astype(str)
    )
    said = [finding["sentence"] for finding in dataset.manifest.source["findings"]]
    assert any("Barcodes end in -1, -2, -3," in sentence for sentence in said)
    named = run_step(workspace, "import", {"path": str(tmp_path / "with.h5ad")}, None, tmp_path / "b")
    assert keys.obs("library") not in workspace.open(named["dataset"])


def test_clear_map_and_clusters(workspace, prepared, tmp_path):
    folder = tmp_path / "clear"
    summary = run_step(workspace, "clear", clear_config(**TINY).model_dump(), prepared.id, folder)
    assert summary["n_cells"] == 150
    assert summary["n_genes"] == 100
    weights = load_file(folder / "model.safetensors")
    model = json.loads((folder / "model.json").read_text())
    genes = np.asarray(prepared.names(keys.VAR_NAMES))[prepared.read(keys.var(keys.HIGHLY_VARIABLE))]
    assert model["genes"]["names"] == genes.tolist()
    assert weights["first.weight"].shape == (16, 100)

    run_step(workspace, "map", {"representation": "clear"}, prepared.id, tmp_path / "map")
    run_step(
        workspace,
        "cluster",
        {"representation": "clear", "method": "kmeans", "n_clusters": 3},
        prepared.id,
        tmp_path / "k",
    )
    run_step(workspace, "cluster", {"representation": "clear", "resolution": 0.05}, prepared.id, tmp_path / "l")
    done = workspace.open(prepared.id)
    assert done.read(keys.umap("clear")).shape == (150, 2)
    np.testing.assert_array_equal(done.read(keys.umap()), done.read(keys.umap("clear")))
    assert done.read(keys.graph("clear")).shape == (150, 150)
    assert len(done.read(keys.clusters("kmeans")).categories) == 3
    assert len(done.read(keys.clusters("leiden", "clear")).categories) < 5


def test_clear_is_compared_with_pca_where_that_says_something(workspace, prepared, tmp_path):
    summary = run_step(workspace, "clear", clear_config(**TINY).model_dump(), prepared.id, tmp_path / "untold")
    done = workspace.open(prepared.id)
    where = [np.asarray(done.read(keys.representation(name))) for name in ("clear", "pca")]
    read = np.asarray(done.read(keys.var(keys.HIGHLY_VARIABLE)), dtype=bool)
    assert summary["against_pca"] == asdict(compare_neighbours(*where, done.read(keys.X), read))
    assert summary["against_pca"]["shared"] < 1
    told = clear_config(**TINY, batch_key="batch").model_dump()
    alone = clear_config(**TINY, beside="none").model_dump()
    for name, config in {"told": told, "alone": alone}.items():
        assert "against_pca" not in run_step(workspace, "clear", config, prepared.id, tmp_path / name)


def test_export_holds_every_slot_and_its_provenance(workspace, prepared, study, tmp_path):
    import anndata as ad

    run_step(workspace, "map", {"representation": "pca"}, prepared.id, tmp_path / "map")
    folder = tmp_path / "export"
    run_step(workspace, "export", {}, prepared.id, folder)
    adata = ad.read_h5ad(folder / "dataset.h5ad")
    np.testing.assert_array_equal(adata.layers["counts"].toarray(), study.layers["counts"].toarray())
    np.testing.assert_allclose(adata.X.toarray(), prepared.read(keys.X).toarray())
    assert {"X_pca", "X_umap", "X_umap_pca"} <= set(adata.obsm)
    assert {"leiden", "leiden_pca", "cell_type", "total_counts"} <= set(adata.obs)
    assert len(adata.uns["leiden_colors"]) == adata.obs["leiden"].nunique()
    assert adata.uns["leiden_colors"][0].startswith("#")
    steps = [record["step"] for record in json.loads(adata.uns["scapp"]["provenance"]).values()]
    assert steps == ["import", "prepare", "map"]
    # and the file goes in again
    again = run_step(
        workspace, "import", {"path": str(folder / "dataset.h5ad"), "name": "again"}, None, tmp_path / "again"
    )
    assert workspace.open(again["dataset"]).manifest.source["taken_from"] == "layers['counts']"


def test_before_normalisation_the_export_has_counts_in_x(imported):
    adata = to_anndata(imported)
    np.testing.assert_array_equal(adata.X.toarray(), adata.layers["counts"].toarray())


def test_log_normalised_input_goes_through_without_counts(workspace, tmp_path):
    import anndata as ad
    import pandas as pd
    from scipy import sparse

    rng = np.random.default_rng(0)
    values = rng.uniform(0.1, 4, size=(60, 40)) * (rng.random((60, 40)) < 0.5)
    path = tmp_path / "log.h5ad"
    ad.AnnData(
        sparse.csr_matrix(values.astype(np.float32)), obs=pd.DataFrame(index=[f"c{i}" for i in range(60)])
    ).write_h5ad(path)
    imported = run_step(workspace, "import", {"path": str(path), "name": "log"}, None, tmp_path / "i")["dataset"]
    prepared = workspace.open(
        run_step(workspace, "prepare", {"min_genes": 5, "min_cells": 0}, imported, tmp_path / "p")["dataset"]
    )
    np.testing.assert_allclose(prepared.read(keys.X).toarray(), values, rtol=1e-5)
    assert prepared.read(keys.representation("pca")).shape[0] == 60
    with pytest.raises(DataError, match="raw counts"):
        run_step(workspace, "doublets", {}, imported, tmp_path / "d")
    with pytest.raises(ConfigError, match="need raw counts"):
        run_step(workspace, "prepare", {"min_counts": 5}, imported, tmp_path / "q")
    few = run_step(workspace, "prepare", {"min_genes": 21, "min_cells": 0}, imported, tmp_path / "r")
    assert few["n_cells_after"] == ((values > 0).sum(axis=1) >= 21).sum() < 60


def test_steps_without_their_input_name_the_page(workspace, imported, tmp_path):
    with pytest.raises(DataError, match="not normalised") as caught:
        run_step(workspace, "clear", {}, imported.id, tmp_path / "a")
    assert "Upload & QC" in caught.value.hint
    with pytest.raises(DataError, match="no annotation 'nothing'"):
        run_step(workspace, "doublets", {"batch_key": "nothing"}, imported.id, tmp_path / "b")


def test_prepare_refuses_an_unknown_batch_column(workspace, imported, tmp_path):
    with pytest.raises(ConfigError, match="'nothing'"):
        run_step(workspace, "prepare", {"batch_key": "nothing"}, imported.id, tmp_path / "b")


@pytest.mark.parametrize("name", ["clear", "map", "prepare", "doublets"])
def test_memory_estimates_grow_with_cells(name, prepared):
    record = step(name)
    large = Dataset(prepared.folder, prepared.manifest.model_copy(update={"n_cells": 1_000_000}))
    assert 1e6 < record.memory(record.config(), prepared) < record.memory(record.config(), large)


def test_training_is_not_refused_for_genes_that_it_does_not_read(prepared):
    record = step("clear")
    wide = Dataset(prepared.folder, prepared.manifest.model_copy(update={"n_cells": 100_000, "n_genes": 30_000}))
    assert record.memory(record.config(), wide) < 10e9
