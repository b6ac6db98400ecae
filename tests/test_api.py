"""``scapp.pp``, ``tl``, ``pl`` and ``datasets``: the same results as the command line and the app, from AnnData."""

import json
import subprocess
import sys

import anndata as ad
import numpy as np
import pandas as pd
import pytest

import scapp
from scapp.cli import main
from scapp.core import keys
from scapp.core.errors import ConfigError, DataError, ScappError

TINY = {"hidden": 16, "dim": 8, "batch_size": 32}


@pytest.fixture
def raw(study_file):
    return scapp.pp.read(study_file)


@pytest.fixture
def ready(raw):
    scapp.pp.prepare(raw, n_top_genes=100)
    return raw


def dense(matrix):
    return np.asarray(matrix.toarray())


def test_importing_scapp_loads_nothing_heavy():
    code = "import scapp, sys; print([m for m in ('torch', 'scanpy', 'pandas', 'streamlit') if m in sys.modules])"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "[]\n"
    with pytest.raises(AttributeError, match="has no attribute 'nonsense'"):
        scapp.nonsense  # noqa: B018


def test_prepared_values_are_those_of_the_app(ready, prepared):
    np.testing.assert_array_equal(dense(ready.X), dense(prepared.read(keys.X)))
    np.testing.assert_array_equal(ready.obsm["X_pca"], prepared.read(keys.representation("pca")))
    np.testing.assert_array_equal(ready.var["highly_variable"], prepared.read(keys.var(keys.HIGHLY_VARIABLE)))
    np.testing.assert_array_equal(ready.obs["total_counts"], prepared.read(keys.obs(keys.TOTAL_COUNTS)))
    assert ready.obs["cell_type"].astype(str).tolist() == [str(t) for t in prepared.read(keys.obs("cell_type"))]


def test_api_command_line_and_app_train_the_same_representation(study_file, tmp_path, capsys):
    pytest.importorskip("torch")
    options = [part for name, value in TINY.items() for part in (f"--{name.replace('_', '-')}", str(value))]
    written = tmp_path / "cli.h5ad"
    arguments = ["clear", str(study_file), "-o", str(written), "--epochs", "3", "--seed", "5", *options]
    assert main(arguments) == 0
    said = json.loads(capsys.readouterr().out.splitlines()[-1])
    session = scapp.Session(tmp_path / "app")
    data = session.run("import", path=str(study_file))
    data = session.run("prepare", data, min_genes=0, min_counts=0, min_cells=0)
    data = session.run("clear", data, epochs=3, seed=5, **TINY)
    adata = scapp.pp.read(study_file)
    scapp.pp.prepare(adata)
    scapp.tl.clear(adata, epochs=3, seed=5, settings=TINY, progress=False)
    of_app = data.read(keys.representation("clear"))
    np.testing.assert_array_equal(ad.read_h5ad(written).obsm["X_clear"], of_app)
    np.testing.assert_array_equal(adata.obsm["X_clear"], of_app)
    assert (said["epochs"], adata.uns["clear"]["epochs"], len(adata.uns["clear"]["history"])) == (3, 3, 3)
    assert json.loads(adata.uns["clear"]["config"])["preset"] == "recommended"


def test_a_scanpy_user_trains_on_what_scanpy_prepared(study, tmp_path):
    pytest.importorskip("torch")
    import scanpy as sc

    adata = ad.AnnData(study.layers["counts"].copy(), obs=study.obs.copy(), var=study.var.copy())
    sc.pp.normalize_total(adata, target_sum=1e4)
    sc.pp.log1p(adata)
    sc.pp.highly_variable_genes(adata, n_top_genes=100)
    before = adata.copy()
    made = scapp.tl.clear(adata, epochs=2, batch_key="batch", settings=TINY, progress=False, copy=True)
    assert "X_clear" not in adata.obsm
    scapp.tl.clear(adata, epochs=2, batch_key="batch", settings=TINY, progress=False)
    np.testing.assert_array_equal(adata.obsm["X_clear"], made.obsm["X_clear"])
    np.testing.assert_array_equal(dense(adata.X), dense(before.X))
    assert adata.obs.equals(before.obs)
    sc.pp.neighbors(adata, use_rep="X_clear", n_neighbors=10)
    adata.write_h5ad(tmp_path / "made.h5ad")
    again = ad.read_h5ad(tmp_path / "made.h5ad")
    np.testing.assert_array_equal(again.obsm["X_clear"], adata.obsm["X_clear"])
    figure = scapp.pl.clear_history(again)
    assert list(figure.data[0].x) == [1, 2]


