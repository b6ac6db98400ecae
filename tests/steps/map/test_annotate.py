"""Steps that people do by hand, and the steps of the map page beyond the map itself."""

import numpy as np
import pandas as pd
import pytest

from scapp.core import keys
from scapp.core.errors import ConfigError, DataError
from tests.conftest import run_step


@pytest.fixture
def mapped(workspace, prepared, tmp_path):
    run_step(workspace, "map", {"representation": "pca"}, prepared.id, tmp_path / "map")
    return workspace.open(prepared.id)


@pytest.fixture
def do(workspace, mapped, tmp_path):
    def run(step, **values):
        result = run_step(workspace, step, values, mapped.id, tmp_path / f"{step}{len(list(tmp_path.iterdir()))}")
        return workspace.open(result["dataset"])

    return run


def half(mapped):
    """Polygon around the cells left of the median of the map, and which they are."""
    points = mapped.read(keys.umap("pca"))
    middle = float(np.median(points[:, 0]))
    low, high = points.min() - 1, points.max() + 1
    polygon = ((low, low), (middle, low), (middle, high), (low, high))
    return {"map": "X_umap_pca", "polygons": (polygon,)}, points[:, 0] < middle


def test_labels_are_written_onto_selected_cells_and_others_keep_theirs(do, mapped):
    selection, members = half(mapped)
    done = do("annotate", column="my types", label="left", selection=selection)
    values = done.read(keys.obs("my types"))
    assert (np.asarray(values == "left") == members).all()
    assert pd.isna(np.asarray(values, dtype=object)[~members]).all()
    types = {"column": "cell_type", "groups": ("Type 1",)}
    done = do("annotate", column="my types", label="one", selection=types)
    values = pd.Series(done.read(keys.obs("my types")))
    ones = np.asarray(done.read(keys.obs("cell_type")) == "Type 1")
    assert (values[ones] == "one").all()
    assert (values[members & ~ones] == "left").all()
    assert values[~members & ~ones].isna().all()


def test_annotations_that_came_with_the_data_are_not_touched(do, mapped):
    with pytest.raises(ConfigError, match="was made by 'prepare'"):
        do("annotate", column="cell_type", label="x")
    with pytest.raises(ConfigError, match="label is empty"):
        do("annotate", column="new", label="  ")
    with pytest.raises(ConfigError, match="cannot be the name"):
        do("annotate", column="a/b", label="x")
    with pytest.raises(DataError, match="no cell"):
        do("annotate", column="new", label="x", selection={"column": "cell_type", "groups": ("nothing",)})


def test_clusters_are_named_and_merged(do, mapped):
    clusters = mapped.read(keys.obs("leiden_pca"))
    names = [str(c) for c in clusters.categories]
    given = {names[0]: "T cells", names[1]: "T cells"}
    done = do("name_clusters", source="leiden_pca", column="named", names=given)
    named = done.read(keys.obs("named"))
    merged = np.asarray(clusters.codes <= 1)
    assert (np.asarray(named == "T cells") == merged).all()
    assert named.categories.tolist() == ["T cells", *names[2:]]
    with pytest.raises(DataError, match="no cluster 99"):
        do("name_clusters", source="leiden_pca", column="named", names={"99": "x"})
    with pytest.raises(ConfigError, match="replace the clusters"):
        do("name_clusters", source="leiden_pca", column="leiden_pca")


def test_colours_are_kept_with_the_data(do):
    done = do("colours", column="cell_type", colours={"Type 2": "#123456"})
    colours = list(done.read(keys.colours("cell_type")))
    assert colours[1] == "#123456"
    done = do("colours", column="cell_type", colours={"Type 1": "#abcdef"})
    assert list(done.read(keys.colours("cell_type")))[:2] == ["#abcdef", "#123456"]
    with pytest.raises(ConfigError, match="no colour"):
        do("colours", column="cell_type", colours={"Type 1": "url(x)"})


def test_markers_of_groups_and_of_selections(do, mapped):
    done = do("markers", groupby="cell_type")
    table = done.read(keys.markers("cell_type"))
    assert table["group"].nunique() == 3
    assert len(table) == 3 * done.n_genes
    selection, members = half(mapped)
    done = do("markers", selection=selection)
    table = done.read(keys.markers(keys.SELECTION)).set_index("gene")
    values = done.read(keys.X).toarray()
    assert table["group"].unique().tolist() == ["A"]
    gene = done.names(keys.VAR_NAMES)[7]
    assert table.loc[gene, "mean_in_group"] == pytest.approx(values[members, 7].mean(), rel=1e-3)
    with pytest.raises(ConfigError, match="in both selections"):
        do("markers", selection=selection, against=selection)
    with pytest.raises(ConfigError, match="No groups"):
        do("markers")


