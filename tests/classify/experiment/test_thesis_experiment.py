"""The thesis's experiment on simulated data, and what shares a base model."""

import importlib.util

import numpy as np
import pandas as pd
import pytest
from scipy import sparse

from scapp.classify.classifier import CellTypeClassifier
from scapp.classify.config import ClassifierConfig
from scapp.classify.experiment.config import ExperimentConfig
from scapp.classify.experiment.reference_classifiers import PEERS, REFERENCES, castle_genes, spread
from scapp.classify.experiment.regimes import Regime, sample
from scapp.classify.experiment.thesis_experiment import Experiment, Material, jobs_of, run_all
from scapp.classify.gene_scaling import prepare
from scapp.core.errors import ConfigError, MissingDependencyError
from scapp.core.step_context import QuietContext
from scapp.data.symbols import gene_names

TINY = {"seeds": 1, "steps": 20, "batch_size": 64, "simple": False, "unbalanced": False, "scarce_cells": 20}


@pytest.fixture(scope="module")
def material(study):
    labels = pd.Categorical(study.obs["cell_type"])
    clear = np.random.default_rng(0).normal(size=(study.n_obs, 4)).astype(np.float32)
    clear[:, 0] += 3 * labels.codes
    return Material(
        sparse.csr_matrix(study.layers["counts"]),
        gene_names(study.var_names, study.var),
        [str(name) for name in labels.categories],
        labels.codes.astype(np.int64),
        clear=clear,
    )


def test_every_model_is_trained_and_measured(material):
    config = ExperimentConfig.build({**TINY, "scdae": True})
    rows = list(run_all(Experiment(material, config), QuietContext(), []))[-1]
    models = [row["model"] for row in rows]
    bases = [f"{base}{h}" for base in ("lr", "actinn", "scdae") for h in ("", "+mlp", "+mls", "+competing")]
    assert set(models) == {*bases, *(r.id for r in REFERENCES), "clear", "clear+mls", "clear+competing"}
    for row in rows:
        assert len(row["types"]) == 3
        assert sum(t["n_test"] for t in row["types"]) == row["n_test"]
        reads_clear = "clear" in row["model"]
        assert [lost["share"] for lost in row["dropout"]] == ([] if reads_clear else [0.1, 0.3, 0.6, 0.8])
    good = {row["model"]: row["top1"] for row in rows}
    ours = ("lr", "lr+mls", "lr+competing", "clear+competing")
    assert min(good[m] for m in (*ours, "sklearn_lr", "pca_svm", "boosting", "knn_pca", "knn_clear")) > 0.7


def test_jobs_follow_the_choices():
    def models(**changes):
        config = ExperimentConfig.build({**TINY, **changes})
        return [(job.regime.id, job.seed, job.model, job.changes) for job in jobs_of(config, with_clear=False)]

    assert {m for _, _, m, _ in models(references=False, actinn=False, mlp=False)} == {"lr", "lr+mls", "lr+competing"}
    assert len(models(seeds=3, references=False, actinn=False, mlp=False)) == 9
    assert {r for r, *_ in models(simple=True, unbalanced=True)} == {"simple", "scarce", "unbalanced"}
    grid = [c for *_, c in models(references=False, actinn=False, mlp=False, grid=True) if c != (1, 1)]
    # rates and temperatures of MLS-CC; of circles that compete, which have no temperature, rates alone
    assert len(grid) == 8 + 2
    assert models(simple=False, scarce=False, unbalanced=False, grid=True) == []


def test_what_competing_circles_refuse_is_refused_before_training():
    for changes in ({"circle_dims": 3}, {"views": "paper"}):
        with pytest.raises(ConfigError, match="leave them out of the experiment"):
            ExperimentConfig.build({**TINY, **changes})
        assert ExperimentConfig.build({**TINY, "competing": False, **changes}).competing is False


def test_what_is_set_reaches_every_classifier():
    chosen = {"start": "random", "balanced": False, "n_components": 50, "mls_positives": "as_printed", "steps": 7}
    config = ExperimentConfig.build(chosen | {"hold_out_key": "donor"}).classifier(base="actinn", seed=3)
    assert {name: getattr(config, name) for name in chosen} == chosen
    assert (config.base, config.seed, config.hold_out_key) == ("actinn", 3, None)


