"""Classifiers: train, save, load, other gene orders, leakage, frozen parts, odd labels."""

import anndata as ad
import numpy as np
import pandas as pd
import pytest
import torch
from scipy import sparse
from sklearn.linear_model import LogisticRegression

from scapp.classify.classifier import RECORD, UNASSIGNED, CellTypeClassifier
from scapp.classify.components.ridge_start import ridge_margins
from scapp.classify.config import ClassifierConfig
from scapp.classify.gene_scaling import prepare
from scapp.classify.stages import component_stage, plan
from scapp.classify.stages.four_steps import Network
from scapp.core.errors import ConfigError, DataError, RunError
from scapp.core.step_context import QuietContext, StepStopped
from scapp.data.blocks.blocked_matrix import InMemory

QUICK = {"steps": 30, "batch_size": 64, "mlp_hidden": 32, "mlp_output": 8}
BASES, COMPONENTS = ("lr", "actinn", "scdae"), ("none", "mlp", "mls", "competing")


@pytest.fixture(scope="module")
def annotated(study):
    adata = ad.AnnData(
        study.layers["counts"].copy(),
        obs=study.obs[["cell_type", "batch"]].copy(),
        var=pd.DataFrame(index=study.var_names),
    )
    adata.X = sparse.csr_matrix(adata.X)
    return adata


def fitted(adata, **settings):
    return CellTypeClassifier(ClassifierConfig.build({**QUICK, **settings})).fit(adata, "cell_type")


@pytest.mark.parametrize("component", COMPONENTS)
@pytest.mark.parametrize("base", BASES)
def test_every_combination_learns_and_survives_its_file(annotated, base, component, tmp_path):
    classifier = fitted(annotated, base=base, component=component, steps=150)
    assert classifier.metrics["n_test"] == len(classifier.split.test) > 0
    assert classifier.metrics["top1"] > 0.7
    probabilities = classifier.predict_proba(annotated)
    np.testing.assert_allclose(probabilities.sum(axis=1), 1)
    classifier.save(tmp_path / "model")
    loaded = CellTypeClassifier.load(tmp_path / "model")
    np.testing.assert_array_equal(loaded.predict_proba(annotated), probabilities)
    assert (loaded.types, loaded.metrics) == (classifier.types, classifier.metrics)
    assert sorted(path.name for path in (tmp_path / "model").iterdir()) == ["model.json", "model.safetensors"]


def test_logistic_regression_is_scikit_learns(annotated):
    classifier = fitted(annotated, component="none")
    split = classifier.split
    inputs = prepare(annotated.X, split.train, "log_cp10k").apply(annotated.X)
    codes = pd.Categorical(annotated.obs["cell_type"]).codes
    peers = [
        LogisticRegression(C=c, max_iter=1000).fit(inputs[split.train], codes[split.train])
        for c in (0.01, 0.1, 1, 10, 100)
    ]
    classifier.temperature = 1.0
    found = classifier.predict_proba(annotated)
    assert min(np.abs(peer.predict_proba(inputs) - found).max() for peer in peers) < 1e-4


def test_two_types_and_logistic_regression(annotated):
    two = annotated[annotated.obs["cell_type"].isin(sorted(annotated.obs["cell_type"].unique())[:2])].copy()
    classifier = fitted(two, component="none")
    said = classifier.predict(two)
    assert (said == two.obs["cell_type"].to_numpy()).mean() > 0.9


def test_same_seed_same_classifier(annotated):
    first, again = (fitted(annotated).predict_proba(annotated) for _ in range(2))
    np.testing.assert_array_equal(first, again)
    assert not np.allclose(first, fitted(annotated, seed=1).predict_proba(annotated))


def test_genes_in_another_order_missing_and_by_another_name(annotated):
    classifier = fitted(annotated)
    expected = classifier.predict_proba(annotated)
    order = np.random.default_rng(0).permutation(annotated.n_vars)
    np.testing.assert_allclose(classifier.predict_proba(annotated[:, order].copy()), expected, atol=1e-6)
    lower = annotated.copy()
    lower.var_names = [name.lower() for name in annotated.var_names]
    np.testing.assert_allclose(classifier.predict_proba(lower), expected, atol=1e-6)
    most = annotated[:, :150].copy()
    _, aligned = classifier.predict_counts(
        most.X, classifier.genes.__class__(list(most.var_names), list(most.var_names), [""] * 150)
    )
    np.testing.assert_array_equal(aligned.there, np.arange(200) < 150)
    assert 0.5 < classifier.covered(aligned) < 1
    strangers = annotated.copy()
    strangers.var_names = [f"other{i}" for i in range(annotated.n_vars)]
    with pytest.raises(DataError, match="has 0 of the model's 200 genes, which hold 0%"):
        classifier.predict_proba(strangers)


