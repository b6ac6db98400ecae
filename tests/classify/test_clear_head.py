"""CLEAR beside a classifier: the product by hand, its weight, its files, and other cells."""

import anndata as ad
import numpy as np
import pandas as pd
import pytest
import torch
from scipy import sparse
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import f1_score

from scapp.classify.classifier import CellTypeClassifier
from scapp.classify.clear_head import ENOUGH_VALID, ClearHead, _product, _weight
from scapp.classify.config import ClassifierConfig
from scapp.classify.splits import Split
from scapp.clear.apply import ClearModel
from scapp.clear.config import clear_config
from scapp.clear.train import train_clear
from scapp.core.errors import DataError
from scapp.core.step_context import QuietContext
from scapp.data.qc.preprocessing import normalise
from scapp.data.symbols import gene_names

SMALL = {"hidden": 32, "dim": 8, "batch_size": 32, "epochs": 20}


@pytest.fixture(scope="module")
def annotated(study):
    counts = sparse.csr_matrix(study.layers["counts"])
    return ad.AnnData(counts, obs=study.obs[["cell_type"]].copy(), var=pd.DataFrame(index=study.var_names))


@pytest.fixture(scope="module")
def model(annotated):
    config = clear_config(**SMALL)
    result = train_clear(normalise(annotated.X, 1e4), config, QuietContext())
    genes = gene_names(annotated.var_names, annotated.var)
    return ClearModel(config, genes, 1e4, dict(result.weights), result.moments, result.correction, result.beside)


@pytest.fixture(scope="module")
def folder(model, tmp_path_factory):
    place = tmp_path_factory.mktemp("clear")
    model.save(place)
    return place


def fitted(adata, folder, **settings):
    config = {"component": "none", "clear": str(folder), **settings}
    return CellTypeClassifier(ClassifierConfig.build(config)).fit(adata, "cell_type")


def test_the_product_is_the_geometric_mean():
    own, said = np.array([[0.6, 0.3, 0.1]]), np.array([[0.2, 0.7, 0.1]])
    joined = torch.softmax(_product(torch.from_numpy(np.log(own)), torch.from_numpy(np.log(said)), 0.25), dim=1)
    expected = own**0.75 * said**0.25
    np.testing.assert_allclose(joined.numpy(), expected / expected.sum())


def test_validation_cells_choose_the_weight_where_they_are_many():
    codes = np.arange(ENOUGH_VALID) % 2
    right = torch.from_numpy(np.log(np.where(codes[:, None] == [0, 1], 0.9, 0.1)))
    wrong = torch.from_numpy(np.log(np.where(codes[:, None] == [0, 1], 0.1, 0.9)))
    assert _weight(right, wrong, codes) == 0
    assert _weight(wrong, right, codes) == 1
    assert _weight(wrong[:-1], right[:-1], codes[:-1]) == 0.5
    # two halves of the cells, each known to one opinion alone: both are needed
    even, half = torch.full((ENOUGH_VALID, 2), np.log(0.5), dtype=torch.float64), ENOUGH_VALID // 2
    first, second = torch.cat([right[:half], even[half:]]), torch.cat([even[:half], right[half:]])
    assert 0 < _weight(first, second, codes) < 1


def test_the_head_is_scikit_learns_on_the_representation(annotated, model):
    genes = gene_names(annotated.var_names, annotated.var)
    codes = np.asarray(pd.Categorical(annotated.obs["cell_type"]).codes, dtype=np.int64)
    order = np.random.default_rng(0).permutation(len(codes))
    split = Split(np.sort(order[:100]), np.zeros(0, dtype=int), np.sort(order[100:]))
    n_types = codes.max() + 1
    nothing = torch.zeros(0, n_types, dtype=torch.float64)
    places = model.embed_counts(annotated.X, genes)[0]
    head = ClearHead.fit(model, places, codes, split, nothing, QuietContext())
    assert (head.temperature, head.weight, head.joint_temperature) == (1.0, 0.5, 1.0)
    places = places - places[split.train].mean(axis=0)
    places /= np.sqrt(places[split.train].var(axis=0).mean())
    peer = LogisticRegression(max_iter=1000).fit(places[split.train], codes[split.train])
    even = torch.full((len(split.test), n_types), -np.log(n_types), dtype=torch.float64)
    found = torch.softmax(2 * head.joined(even, annotated.X[split.test], genes), dim=1)
    np.testing.assert_allclose(found.numpy(), peer.predict_proba(places[split.test]), atol=1e-4)


def test_it_survives_its_file_without_the_folder_it_came_from(annotated, folder, tmp_path, monkeypatch):
    classifier = fitted(annotated, folder)
    said = classifier.predict_proba(annotated)
    np.testing.assert_allclose(said.sum(axis=1), 1)
    np.testing.assert_allclose(said[classifier.split.test], classifier.test_probabilities, atol=1e-6)
    classifier.save(tmp_path / "model")
    text = (tmp_path / "model" / "model.json").read_text()
    assert str(folder) not in text  # a model that is handed on names no folder of this machine
    loaded = CellTypeClassifier.load(tmp_path / "model")
    np.testing.assert_array_equal(loaded.predict_proba(annotated), said)
    assert loaded.metrics == classifier.metrics
    monkeypatch.setattr("scapp.data.blocks.blocked_matrix.ENTRIES", 500)
    np.testing.assert_allclose(loaded.predict_proba(annotated), said, atol=1e-5)
    some = annotated[:9, ::-1].copy()
    np.testing.assert_allclose(loaded.predict_proba(some), said[:9], atol=1e-5)


def test_with_and_without_it_are_both_told(annotated, folder):
    alone, beside = fitted(annotated, ""), fitted(annotated, folder)
    assert alone.beside is None
    for name in ("macro_f1", "mean_auprc"):
        assert beside.metrics[f"{name}_without_clear"] == alone.metrics[name]
    codes = pd.Categorical(annotated.obs["cell_type"]).codes[beside.split.test]
    said = beside.test_probabilities.argmax(axis=1)
    assert beside.metrics["macro_f1"] == pytest.approx(f1_score(codes, said, average="macro"))


def test_without_a_trained_clear_it_is_refused(annotated, tmp_path):
    with pytest.raises(DataError, match="no trained CLEAR"):
        fitted(annotated, tmp_path)


def test_other_cells_need_the_encoders_genes(annotated, folder):
    classifier = fitted(annotated, folder)
    weights = np.abs(classifier.beside.model.weights["first.weight"]).sum(axis=0)
    unread = np.sort(np.argsort(weights)[: len(weights) // 2])
    classifier.beside.model.weights["first.weight"][:, unread] = 0
    with pytest.raises(DataError, match="CLEAR beside this classifier finds 0%"):
        classifier.predict_proba(annotated[:, unread].copy())


def test_one_label_a_type(annotated, folder):
    few = annotated.copy()
    labels = few.obs["cell_type"].astype(object)
    keep = labels.groupby(labels).head(1).index
    few.obs["cell_type"] = labels.where(labels.index.isin(keep))
    classifier = fitted(few, folder, test_share=0.0)
    assert classifier.metrics["n_test"] == 0
    assert np.isfinite(classifier.predict_proba(annotated)).all()
