"""A trained encoder on other cells, and on its own."""

import json

import numpy as np
import pytest

pytest.importorskip("torch")

from scapp.clear.apply import FILES, ClearModel
from scapp.clear.config import clear_config
from scapp.clear.correction import Correction
from scapp.clear.train import train_clear
from scapp.core import keys
from scapp.core.errors import DataError
from scapp.core.step_context import QuietContext
from scapp.data.symbols import GeneNames
from tests.conftest import run_step

WEIGHTS, DESCRIPTION = FILES
TINY = {"hidden": 16, "dim": 8, "batch_size": 32, "epochs": 3}


def model_of(values, config, batches=None):
    result = train_clear(values, config, QuietContext(), batches=batches)
    names = [f"GENE{i}" for i in range(values.shape[1])]
    genes = GeneNames(names, names, [""] * len(names))
    parts = (result.moments, result.correction, result.beside)
    return ClearModel(config, genes, 1e4, dict(result.weights), *parts), result.embedding


@pytest.fixture(scope="module")
def values(study):
    from scapp.data.qc.preprocessing import normalise

    return normalise(study.layers["counts"], 1e4)


@pytest.mark.parametrize("preset", ["recommended", "paper", "authors_code"])
def test_its_own_cells_are_where_training_left_them(values, preset, tmp_path):
    model, embedding = model_of(values, clear_config(preset, **TINY))
    np.testing.assert_allclose(model.embed(values), embedding, atol=1e-5)
    model.save(tmp_path)
    np.testing.assert_allclose(ClearModel.load(tmp_path).embed(values[:7]), embedding[:7], atol=1e-5)


def test_many_cells_are_placed_a_block_at_a_time(values, study, monkeypatch):
    model, _ = model_of(values, clear_config(**TINY))
    names = [f"gene{i}" for i in reversed(range(values.shape[1]))]
    genes = GeneNames(names, names, [""] * len(names))
    counts = study.layers["counts"][:, ::-1]
    whole, _ = model.embed_counts(counts, genes)
    monkeypatch.setattr("scapp.data.blocks.blocked_matrix.ENTRIES", 500)
    found, aligned = model.embed_counts(counts, genes)
    np.testing.assert_allclose(found, whole, atol=1e-5)
    assert aligned.there.all()
    # against cells that were normalised and put in order by hand
    np.testing.assert_allclose(found, model.embed(values), atol=1e-5)


def test_told_the_batches_its_own_cells_stay_near(values, study, tmp_path):
    batches = study.obs["batch"].astype("category").cat.codes.to_numpy()
    model, embedding = model_of(values, clear_config(**TINY, batch_key="batch"), batches)
    assert model.correction is not None
    model.save(tmp_path)
    placed = ClearModel.load(tmp_path).embed(values)
    correlation = [np.corrcoef(placed[:, i], embedding[:, i])[0, 1] for i in range(embedding.shape[1])]
    assert min(correlation) > 0.9


def test_a_correction_moves_other_cells_as_the_nearest_were_moved():
    before = np.array([[0.0, 0], [0, 1], [10, 0], [10, 1]], dtype=np.float32)
    change = np.array([[1.0, 0], [3, 0], [0, 5], [0, 5]], dtype=np.float32)
    correction = Correction(np.repeat(before, 15, axis=0), np.repeat(change, 15, axis=0))
    np.testing.assert_allclose(correction.apply(np.array([[0.1, 0.0], [10, 0.9]])), [[1.1, 0], [10, 5.9]], rtol=1e-6)


def test_a_model_of_another_kind_or_format_is_refused(values, tmp_path):
    with pytest.raises(DataError, match="no trained CLEAR model"):
        ClearModel.load(tmp_path)
    model, _ = model_of(values, clear_config("paper", **TINY))
    model.save(tmp_path)
    content = json.loads((tmp_path / DESCRIPTION).read_text())
    for change, match in (({"kind": "classifier"}, "another kind"), ({"format": 1}, "earlier scapp")):
        (tmp_path / DESCRIPTION).write_text(json.dumps({**content, **change}))
        with pytest.raises(DataError, match=match):
            ClearModel.load(tmp_path)
    (tmp_path / DESCRIPTION).write_text(
        json.dumps({**content, "genes": {name: of_all[1:] for name, of_all in content["genes"].items()}})
    )
    with pytest.raises(DataError, match="do not fit together"):
        ClearModel.load(tmp_path)
    (tmp_path / WEIGHTS).write_bytes(b"\x00" * 40)
    with pytest.raises(DataError, match="no trained CLEAR model"):
        ClearModel.load(tmp_path)


def test_the_step_places_a_dataset_by_another_ones_run(workspace, prepared, tmp_path):
    """The dataset itself as the other one: its cells come to lie where they were, though genes are matched by name."""
    run_step(workspace, "clear", TINY, prepared.id, tmp_path / "clear")
    summary = run_step(workspace, "apply", {"model": str(tmp_path / "clear")}, prepared.id, tmp_path / "apply")
    done = workspace.open(prepared.id)
    trained, placed = (done.read(keys.representation(name)) for name in ("clear", "clear_applied"))
    assert summary["n_genes_missing"] == 0
    assert summary["covered"] == 1
    np.testing.assert_allclose(placed, trained, atol=1e-3)
    assert {name: list(place) for name, place in done.read(keys.parts("clear_applied")).items()} == {
        "pca": [0, 50],
        "clear": [50, 66],
    }


def test_cells_are_placed_on_the_map_of_the_reference(workspace, prepared, tmp_path):
    run_step(workspace, "clear", TINY, prepared.id, tmp_path / "clear")
    run_step(workspace, "map", {"representation": "clear"}, prepared.id, tmp_path / "map")
    reference, other = workspace.open(prepared.id), workspace.duplicate(prepared.id, "other")
    settings = {"model": str(tmp_path / "clear"), "onto": str(reference.folder)}
    summary = run_step(workspace, "apply", settings, other.id, tmp_path / "apply")
    done = workspace.open(other.id)
    assert summary["map"] == "umap_reference"
    assert summary["share_far"] == 0
    np.testing.assert_allclose(done.read(keys.PLACED_MAP), reference.read(keys.umap("clear")), atol=0.05)
    assert done.read(keys.PLACED_DISTANCE).max() < 0.1
    elsewhere = {**settings, "onto_places": keys.representation("pca")}
    with pytest.raises(DataError, match="reference's cells have 50 columns"):
        run_step(workspace, "apply", elsewhere, other.id, tmp_path / "again")
    with pytest.raises(DataError, match="may have been deleted"):
        run_step(workspace, "apply", {**settings, "onto": str(tmp_path / "gone")}, other.id, tmp_path / "gone")
