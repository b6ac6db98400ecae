import anndata as ad
import numpy as np
import pytest
import scanpy as sc
from sklearn.metrics import adjusted_rand_score

from scapp.analysis.map.clusters import kmeans, leiden, louvain, neighbour_graph, tsne_map, umap_map
from scapp.core.errors import ConfigError


@pytest.fixture(scope="module")
def blobs():
    rng = np.random.default_rng(0)
    truth = np.repeat([0, 1, 2], [60, 30, 20])
    return (rng.normal(size=(110, 5)) * 0.3 + truth[:, None] * 5).astype(np.float32), truth


@pytest.fixture(scope="module")
def graph(blobs):
    return neighbour_graph(blobs[0], n_neighbors=10, seed=0)


def test_neighbours_stay_within_blobs(blobs, graph):
    rows, columns = graph.nonzero()
    assert (blobs[1][rows] == blobs[1][columns]).all()
    assert abs(graph - graph.T).max() < 1e-6


def test_leiden_at_low_resolution_finds_the_blobs_named_by_size(blobs, graph):
    clusters = leiden(graph, resolution=0.05, seed=0)
    assert adjusted_rand_score(blobs[1], clusters) == 1
    assert (np.asarray(clusters)[[0, 60, 90]] == ["0", "1", "2"]).all()
    assert len(leiden(graph, resolution=3.0, seed=0).categories) > 3


@pytest.mark.parametrize("seed", [0, 7])
@pytest.mark.parametrize("resolution", [0.1, 1.0, 4.0])
@pytest.mark.parametrize("n_cells", [40, 1500])
def test_leiden_is_scanpys_own(n_cells, resolution, seed):
    # no blobs: what is found depends on every draw
    graph = neighbour_graph(np.random.default_rng(3).normal(size=(n_cells, 10)), n_neighbors=12, seed=0)
    adata = ad.AnnData(np.zeros((n_cells, 1)), obsp={"connectivities": graph})
    asked = {"resolution": resolution, "random_state": seed, "obsp": "connectivities"}
    sc.tl.leiden(adata, flavor="igraph", n_iterations=2, directed=False, **asked)
    theirs, ours = adata.obs["leiden"].to_numpy(), np.asarray(leiden(graph, resolution=resolution, seed=seed))
    assert len(set(zip(theirs, ours, strict=True))) == len(set(theirs)) == len(set(ours))


def test_leiden_of_many_cells_finds_the_same_from_half_of_the_edges(monkeypatch, blobs, graph):
    whole = leiden(graph, resolution=0.05, seed=0)
    monkeypatch.setattr("scapp.analysis.map.clusters.MANY_CELLS", 100)
    assert (leiden(graph, resolution=0.05, seed=0) == whole).all()
    with monkeypatch.context() as only:
        only.setattr("scapp.analysis.map.clusters._network", lambda edges: pytest.fail(f"{edges.nnz} edges"))
        with pytest.raises(pytest.fail.Exception, match=f"{graph.nnz // 2} edges"):
            leiden(graph, resolution=0.05, seed=0)


def test_kmeans_finds_the_blobs_and_is_equal_by_seed(blobs):
    clusters = kmeans(blobs[0], n_clusters=3, seed=1)
    assert adjusted_rand_score(blobs[1], clusters) == 1
    assert (kmeans(blobs[0], n_clusters=3, seed=1) == clusters).all()
    assert np.bincount(clusters.codes).tolist() == [60, 30, 20]


def test_umap_keeps_blobs_apart(blobs, graph):
    points = umap_map(blobs[0], graph, n_neighbors=10, min_dist=0.5, seed=0)
    assert points.shape == (110, 2)
    centres = np.array([points[blobs[1] == k].mean(axis=0) for k in range(3)])
    spread = max(points[blobs[1] == k].std() for k in range(3))
    assert np.linalg.norm(centres[0] - centres[1]) > spread


@pytest.mark.parametrize("n_cells", [3, 5, 12])
def test_few_cells_have_a_map(blobs, n_cells):
    few = blobs[0][:n_cells]
    graph = neighbour_graph(few, n_neighbors=15, seed=0)
    assert np.isfinite(umap_map(few, graph, n_neighbors=15, min_dist=0.5, seed=0)).all()
    assert len(leiden(graph, resolution=1.0, seed=0)) == n_cells


def test_too_few_cells_are_refused(blobs):
    with pytest.raises(ConfigError, match="there are 2"):
        neighbour_graph(blobs[0][:2], n_neighbors=15, seed=0)
    with pytest.raises(ConfigError, match="110 cells"):
        kmeans(blobs[0], n_clusters=111, seed=0)


def test_every_step_works_above_8192_cells():
    rng = np.random.default_rng(0)
    truth = rng.integers(4, size=8300)
    points = (rng.normal(size=(8300, 6)) * 0.3 + truth[:, None] * 4).astype(np.float32)
    graph = neighbour_graph(points, n_neighbors=10, seed=0)
    assert adjusted_rand_score(truth, leiden(graph, resolution=0.01, seed=0)) > 0.99
    assert umap_map(points, graph, n_neighbors=10, min_dist=0.5, seed=0).shape == (8300, 2)


def test_louvain_and_tsne_find_plain_groups():
    rng = np.random.default_rng(0)
    points = np.concatenate([rng.normal(loc=10 * i, size=(40, 5)) for i in range(3)]).astype(np.float32)
    truth = np.repeat([0, 1, 2], 40)
    graph = neighbour_graph(points, n_neighbors=10, seed=0)
    found = louvain(graph, resolution=0.2, seed=0)
    assert len(found.categories) == 3
    assert adjusted_rand_score(truth, found.codes) == 1
    again = louvain(graph, resolution=0.2, seed=0)
    np.testing.assert_array_equal(found.codes, again.codes)
    assert len(louvain(graph, resolution=5.0, seed=0).categories) > 3
    drawn = tsne_map(points, perplexity=10, seed=0)
    assert drawn.shape == (120, 2)
    assert adjusted_rand_score(truth, kmeans(drawn, n_clusters=3, seed=0).codes) == 1


def test_tsne_refuses_what_it_cannot_draw():
    with pytest.raises(ConfigError, match="more cells than that"):
        tsne_map(np.zeros((10, 3), dtype=np.float32), perplexity=30, seed=0)
    with pytest.raises(ConfigError, match="up to 20,000 cells"):
        tsne_map(np.zeros((20_001, 1), dtype=np.float32), perplexity=30, seed=0)
