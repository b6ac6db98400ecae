"""A session leaves as a script, a notebook and a paragraph, and the first two make the same result again."""

import json
import os
import subprocess
import sys

import anndata as ad
import nbformat
import numpy as np
import pandas as pd
import pytest
from nbclient import NotebookClient
from sklearn.metrics import adjusted_rand_score

from scapp._version import __version__
from scapp.clear.config import clear_config
from scapp.core import keys
from scapp.jobs.session import Session
from scapp.reports.methods_text import SENTENCES, methods_text
from scapp.reports.script import as_notebook, as_python, code_of_steps, script_of, with_comparison
from scapp.steps.catalogue import STEPS, step
from scapp.ui.kit.routing import ROOT
from scapp.workspace.datasets.store import Workspace
from tests.conftest import run_step

TINY = {"hidden": 16, "dim": 8, "batch_size": 32, "queue_size": 64, "epochs": 3}
RUN = "20260101-120000-abc123"


@pytest.fixture
def session(workspace, study_file):
    """Everything that can be clicked, once; and some of it again, so that first results are no longer in place."""
    pytest.importorskip("torch")

    here = Session(workspace.root, threads=1)

    def do(step, dataset=None, /, **values):
        return here.run(step, dataset and workspace.open(dataset), **values).id

    raw = do("import", path=str(study_file), name="study", missing_as_zero=True)
    do("doublets", raw)
    data = do("prepare", raw, max_doublet_score=0.5, min_genes=5, n_top_genes=100)
    do("clear", data, run_id="20260101-110000-dead00", **clear_config(**TINY, seed=5).model_dump())
    do("clear", data, run_id=RUN, **clear_config(**TINY).model_dump())
    do("map", data, representation="clear_abc123", resolution=0.3)
    do("map", data, representation="clear", resolution=2.0)
    do("map", data, representation="clear", resolution=0.5)
    do("cluster", data, representation="clear", method="kmeans", n_clusters=3)
    names = workspace.open(data).read(keys.obs("leiden_clear")).categories
    do("name_clusters", data, source="leiden_clear", column="named", names={str(names[0]): 'it\'s "big"'})
    points = workspace.open(data).read(keys.umap("clear"))
    x = float(np.median(points[:, 0]))
    low, high = float(points.min() - 1), float(points.max() + 1)
    half = {"map": "X_umap_clear", "polygons": [[[low, low], [x, low], [x, high], [low, high]]]}
    do("annotate", data, column="mine", label="left", selection=half)
    do("markers", data, groupby="named")
    do("colours", data, column="named", colours={'it\'s "big"': "#112233"})
    part = do("subset", data, name="part", selection=half)
    do("map", part, representation="pca")
    return {"data": workspace.open(data), "part": workspace.open(part)}


def run_python(text, folder, *arguments):
    (folder / "script.py").write_text(text)
    # a machine may say which kernels its linear algebra uses; equal results need the same
    kernels = {name: os.environ[name] for name in ("OPENBLAS_CORETYPE", "OPENBLAS_L2_SIZE") if name in os.environ}
    environment = {"PYTHONPATH": str(ROOT), "PATH": "/usr/bin:/bin", "HOME": str(folder), **kernels}
    return subprocess.run(
        [sys.executable, "script.py", *arguments],
        cwd=folder,
        capture_output=True,
        text=True,
        env=environment,
        timeout=250,
    )


@pytest.mark.parametrize("which", ["data", "part"])
def test_the_script_gives_the_same_values(session, study_file, tmp_path, which):
    original = session[which]
    text = as_python(script_of(original))
    folder = tmp_path / "elsewhere"
    folder.mkdir()
    finished = run_python(text, folder, str(study_file))
    assert finished.returncode == 0, finished.stderr[-3000:]
    assert "differs from the app" not in finished.stdout, finished.stdout
    (produced,) = folder.glob("*.h5ad")
    import anndata as ad

    again = ad.read_h5ad(produced)
    np.testing.assert_array_equal(again.obs_names, original.names(keys.OBS_NAMES))
    rep = "clear_abc123" if which == "data" else "pca"
    np.testing.assert_array_equal(again.obsm[f"X_{rep}"], original.read(keys.representation(rep)))
    column = "leiden_clear" if which == "data" else "leiden_pca"
    assert adjusted_rand_score(again.obs[column], np.asarray(original.read(keys.obs(column)))) == 1
    if which == "data":
        assert again.obs["named"].tolist() == list(np.asarray(original.read(keys.obs("named"))))
        assert again.obs["mine"].notna().sum() == original.read(keys.obs("mine")).notna().sum()