def test_several_representations_can_stand_side_by_side(ready):
    pytest.importorskip("torch")
    for seed in (1, 2):
        scapp.tl.clear(ready, epochs=1, seed=seed, settings=TINY, key_added=f"X_seed{seed}", progress=False)
    assert {"X_seed1", "X_seed2"} <= set(ready.obsm)
    assert not np.allclose(ready.obsm["X_seed1"], ready.obsm["X_seed2"])


@pytest.mark.parametrize(
    ("change", "message", "hint"),
    [
        (lambda a: setattr(a, "X", a.layers["counts"]), "not normalised yet", "normalize_total"),
        (lambda a: a.var.drop(columns="highly_variable", inplace=True), "highly_variable", "highly_variable_genes"),
        (lambda a: setattr(a, "obs_names", ["same"] * a.n_obs), "cell names stand twice", "obs_names_make_unique"),
    ],
)
def test_what_is_missing_is_said_with_what_to_call(ready, change, message, hint):
    pytest.importorskip("torch")
    change(ready)
    with pytest.raises(DataError, match=message) as error:
        scapp.tl.clear(ready, epochs=1, progress=False)
    assert hint in error.value.hint


@pytest.mark.parametrize("component", ["mls", "competing"])
def test_circles_and_predictions_are_those_of_the_app(workspace, raw, imported, tmp_path, component):
    pytest.importorskip("torch")
    from tests.conftest import run_step

    few = {"steps": 20}
    model = scapp.tl.circles(raw, "cell_type", component=component, settings=few, progress=False)
    values = {"label_key": "cell_type", "component": component, **few}
    run_step(workspace, "classify", values, imported.id, tmp_path / "model")
    np.testing.assert_array_equal(raw.obsm["X_mls"], workspace.open(imported.id).read(keys.MLS))
    scapp.tl.predict(raw, model, label_key="cell_type")
    run_step(workspace, "predict", {"model": str(tmp_path / "model")}, imported.id, tmp_path / "predict")
    done = workspace.open(imported.id)
    assert raw.obs["predicted_cell_type"].tolist() == list(done.read(keys.PREDICTED))
    np.testing.assert_array_equal(raw.obs["predicted_probability"], done.read(keys.PREDICTED_PROBABILITY))
    assert raw.uns["predicted"]["n_genes_missing"] == 0
    plain = scapp.tl.classify(raw, "cell_type", model_dir=tmp_path / "kept", progress=False)
    assert plain.types == model.types
    again = scapp.tl.predict(raw, tmp_path / "kept", copy=True)
    assert again.obs["predicted_cell_type"].notna().all()

    rims = scapp.pl.circles(raw, "cell_type")
    assert len(rims.layout.annotations) == 3
    large = scapp.pl.circles(raw, "cell_type", cell_type=model.types[1])
    # a trace for each true type that is on the circle
    assert {trace.name.split(" (")[0] for trace in large.data if trace.name} >= {model.types[1]}
    with pytest.raises(ConfigError, match="no type 'nonsense'"):
        scapp.pl.circles(raw, "cell_type", cell_type="nonsense")


def test_comparisons_are_those_of_the_step(workspace, ready, prepared, tmp_path):
    pytest.importorskip("torch")
    from tests.conftest import run_step

    chosen = {"label_key": "cell_type", "n_seeds": 2}
    table = scapp.tl.compare(ready, methods=("pca", "hvg"), output=tmp_path / "tables", progress=False, **chosen)
    summary = run_step(
        workspace, "evaluate_clustering", {**chosen, "methods": ("pca", "hvg")}, prepared.id, tmp_path / "step"
    )
    same = ["method", "clusterer", "n_seeds", "ari", "nmi"]
    pd.testing.assert_frame_equal(table[same], pd.DataFrame(summary["rows"])[same])
    assert (tmp_path / "tables" / "sweep.csv").exists()
    with pytest.raises(ConfigError, match="no comparison 'nonsense'"):
        scapp.tl.compare(ready, "nonsense")


