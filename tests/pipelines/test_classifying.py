"""Training a classifier on a dataset, and annotating another with it."""

import json

import numpy as np
import pandas as pd
import pytest

from scapp.core import keys
from scapp.core.errors import ConfigError, DataError
from tests.conftest import run_step

QUICK = {"label_key": "cell_type", "steps": 30, "batch_size": 64}


@pytest.fixture
def model(workspace, imported, tmp_path):
    summary = run_step(workspace, "classify", QUICK, imported.id, tmp_path / "model")
    return tmp_path / "model", summary


def test_a_classifier_leaves_its_model_figures_and_circles(workspace, imported, model):
    folder, summary = model
    assert {path.name for path in folder.iterdir()} >= {"model.safetensors", "model.json", "types.csv"}
    assert summary["top1"] > 0.7
    assert summary["n_types"] == 3
    table = pd.read_csv(folder / "types.csv")
    assert table["n_train"].sum() == summary["n_train"]
    assert table["n_test"].sum() == summary["n_test"]
    assert table["auprc"].mean() == pytest.approx(summary["mean_auprc"])
    done = workspace.open(imported.id)
    circles = done.read(keys.MLS)
    assert circles.shape == (done.n_cells, 6)
    np.testing.assert_allclose(np.linalg.norm(circles.reshape(-1, 3, 2), axis=2), 1, atol=1e-5)
    assert done.read(keys.MLS_TYPES)["type"].tolist() == table["type"].tolist()
    assert json.loads((folder / "model.json").read_text())["provenance"]["label_key"] == "cell_type"


def test_cells_are_annotated_and_compared(workspace, imported, model, tmp_path):
    config = {"model": str(model[0]), "threshold": 0.5, "label_key": "cell_type"}
    summary = run_step(workspace, "predict", config, imported.id, tmp_path / "predict")
    done = workspace.open(imported.id)
    said, probability = done.read(keys.PREDICTED), np.asarray(done.read(keys.PREDICTED_PROBABILITY))
    truth = np.asarray(pd.Categorical(done.read(keys.obs("cell_type"))).astype(str))
    assert (np.asarray(said.astype(str)) == truth).mean() > 0.8
    assert summary["n_unassigned"] == (probability < 0.5).sum() == (np.asarray(said.astype(str)) == "unassigned").sum()
    assert summary["covered"] == 1.0
    assert summary["top1"] > 0.8
    assert summary["types_not_in_model"] == []


def test_what_cannot_be_annotated_is_refused(workspace, imported, model, tmp_path):
    config = {"model": str(model[0]), "label_key": "batch"}
    with pytest.raises(DataError, match="type that the model knows"):
        run_step(workspace, "predict", config, imported.id, tmp_path / "predict")
    with pytest.raises(ConfigError, match="No model"):
        run_step(workspace, "predict", {}, imported.id, tmp_path / "other")
