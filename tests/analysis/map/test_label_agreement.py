"""Agreement of a representation with labels, against scikit-learn."""

import numpy as np
import pandas as pd
import pytest
from sklearn.cluster import KMeans
from sklearn.metrics import adjusted_rand_score, normalized_mutual_info_score, silhouette_score

from scapp.analysis.map.label_agreement import kmeans_agreement, label_scores


@pytest.fixture
def clouds():
    rng = np.random.default_rng(0)
    codes = np.repeat([0, 1, 2], 40)
    return codes[:, None] * 1.5 + rng.normal(size=(120, 4)), pd.Categorical(np.array(["a", "b", "c"])[codes])


def test_kmeans_is_told_the_number_of_labels_and_judged_as_scikit_learn_does(clouds):
    points, labels = clouds
    found = kmeans_agreement(points, labels, seed=3)
    best = KMeans(3, n_init=10, random_state=3).fit_predict(points)
    assert found["ari"] == pytest.approx(adjusted_rand_score(labels.codes, best), abs=0.05)
    assert 0.2 < found["ari"] < 1


def test_scores_of_clusters_and_silhouette_are_scikit_learns(clouds):
    points, labels = clouds
    leiden = pd.Categorical((points[:, 0] > 1.5).astype(str))
    scores = label_scores(points, leiden, labels, seed=0)
    assert scores["leiden_ari"] == pytest.approx(adjusted_rand_score(labels.codes, leiden.codes), abs=1e-4)
    assert scores["leiden_nmi"] == pytest.approx(normalized_mutual_info_score(labels.codes, leiden.codes), abs=1e-4)
    assert scores["silhouette"] == pytest.approx(silhouette_score(points, labels.codes), abs=1e-4)


def test_cells_without_a_label_are_not_judged_and_one_label_says_nothing(clouds):
    points, labels = clouds
    some = labels.copy()
    some[:10] = np.nan
    drawn = kmeans_agreement(points, some, seed=0, most_cells=1000)
    assert drawn == kmeans_agreement(points[10:], labels[10:], seed=0)
    assert kmeans_agreement(points, pd.Categorical(["a"] * 120), seed=0) == {}
    assert np.isnan(label_scores(points, labels, pd.Categorical(["a"] * 120), seed=0)["kmeans_ari"])


def test_of_many_cells_so_many_are_drawn(clouds):
    points, labels = clouds
    few = kmeans_agreement(points, labels, seed=1, most_cells=60)
    assert few == kmeans_agreement(points, labels, seed=1, most_cells=60)
    assert few != kmeans_agreement(points, labels, seed=1)