def test_many_cells_are_read_a_block_at_a_time(annotated, monkeypatch):
    classifier = fitted(annotated)
    said, circles = classifier.predict_proba(annotated), classifier.circles(annotated.X, classifier.genes)
    monkeypatch.setattr("scapp.data.blocks.blocked_matrix.ENTRIES", 500)
    assert len(InMemory(annotated.X).bounds()) > 5
    np.testing.assert_allclose(classifier.predict_proba(annotated), said, atol=1e-6)
    np.testing.assert_allclose(classifier.circles(annotated.X, classifier.genes), circles, atol=1e-6)
    annotated = annotated.copy()
    annotated.X[-1, 3] = -1
    with pytest.raises(DataError, match="negative or missing"):
        classifier.predict_proba(annotated)


@pytest.mark.parametrize("component", ["none", "mls"])
def test_cells_of_which_half_of_the_genes_were_measured_are_still_known(annotated, component):
    classifier = fitted(annotated, component=component, steps=60)
    half = annotated[:, np.random.default_rng(0).permutation(annotated.n_vars)[: annotated.n_vars // 2]].copy()
    test = classifier.split.test
    truth = annotated.obs["cell_type"].to_numpy()[test]
    assert (classifier.predict(annotated)[test] == truth).mean() > 0.9
    assert (classifier.predict(half)[test] == truth).mean() > 0.8


@pytest.mark.parametrize("component", ["mls", "competing"])
def test_test_cells_leave_no_trace(annotated, component):
    """Genes, scale and weights are the same whatever the test cells hold."""
    classifier = fitted(annotated, component=component)
    changed = annotated.copy()
    counts = changed.X.tolil()
    counts[classifier.split.test] = 77
    changed.X = sparse.csr_matrix(counts)
    again = fitted(changed, component=component)
    np.testing.assert_array_equal(again.split.test, classifier.split.test)
    for name, tensor in classifier.network.state_dict().items():
        assert torch.equal(again.network.state_dict()[name], tensor), name
    assert again.temperature == classifier.temperature


def test_the_encoder_is_frozen_while_component_and_head_are_trained(annotated):
    plain, with_component = (fitted(annotated, base="actinn", component=c) for c in ("none", "mls"))
    for name, tensor in plain.network.encoder.state_dict().items():
        assert torch.equal(with_component.network.encoder.state_dict()[name], tensor)


@pytest.mark.parametrize("component", ["mls", "competing"])
def test_circles_have_unit_norm(annotated, component):
    classifier = fitted(annotated, component=component)
    circles = classifier.circles(annotated.X, classifier.genes)
    assert circles.shape == (150, 3, 2)
    np.testing.assert_allclose(np.linalg.norm(circles, axis=2), 1, atol=1e-5)
    with pytest.raises(DataError, match="has no circles"):
        fitted(annotated, component="none").circles(annotated.X, classifier.genes)


@pytest.mark.parametrize("component", ["mls", "competing"])
def test_labels_with_gaps_one_cell_spaces_and_unicode(annotated, component):
    odd = annotated.copy()
    labels = odd.obs["cell_type"].astype(object).replace({sorted(set(odd.obs["cell_type"]))[0]: "γδ T / naïve"})
    labels.iloc[:20] = np.nan
    labels.iloc[20] = "only one"
    odd.obs["cell_type"] = pd.Categorical(labels)
    classifier = fitted(odd, component=component)
    assert {"γδ T / naïve", "only one"} <= set(classifier.types)
    assert not set(range(20)) & set(
        np.concatenate([classifier.split.train, classifier.split.valid, classifier.split.test])
    )
    assert classifier.n_train[classifier.types.index("only one")] == 1
    assert len(classifier.predict(odd)) == 150


def test_donors_are_held_out(annotated):
    classifier = fitted(annotated, hold_out_key="batch")
    batches = annotated.obs["batch"].astype(str).to_numpy()
    assert not set(batches[classifier.split.test]) & set(batches[classifier.split.train])


def test_unassigned_below_the_threshold(annotated):
    classifier = fitted(annotated)
    probabilities = classifier.predict_proba(annotated)
    middle = float(np.median(probabilities.max(axis=1)))
    said = classifier.predict(annotated, threshold=middle)
    assert ((said == UNASSIGNED) == (probabilities.max(axis=1) < middle)).all()


def test_bad_input_is_refused(annotated, tmp_path):
    with pytest.raises(DataError, match="no annotation 'nothing'"):
        CellTypeClassifier(ClassifierConfig.build(QUICK)).fit(annotated, "nothing")
    same = annotated.copy()
    same.obs["cell_type"] = pd.Categorical(["a"] * 150)
    with pytest.raises(DataError, match="needs two"):
        fitted(same)
    scaled = annotated.copy()
    scaled.X = sparse.csr_matrix(scaled.X.toarray() - 1.0)
    with pytest.raises(DataError, match="raw counts"):
        fitted(scaled)
    with pytest.raises(RunError, match="not trained"):
        CellTypeClassifier().predict_proba(annotated)
    with pytest.raises(RunError, match="no classifier"):
        CellTypeClassifier.load(tmp_path)
    (tmp_path / RECORD).write_text("[]")
    with pytest.raises(RunError):
        CellTypeClassifier.load(tmp_path)


@pytest.mark.parametrize("component", ["mls", "competing"])
def test_training_stops_when_asked(annotated, component):
    class Stopping(QuietContext):
        def stop_requested(self):
            return True

    config = ClassifierConfig.build({**QUICK, "component": component})
    with pytest.raises(StepStopped):
        CellTypeClassifier(config).fit(annotated, "cell_type", context=Stopping())


def test_training_stops_while_cells_are_left_out(annotated):
    class Stopping(QuietContext):
        said = ""

        def report(self, done, total, text):
            self.said = text

        def stop_requested(self):
            return self.said == "leaving cells out: type 1 of 3"

    classifier = CellTypeClassifier(ClassifierConfig.build({**QUICK, "component": "competing"}))
    with pytest.raises(StepStopped):
        classifier.fit(annotated, "cell_type", context=Stopping())


def test_a_stopped_training_of_competing_circles_ends_as_one_that_was_not(annotated, tmp_path):
    """The component is finished and kept; a second training reads it, and gives the same circles."""

    class Keeping(QuietContext):
        def checkpoint(self, write):
            write(tmp_path)

    class Resuming(QuietContext):
        def latest_checkpoint(self):
            return tmp_path

        def log_metrics(self, row):
            raise AssertionError("nothing is left to train")

    config = ClassifierConfig.build({**QUICK, "component": "competing"})
    first = CellTypeClassifier(config).fit(annotated, "cell_type", context=Keeping())
    second = CellTypeClassifier(config).fit(annotated, "cell_type", context=Resuming())
    np.testing.assert_array_equal(first.predict_proba(annotated), second.predict_proba(annotated))
    assert first.metrics == second.metrics


@pytest.mark.parametrize("base", ["lr", "actinn"])
@pytest.mark.parametrize("start", ["ridge", "random"])
def test_circles_that_compete_are_what_names_cells(annotated, base, start):
    classifier = fitted(annotated, base=base, component="competing", start=start, steps=100)
    circles = classifier.circles(annotated.X, classifier.genes)
    # read like a gauge: never below the line from the pole to its opposite
    assert circles[:, :, 1].min() >= 0
    sharpness = classifier.network.component.log_sharpness.exp().numpy()
    said = torch.softmax(torch.from_numpy(circles[:, :, 0] * sharpness / classifier.temperature).double(), dim=1)
    np.testing.assert_allclose(said.numpy(), classifier.predict_proba(annotated), atol=1e-4)


def test_the_ridge_start_is_validated_on_cells_whose_coordinates_are_known(annotated, monkeypatch):
    seen = []

    def watched(train, codes, valid, valid_codes, n_types):
        seen.append((train, valid, valid_codes))
        return ridge_margins(train, codes, valid, valid_codes, n_types)

    monkeypatch.setattr(plan, "MOST_VALIDATED", 5)
    monkeypatch.setattr(component_stage, "ridge_margins", watched)
    fitted(annotated, component="mls", valid_share=0.3, steps=1)
    ((train, valid, valid_codes),) = seen
    assert len(valid) == len(valid_codes) == 5
    # no validation cell has the coordinates of a training cell
    assert min(np.abs(train - cell).max(axis=1).min() for cell in valid) > 1e-3


def test_the_contrast_of_competing_circles_moves_them(annotated):
    started = fitted(annotated, component="competing", steps=1, learning_rate=1e-9)
    trained = fitted(annotated, component="competing", steps=60)
    assert trained.metrics["component_step"] > 0
    moved = trained.network.component.maps.weight - started.network.component.maps.weight
    assert moved.abs().max() > 1e-3


@pytest.mark.parametrize("setting", [{"circle_dims": 3}, {"views": "paper"}, {"mask_share": 0.5}])
def test_circles_that_compete_refuse_what_they_would_pass_over(setting):
    with pytest.raises(ConfigError, match="Circles that compete have"):
        ClassifierConfig.build({"component": "competing", **setting})


def test_a_thousand_types():
    rng = np.random.default_rng(0)
    counts = sparse.csr_matrix(rng.poisson(1.0, (2000, 30)))
    labels = pd.Categorical([f"type {i}" for i in np.repeat(np.arange(1000), 2)])
    adata = ad.AnnData(counts, obs=pd.DataFrame({"cell_type": labels}, index=[str(i) for i in range(2000)]))
    classifier = fitted(adata, base="actinn", component="mls", steps=2)
    assert isinstance(classifier.network, Network)
    assert classifier.predict_proba(adata[:5].copy()).shape == (5, 1000)