def test_the_script_of_a_comparison_repeats_its_table(workspace, prepared, study_file, tmp_path):
    config = {"label_key": "cell_type", "methods": ["pca", "clear"], "n_seeds": 1, "epochs": 2, "highest": 0.2}
    config = step("evaluate_clustering").config.build(config).model_dump(mode="json")
    there = tmp_path / "there"
    run_step(workspace, "evaluate_clustering", config, prepared.id, there)
    folder = tmp_path / "elsewhere"
    folder.mkdir()
    text = as_python(with_comparison(script_of(prepared), "evaluate_clustering", config))
    finished = run_python(text, folder, str(study_file))
    assert finished.returncode == 0, finished.stderr[-3000:]
    again, first = (
        pd.read_csv(place / "results.csv").drop(columns=["seconds", "memory_mb"])
        for place in (folder / "evaluate_clustering", there)
    )
    pd.testing.assert_frame_equal(again, first)
    assert set(again["title"]) == {"PCA", "CLEAR"}


def test_what_is_no_longer_in_place_is_left_out(session):
    text = as_python(script_of(session["data"]))
    assert "resolution=0.5" in text
    assert "resolution=2.0" not in text
    # the second map of X_clear needs the second run only; the first run's own slot is still there
    assert text.count('"clear"') >= 2
    assert "upload_folder" not in text


def test_the_notebook_is_valid_and_gives_the_same_values(session, study_file, tmp_path, monkeypatch):
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    content = as_notebook(script_of(session["part"]))
    notebook = nbformat.reads(content, as_version=4)
    nbformat.validate(notebook)
    assert json.loads(content)["nbformat"] == 4
    NotebookClient(notebook, timeout=250, resources={"metadata": {"path": str(tmp_path)}}).execute()
    printed = "".join(
        output.get("text", "")
        for cell in notebook.cells
        for output in cell.get("outputs", [])
        if output.output_type == "stream"
    )
    assert "obsm/X_pca: equal to the app" in printed
    assert "differs" not in printed
    assert any(
        "application/vnd.plotly.v1+json" in output.get("data", {})
        for cell in notebook.cells
        for output in cell.get("outputs", [])
    )


def test_methods_name_parameters_versions_and_citations(session):
    text = methods_text(session["data"])
    for words in (
        "Scrublet",
        "doublet score of at most 0.5",
        "100 highly variable genes",
        "3 epochs",
        "Leiden at resolution 0.5",
        "3 groups by k-means",
        "named by the authors",
        "Wilcoxon",
        "bbac377",
        f"scapp {__version__}",
        "Traag",
    ):
        assert words in text, words
    assert "resolution 2" not in text
    # comparisons write no values, so no history speaks of them
    silent = {"colours", "export", "gene_sets"} | {step.name for step in STEPS if step.name.startswith("evaluate_")}
    assert set(SENTENCES) == {step.name for step in STEPS} - silent


def test_methods_say_what_happened_and_not_what_was_asked_for(workspace, study, tmp_path):
    """Log-normalised values of 40 genes: nothing is scaled, no 2,000 genes are chosen, no 50 components computed."""
    logged = study[:, :40].copy()
    # not multiples of anything, so that no counts can be had from them
    noise = np.random.default_rng(0).uniform(0.5, 1.5, size=logged.shape)
    logged.X = np.log1p(logged.layers["counts"].toarray() * noise).astype(np.float32)
    del logged.layers["counts"]
    logged.write_h5ad(tmp_path / "log.h5ad")
    session = Session(workspace.root)
    data = session.run("import", path=str(tmp_path / "log.h5ad"))
    data = session.run("prepare", data, min_genes=0, min_cells=0)
    text = methods_text(data)
    assert "scaled to 10,000" not in text
    assert "without normalising them again" in text
    assert "2,000 highly variable" not in text
    assert "all 40 genes were used" in text
    assert f"{data.read(keys.representation('pca')).shape[1]} principal components" in text
    assert "50 principal components" not in text


def test_methods_say_on_which_cells_a_classifier_was_trained(workspace, imported, study_file, tmp_path):
    pytest.importorskip("torch")
    session = Session(workspace.root)
    session.run("classify", imported, folder=tmp_path / "model", label_key="cell_type")
    same = session.run("predict", imported, model=str(tmp_path / "model"))
    assert "trained on labelled cells of this dataset" in methods_text(same)
    few = ad.read_h5ad(study_file)[:100]
    few.write_h5ad(tmp_path / "few.h5ad")
    other = session.run("import", path=str(tmp_path / "few.h5ad"))
    other = session.run("predict", other, model=str(tmp_path / "model"))
    assert "trained on 'study'" in methods_text(other)


def test_code_of_a_page(session):
    code = code_of_steps(session["data"], ["map", "cluster"])
    assert code.count("session.run(") == 3
    compile(code, "page", "exec")
    assert code_of_steps(session["data"], ["export"]) == ""


def test_titles_of_users_cannot_leave_their_place(workspace, prepared):
    renamed = workspace.rename(prepared.id, 'x"""; import os; os.abort() """\\')
    text = as_python(script_of(renamed))
    compile(text, "script", "exec")
    import ast

    calls = {
        node.func.attr
        for node in ast.walk(ast.parse(text))
        if isinstance(node, ast.Call) and hasattr(node.func, "attr")
    }
    assert "abort" not in calls


def test_a_fresh_workspace_needs_nothing_of_the_old(session, tmp_path):
    assert Workspace(tmp_path / "other").datasets() == []