def test_what_is_known_is_not_trained_again(material):
    config = ExperimentConfig.build({**TINY, "actinn": False, "mlp": False, "references": False})
    first = list(run_all(Experiment(material, config), QuietContext(), []))[-1]

    class Broken(Experiment):
        def run(self, job, context):
            raise AssertionError(job.key)

    again = list(run_all(Broken(material, config), QuietContext(), first))[-1]
    assert again == first


@pytest.mark.parametrize("base", ["actinn", "scdae"])
def test_a_shared_base_model_changes_nothing(material, base):
    split = sample(material.codes, Regime("scarce", "", 50, 20), seed=0).split
    config = ClassifierConfig.build({"base": base, "component": "mls", "steps": 12, "batch_size": 32})
    plain, shared, alone = (
        CellTypeClassifier(c, types=material.names)
        for c in (config.model_copy(update={"component": "none"}), config, config)
    )
    trained = plain.fit_split(material.counts, material.codes, material.genes, split)
    shared.fit_split(material.counts, material.codes, material.genes, split, base=trained)
    alone.fit_split(material.counts, material.codes, material.genes, split)
    np.testing.assert_array_equal(shared.test_probabilities, alone.test_probabilities)


def test_castles_genes_are_few_telling_and_not_twice_the_same():
    rng = np.random.default_rng(0)
    codes = np.repeat([0, 1, 2], 60)
    values = rng.poisson(0.3, (180, 400)).astype(np.float32)
    values[:, 7] = 5 * (codes == 1)
    values[:, 8] = values[:, 7]
    genes = castle_genes(sparse.csr_matrix(np.log1p(values)), codes, 0)
    assert (7 in genes) != (8 in genes)
    assert len(genes) <= 200


def test_a_type_without_training_cells_is_never_said():
    said = spread(np.array([[0.4, 0.6]]), np.array([0, 2, 2]), 3)
    assert said.tolist() == [[0.4, 0.0, 0.6]]


@pytest.mark.long
@pytest.mark.parametrize("peer", PEERS, ids=lambda peer: peer.id)
def test_a_peer_learns_and_names_types_in_our_order(material, peer):
    pytest.importorskip(peer.package[0])
    split = sample(material.codes, Regime("scarce", "", 50, 20), seed=0).split
    preparation = prepare(material.counts, split.train, "log_cp10k")
    # a type that has no training cell leaves a gap in the numbers
    codes = np.where(material.codes == 2, 7, material.codes)
    learnt = peer.learn(preparation.apply(material.counts[split.train]), codes[split.train], 0)
    said = learnt(preparation.apply(material.counts[split.test]))
    np.testing.assert_allclose(said.sum(axis=1), 1, atol=1e-6)
    assert (np.array([0, 1, 7])[said.argmax(axis=1)] == codes[split.test]).mean() > 0.7


def test_a_peer_that_is_not_installed_is_refused(material, monkeypatch):
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(MissingDependencyError, match="xgboost is not installed"):
        jobs_of(ExperimentConfig.build({"peers": True}), with_clear=False)
    assert not {"xgboost", "celltypist"} & {job.model for job in jobs_of(ExperimentConfig(), with_clear=True)}


def test_references_see_training_cells_alone(material):
    """Test cells may hold anything: what was learnt from the others stays."""
    split = sample(material.codes, Regime("scarce", "", 50, 20), seed=0).split
    changed = material.counts.tolil()
    changed[split.test[0]] = 1e4
    for reference in REFERENCES:
        if reference.reads == "genes":
            said = []
            for counts in (material.counts, changed.tocsr()):
                preparation = prepare(counts, split.train, "log_cp10k")
                learnt = reference.learn(preparation.apply(counts[split.train]), material.codes[split.train], 0)
                said.append(learnt(preparation.apply(material.counts[split.test])))
            np.testing.assert_array_equal(*said)
