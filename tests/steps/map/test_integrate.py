"""Harmony as a step: another representation, what it costs, and what is refused."""

import numpy as np
import pandas as pd
import pytest

from scapp.core import keys
from scapp.core.errors import ConfigError, DataError
from scapp.data.qc.harmony import harmony
from scapp.metrics.tuned_harmony import tuned_harmony
from scapp.reports.methods_text import methods_text
from scapp.workspace.datasets.staging import new_provenance
from tests.conftest import run_step


def codes(dataset, column):
    return pd.factorize(pd.Series(dataset.read(keys.obs(column))).astype(str))[0]


def test_a_representation_of_its_own_in_which_batches_mix(workspace, prepared, tmp_path):
    found = run_step(workspace, "harmony", {"batch_key": "batch"}, prepared.id, tmp_path / "h")
    dataset = workspace.open(prepared.id)
    before, after = dataset.read("obsm/X_pca"), dataset.read("obsm/X_harmony")
    assert after.shape == before.shape
    expected = tuned_harmony(np.asarray(before, np.float32), codes(dataset, "batch"), seed=0)
    np.testing.assert_allclose(after, expected, atol=1e-4)
    assert found["ilisi_after"] >= found["ilisi_before"]
    assert found["moved"] == pytest.approx(np.linalg.norm(after - before) / np.linalg.norm(before), rel=1e-4)
    assert "harmony" in keys.representations(dataset.slots)
    run_step(workspace, "map", {"representation": "harmony"}, prepared.id, tmp_path / "map")
    text = methods_text(workspace.open(prepared.id))
    assert "batches of 'batch' were removed from the principal components by Harmony" in text
    assert "Korsunsky" in text


def test_its_settings_by_hand(workspace, prepared, tmp_path):
    by_hand = {"batch_key": "batch", "tune": False, "theta": 4.0, "sigma": 0.2, "seed": 3}
    run_step(workspace, "harmony", by_hand, prepared.id, tmp_path / "h")
    dataset = workspace.open(prepared.id)
    before = np.asarray(dataset.read("obsm/X_pca"), np.float32)
    expected = harmony(before, codes(dataset, "batch"), seed=3, theta=4.0, sigma=0.2)
    np.testing.assert_allclose(dataset.read("obsm/X_harmony"), expected, atol=1e-4)


def test_what_cannot_be_batches_is_refused(workspace, prepared, tmp_path):
    with pytest.raises(ConfigError, match="No batch column"):
        run_step(workspace, "harmony", {}, prepared.id, tmp_path / "a")
    one = pd.Categorical(["a"] * prepared.n_cells)
    some = pd.Categorical(["a", None] * (prepared.n_cells // 2) + ["b"] * (prepared.n_cells % 2))
    workspace.commit(prepared.id, {"obs/one": one, "obs/some": some}, provenance=new_provenance("annotate"))
    with pytest.raises(DataError, match="has one value"):
        run_step(workspace, "harmony", {"batch_key": "one"}, prepared.id, tmp_path / "b")
    with pytest.raises(DataError, match="cells have no 'some'"):
        run_step(workspace, "harmony", {"batch_key": "some"}, prepared.id, tmp_path / "c")