def test_a_dataset_of_selected_cells_is_ready_to_be_embedded_again(do, mapped, workspace, tmp_path):
    do("colours", column="cell_type", colours={"Type 3": "#123456"})
    child = do("subset", name="part", selection={"column": "cell_type", "groups": ("Type 1", "Type 3")})
    kept = np.asarray(mapped.read(keys.obs("cell_type")) != "Type 2")
    assert child.name == "part"
    assert child.manifest.parent.id == mapped.id
    assert list(child.names(keys.OBS_NAMES)) == list(mapped.names(keys.OBS_NAMES)[kept])
    np.testing.assert_array_equal(child.read(keys.COUNTS).toarray(), mapped.read(keys.COUNTS).toarray()[kept])
    assert child.read(keys.obs("cell_type")).categories.tolist() == ["Type 1", "Type 3"]
    assert list(child.read(keys.colours("cell_type")))[1] == "#123456"
    assert keys.graph("pca") not in child
    assert not np.array_equal(
        child.read(keys.representation("pca"))[:, :2], mapped.read(keys.representation("pca"))[kept, :2]
    )
    run_step(workspace, "map", {"representation": "pca"}, child.id, tmp_path / "childmap")
    assert workspace.open(child.id).read(keys.umap("pca")).shape == (kept.sum(), 2)
    x, y = (float(v) for v in mapped.read(keys.umap("pca"))[0])
    around = ((x - 1e-3, y - 1e-3), (x + 1e-3, y - 1e-3), (x + 1e-3, y + 1e-3), (x - 1e-3, y + 1e-3))
    with pytest.raises(ConfigError, match="3 or more"):
        do("subset", selection={"map": "X_umap_pca", "polygons": (around,)})


def test_a_sweep_counts_clusters_and_compares_with_labels(do):
    done = do("sweep", representation="pca", lowest=0.05, highest=3.0, n_steps=4, label_key="cell_type")
    table = done.read(keys.sweep("pca"))
    assert table["resolution"].tolist() == pytest.approx(np.linspace(0.05, 3, 4).tolist())
    assert table["n_clusters"].is_monotonic_increasing
    assert np.isnan(table["ari_to_previous"].iloc[0])
    assert table["ari_to_labels"].max() > 0.8
    with pytest.raises(ConfigError, match="not below"):
        do("sweep", representation="pca", lowest=2, highest=1)


def test_tsne_louvain_and_faithfulness(do):
    done = do("map", representation="pca", method="tsne", perplexity=10)
    assert done.read(keys.drawn("tsne", "pca")).shape == (150, 2)
    assert keys.umap("pca") in done
    for method in ("umap", "tsne"):
        assert 0.1 < done.read(keys.faithfulness(method, "pca"))["neighbours_kept"] <= 1
    done = do("cluster", representation="pca", method="louvain", resolution=0.5)
    assert len(done.read(keys.clusters("louvain", "pca")).categories) >= 2


def test_one_representation_is_chosen_as_x_clear(do, mapped):
    done = do("choose", representation="pca")
    np.testing.assert_array_equal(done.read(keys.representation("clear")), mapped.read(keys.representation("pca")))


def test_groups_keep_their_colours_when_named_again(do, mapped):
    names = [str(c) for c in mapped.read(keys.obs("leiden_pca")).categories]
    do("name_clusters", source="leiden_pca", column="named", names={names[0]: "B", names[1]: "T"})
    do("colours", column="named", colours={"T": "#123456"})
    done = do("name_clusters", source="leiden_pca", column="named", names={names[0]: "new", names[1]: "T"})
    table = dict(zip(done.read(keys.obs("named")).categories, done.read(keys.colours("named")), strict=True))
    assert table["T"] == "#123456"
    assert len(set(table.values())) == len(table)


def test_what_came_with_a_file_is_kept_beside_what_is_made(workspace, study, tmp_path):
    own = study.copy()
    own.obs["leiden"] = pd.Categorical(["mine"] * 100 + ["other"] * 50)
    own.uns["leiden_colors"] = ["#111111", "#222222"]
    own.obsm["X_umap"] = np.arange(300.0).reshape(150, 2)
    own.obs["total_counts"] = 1.0
    own.write_h5ad(tmp_path / "own.h5ad")
    raw = run_step(workspace, "import", {"path": str(tmp_path / "own.h5ad"), "name": "own"}, None, tmp_path / "i")[
        "dataset"
    ]
    data = run_step(workspace, "prepare", {"min_genes": 0, "n_top_genes": 50}, raw, tmp_path / "p")["dataset"]
    run_step(workspace, "map", {"representation": "pca"}, data, tmp_path / "m")
    done = workspace.open(data)
    assert done.read(keys.obs("leiden_from_file")).tolist() == ["mine"] * 100 + ["other"] * 50
    assert list(done.read(keys.colours("leiden_from_file"))) == ["#111111", "#222222"]
    np.testing.assert_array_equal(done.read("obsm/X_file_umap"), own.obsm["X_umap"])
    assert keys.umap() in done
    said = " ".join(finding["sentence"] for finding in done.manifest.source["findings"])
    assert "X_umap as X_file_umap" in said
    assert "measured again: total_counts" in said
    from scapp.ui.map import coloured_maps

    assert [record.title for record in coloured_maps.available(done)] == ["UMAP of PCA", "UMAP from the file"] or len(
        coloured_maps.available(done)
    ) == 2


def test_scaled_values_can_be_mapped_but_not_tested(workspace, tmp_path):
    import anndata as ad

    values = np.random.default_rng(0).normal(size=(60, 30)).astype(np.float32)
    ad.AnnData(values, obs=pd.DataFrame(index=[f"c{i}" for i in range(60)])).write_h5ad(tmp_path / "s.h5ad")
    raw = run_step(workspace, "import", {"path": str(tmp_path / "s.h5ad"), "name": "s"}, None, tmp_path / "i")[
        "dataset"
    ]
    data = run_step(workspace, "prepare", {"min_genes": 0, "n_top_genes": 10}, raw, tmp_path / "p")["dataset"]
    assert workspace.open(data).read(keys.var(keys.HIGHLY_VARIABLE)).all()
    run_step(workspace, "map", {"representation": "pca"}, data, tmp_path / "m")
    with pytest.raises(DataError, match="fold changes mean nothing"):
        run_step(workspace, "markers", {"groupby": "leiden_pca"}, data, tmp_path / "k")
