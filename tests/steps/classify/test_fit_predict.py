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


def test_few_wrong_names_are_promised_by_validation_cells(workspace, imported, tmp_path):
    more = {**QUICK, "valid_share": 0.4, "component": "none"}
    run_step(workspace, "classify", more, imported.id, tmp_path / "model")
    validated = pd.read_csv(tmp_path / "model" / "validation_cells.csv")
    assert len(validated) == 60
    config = {"model": str(tmp_path / "model"), "most_wrong": 0.1}
    summary = run_step(workspace, "predict", config, imported.id, tmp_path / "predict")
    named = validated["probability"] >= summary["threshold"] - 1e-9
    assert ((~validated["right"][named]).sum() + 1) / (named.sum() + 1) <= 0.1
    probability = np.asarray(workspace.open(imported.id).read(keys.PREDICTED_PROBABILITY), dtype=float)
    assert summary["n_unassigned"] == (probability < summary["threshold"] - 1e-6).sum()
    with pytest.raises(DataError, match="at least 99 named without an error"):
        run_step(workspace, "predict", {**config, "most_wrong": 0.01}, imported.id, tmp_path / "other")


def test_what_cannot_be_annotated_is_refused(workspace, imported, model, tmp_path):
    config = {"model": str(model[0]), "label_key": "batch"}
    with pytest.raises(DataError, match="type that the model knows"):
        run_step(workspace, "predict", config, imported.id, tmp_path / "predict")
    with pytest.raises(ConfigError, match="No model"):
        run_step(workspace, "predict", {}, imported.id, tmp_path / "other")


def test_clusters_vote():
    from scapp.steps.classify.fit_predict import majority

    names = np.array(["a", "a", "b", "b", "c", "unassigned", "unassigned", "b"], dtype=object)
    groups = pd.Series(["1", "1", "1", "2", "2", "2", "3", None])
    # of cluster 2, one b and one c: the first by name; 3 has no vote; the last has no cluster
    assert majority(names, groups).tolist() == ["a", "a", "a", "b", "b", "b", "unassigned", "b"]
    assert names.tolist()[5] == "unassigned"


def test_votes_are_written_with_their_own_probability(workspace, imported, model, tmp_path):
    config = {"model": str(model[0]), "vote_key": "batch", "label_key": "cell_type"}
    summary = run_step(workspace, "predict", config, imported.id, tmp_path / "predict")
    done = workspace.open(imported.id)
    said = pd.Series(done.read(keys.PREDICTED).astype(str))
    assert said.groupby(np.asarray(done.read(keys.obs("batch")).astype(str))).nunique().max() == 1
    assert 0 <= np.asarray(done.read(keys.PREDICTED_PROBABILITY)).min() < 0.5
    truth = pd.Series(done.read(keys.obs("cell_type"))).astype(str)
    assert summary["top1_of_votes"] == pytest.approx((said.to_numpy() == truth.to_numpy()).mean())


def test_broader_types_are_offered(workspace, imported, tmp_path, monkeypatch):
    from scapp.classify.ontology.cell_ontology import ontology_of
    from tests.classify.ontology.test_cell_ontology import TERMS

    labels = sorted(pd.Series(imported.read(keys.obs("cell_type"))).astype(str).unique())
    run_step(workspace, "classify", {**QUICK, "steps": 2}, imported.id, tmp_path / "model")
    config = {"model": str(tmp_path / "model"), "broader": True, "threshold": 0.9}
    monkeypatch.setattr("scapp.steps.classify.fit_predict.load_ontology", lambda: ontology_of(TERMS))
    with pytest.raises(DataError, match="Cell Ontology"):
        run_step(workspace, "predict", config, imported.id, tmp_path / "refused")
    made = {f"CL:000001{n}": {**TERMS["CL:0000003"], "label": name} for n, name in enumerate(labels)}
    monkeypatch.setattr("scapp.steps.classify.fit_predict.load_ontology", lambda: ontology_of(TERMS | made))
    summary = run_step(workspace, "predict", config, imported.id, tmp_path / "predict")
    done = workspace.open(imported.id)
    broad = np.asarray(done.read(keys.PREDICTED_BROAD).astype(str))
    probability = np.asarray(done.read(keys.PREDICTED_PROBABILITY))
    assert summary["n_types_in_ontology"] == len(labels)
    assert set(broad[probability >= 0.9]) <= set(labels)
    assert set(broad[probability < 0.9]) <= {"T cell", "leukocyte"}


def test_a_stopped_training_goes_on_with_the_next_stage(workspace, imported, tmp_path):
    from scapp.core.step_context import QuietContext, StepStopped
    from scapp.workspace.runs.checkpoints import latest_checkpoint, write_checkpoint

    config = {**QUICK, "base": "scdae", "component": "mls", "steps": 8}

    class Stopping(QuietContext):
        stages, limit = 0, 10**9

        def checkpoint(self, write):
            (tmp_path / "kept").mkdir(exist_ok=True)
            write_checkpoint(tmp_path / "kept", write)
            self.stages += 1

        def latest_checkpoint(self):
            return latest_checkpoint(tmp_path / "kept") if (tmp_path / "kept").exists() else None

        def stop_requested(self):
            return self.stages >= self.limit

    whole = run_step(workspace, "classify", config, imported.id, tmp_path / "whole")
    first = Stopping()
    first.limit = 2
    with pytest.raises(StepStopped):
        run_step(workspace, "classify", config, imported.id, tmp_path / "resumed", first)
    again = Stopping()
    resumed = run_step(workspace, "classify", config, imported.id, tmp_path / "resumed", again)
    assert again.stages == 3  # of five, two were finished
    assert (tmp_path / "resumed" / "model.safetensors").read_bytes() == (
        tmp_path / "whole" / "model.safetensors"
    ).read_bytes()
    assert {k: v for k, v in resumed.items() if k != "seconds"} == {k: v for k, v in whole.items() if k != "seconds"}
