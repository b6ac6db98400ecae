import itertools
import math

import numpy as np
import pytest
from sklearn.metrics import silhouette_samples

from scapp.metrics.agreement import METRICS, compare, labels_apart, matched_accuracy, silhouette

LABELS = np.array([0, 0, 0, 1, 1, 2])
CLUSTERS = np.array([1, 1, 0, 0, 0, 2])


def slow_ari(labels, clusters):
    """Pairs counted one by one (Hubert and Arabie 1985)."""
    pairs = list(itertools.combinations(range(len(labels)), 2))
    same_label = np.array([labels[i] == labels[j] for i, j in pairs])
    same_cluster = np.array([clusters[i] == clusters[j] for i, j in pairs])
    both, expected = (same_label & same_cluster).sum(), same_label.sum() * same_cluster.sum() / len(pairs)
    return (both - expected) / ((same_label.sum() + same_cluster.sum()) / 2 - expected)


def slow_nmi(labels, clusters):
    n = len(labels)
    joint = {}
    for pair in zip(labels, clusters, strict=True):
        joint[pair] = joint.get(pair, 0) + 1 / n
    a = {x: np.mean(labels == x) for x in set(labels)}
    b = {x: np.mean(clusters == x) for x in set(clusters)}
    information = sum(p * math.log(p / (a[x] * b[y])) for (x, y), p in joint.items())
    entropy = [-sum(p * math.log(p) for p in side.values()) for side in (a, b)]
    return information / (sum(entropy) / 2)


def test_against_slow_references():
    scores = compare(LABELS, CLUSTERS)
    assert scores["ari"] == pytest.approx(slow_ari(LABELS, CLUSTERS))
    assert scores["nmi"] == pytest.approx(slow_nmi(LABELS, CLUSTERS))
    assert scores["accuracy"] == pytest.approx(5 / 6)


def entropy(codes):
    shares = [np.mean(codes == code) for code in set(codes.tolist())]
    return -sum(p * math.log(p) for p in shares)


def test_jaccard_homogeneity_completeness_and_v_by_hand():
    scores = compare(LABELS, CLUSTERS)
    pairs = list(itertools.combinations(range(len(LABELS)), 2))
    by_label = {pair for pair in pairs if LABELS[pair[0]] == LABELS[pair[1]]}
    by_cluster = {pair for pair in pairs if CLUSTERS[pair[0]] == CLUSTERS[pair[1]]}
    assert scores["jaccard"] == pytest.approx(len(by_label & by_cluster) / len(by_label | by_cluster))
    joint = entropy(LABELS * 10 + CLUSTERS)
    assert scores["homogeneity"] == pytest.approx(1 - (joint - entropy(CLUSTERS)) / entropy(LABELS))
    assert scores["completeness"] == pytest.approx(1 - (joint - entropy(LABELS)) / entropy(CLUSTERS))
    h, c = scores["homogeneity"], scores["completeness"]
    assert scores["v_measure"] == pytest.approx(2 * h * c / (h + c))
    alone = np.arange(4)
    assert compare(alone, alone)["jaccard"] == 1


def test_matched_accuracy_against_all_matchings():
    rng = np.random.default_rng(0)
    labels, clusters = rng.integers(4, size=60), rng.integers(4, size=60)
    best = max(np.mean(np.array(p)[clusters] == labels) for p in itertools.permutations(range(4)))
    assert matched_accuracy(labels, clusters) == pytest.approx(best)


def test_more_clusters_than_labels():
    assert matched_accuracy(np.zeros(4, int), np.arange(4)) == 0.25


@pytest.mark.parametrize("metric", METRICS, ids=lambda m: m.id)
def test_every_metric_is_one_when_names_alone_differ(metric):
    assert metric.function(LABELS, (LABELS + 1) % 3) == pytest.approx(1)
    rng = np.random.default_rng(0)
    assert metric.function(rng.integers(3, size=3000), rng.integers(3, size=3000)) < 0.4


def test_missing_labels_are_left_out():
    with_missing = compare(np.append(LABELS, -1), np.append(CLUSTERS, 0))
    assert with_missing == compare(LABELS, CLUSTERS)
    assert all(math.isnan(v) for v in compare(np.array([-1]), np.array([0])).values())


def test_silhouette_by_hand_and_degenerate():
    points = np.array([[0.0], [1.0], [10.0]])
    # a = 1, b = 10 and 9 for the pair; a lone cell counts 0
    assert silhouette(points, np.array([0, 0, 1])) == pytest.approx((9 / 10 + 8 / 9 + 0) / 3)
    assert math.isnan(silhouette(points, np.array([0, 0, 0])))
    assert math.isnan(silhouette(points, np.array([0, 1, 2])))


def test_silhouette_of_many_cells_is_sampled_close_to_the_whole(monkeypatch):
    rng = np.random.default_rng(0)
    labels = rng.integers(2, size=3000)
    points = rng.normal(size=(3000, 3)) + labels[:, None] * 2
    whole = silhouette_samples(points, labels).mean()
    monkeypatch.setattr("scapp.metrics.agreement.SILHOUETTE_CELLS", 1000)
    assert silhouette(points, labels) == pytest.approx(whole, abs=0.03)


def test_labels_are_apart_when_their_majorities_are():
    labels = np.array([0, 0, 0, 1, 1, 1])
    assert labels_apart(labels, np.array([0, 0, 1, 1, 1, 0]))
    assert not labels_apart(labels, np.array([0, 0, 1, 0, 0, 1]))
    assert labels_apart(np.zeros(3, dtype=int), np.array([0, 1, 2]))