def test_an_augmented_cell_is_drawn(ready):
    figure = scapp.pl.augmentation(ready, ready.obs_names[3], seed=1)
    strongest = ready.X[3].toarray().ravel()[ready.var["highly_variable"]].max()
    assert max(figure.data[0].y) == pytest.approx(strongest)
    # heavy dropout leaves a fifth
    after = np.asarray(figure.data[1].y, dtype=float)
    assert (after == 0).sum() > (after > 0).sum()
    with pytest.raises(ConfigError, match="no cell 'nobody'"):
        scapp.pl.augmentation(ready, "nobody")


def test_doublets_and_filters(raw):
    scapp.pp.doublets(raw)
    other = scapp.pp.doublets(raw, settings={"seed": 1}, copy=True)
    assert (other.obs["doublet_score"] != raw.obs["doublet_score"]).any()
    limit = float(raw.obs["doublet_score"].quantile(0.9))
    kept = scapp.pp.prepare(raw, settings={"max_doublet_score": limit}, copy=True)
    assert kept.n_obs == int((raw.obs["doublet_score"] <= limit).sum())
    assert raw.n_obs == 150
    with pytest.raises(ScappError, match="min_genes"):
        scapp.pp.prepare(raw, min_genes=-1)


@pytest.mark.parametrize(
    "make",
    [
        lambda seed: scapp.datasets.simulate(60, 100, 2, seed=seed),
        lambda seed: scapp.datasets.lineage(60, 40, seed=seed),
        lambda seed: scapp.datasets.blood_study(300, donors_per_group=2, seed=seed),
    ],
    ids=["simulate", "lineage", "blood_study"],
)
def test_datasets_hold_counts_and_follow_their_seed(make):
    one, same, other = make(0), make(0), make(1)
    np.testing.assert_array_equal(dense(one.X), dense(one.layers["counts"]))
    np.testing.assert_array_equal(dense(one.X), dense(same.X))
    assert one.X.shape != other.X.shape or (dense(one.X) != dense(other.X)).any()
    assert (one.X.data == np.rint(one.X.data)).all()


def test_the_bundled_blood_cells_are_whole_counts():
    adata = scapp.datasets.pbmc()
    assert adata.shape == (700, 765)
    assert adata.obs["cell_type"].nunique() == 10


def test_an_encoder_places_its_own_cells_where_they_were(raw, tmp_path):
    pytest.importorskip("torch")
    scapp.pp.prepare(raw, min_genes=0, min_cells=0, n_top_genes=100)
    tiny = {"hidden": 16, "dim": 8, "batch_size": 32}
    scapp.tl.clear(raw, epochs=2, settings=tiny, model_dir=tmp_path / "model", progress=False)
    scapp.tl.apply_clear(raw, tmp_path / "model")
    assert dict(raw.uns["clear"]["columns"]) == {"pca": [0, 50], "clear": [50, 66]}
    np.testing.assert_allclose(raw.obsm["X_clear_applied"], raw.obsm["X_clear"], atol=1e-3)
    assert raw.uns["X_clear_applied"]["n_genes_missing"] == 0
    other = scapp.tl.apply_clear(raw[:10].copy(), tmp_path / "model", key_added="X_there", copy=True)
    np.testing.assert_allclose(other.obsm["X_there"], raw.obsm["X_clear"][:10], atol=1e-3)
    raw.obsm["X_umap"] = np.random.default_rng(0).normal(0, 1, (raw.n_obs, 2))
    scapp.tl.apply_clear(other, tmp_path / "model", onto=raw)
    np.testing.assert_allclose(other.obsm["X_umap_reference"], raw.obsm["X_umap"][:10], atol=0.05)
    assert (other.obs["distance_to_reference"] < 0.1).all()
    with pytest.raises(DataError, match="no obsm of X_umap_b"):
        scapp.tl.apply_clear(other, tmp_path / "model", onto=raw, onto_map="X_umap_b")
    with pytest.raises(DataError, match="reference's cells have 50 columns"):
        scapp.tl.apply_clear(other, tmp_path / "model", onto=raw, onto_rep="X_pca")
