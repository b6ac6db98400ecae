"""The Clusters & map page, tab by tab."""

import numpy as np
import pytest
from streamlit.util import ReadOnlyAttributeDictionary

from scapp.core import keys
from scapp.ui.kit import state
from scapp.ui.map import coloured_maps
from scapp.workspace.datasets.staging import new_provenance
from tests.conftest import run_step
from tests.pages.conftest import button, runs, texts


def box(at, label, kind="selectbox"):
    return next(element for element in getattr(at, kind) if element.label == label)


def on_tab(app, dataset, tab):
    at = app("map", dataset=dataset.id)
    at.session_state["map.tab"] = tab
    at.run()
    assert not at.exception
    assert not at.error, at.error[0].value
    return at


def lasso_everything(at, dataset, key):
    points = dataset.read(keys.umap("clear"))
    low, high = float(points.min() - 1), float(points.max() + 1)
    event = {
        "points": [],
        "point_indices": [],
        "box": [],
        "lasso": [{"x": [low, high, high, low], "y": [low, low, high, high]}],
    }
    at.session_state[key] = ReadOnlyAttributeDictionary({"selection": ReadOnlyAttributeDictionary(event)})
    at.run()


def test_the_map_can_be_coloured_by_antibodies(app, workspace, trained):
    assert "antibodies" not in box(on_tab(app, trained, "Map"), "Colour by").options
    counts = np.arange(2 * trained.n_cells, dtype=np.float32).reshape(trained.n_cells, 2)
    values = {keys.PROTEIN_COUNTS: counts, keys.PROTEIN_NAMES: ["CD3", "CD19"]}
    dataset = workspace.commit(trained.id, values, provenance=new_provenance("import"))
    at = on_tab(app, dataset, "Map")
    box(at, "Colour by").set_value("antibodies")
    at.run()
    assert box(at, "Antibody").options == ["CD3", "CD19"]
    box(at, "Antibody").set_value("CD19")
    at.run()
    assert not at.exception
    assert not at.error
    colour = coloured_maps.antibody_colouring(dataset, "CD19")
    np.testing.assert_allclose(colour.values, np.log1p(counts[:, 1]))


def test_the_map_can_be_coloured_by_several_genes(app, trained):
    at = on_tab(app, trained, "Map")
    box(at, "Colour by").set_value("genes")
    at.run()
    genes = box(at, "Genes (symbol or id)", "multiselect")
    assert genes.value == ["Gene00000"]
    genes.set_value(["Gene00003", "Gene00004", "MT-ND1"])
    at.run()
    assert not at.exception
    assert {"**Gene00003**", "**MT-ND1**"} <= {m.value for m in at.markdown}
    assert "of each cell's 15 nearest neighbours in CLEAR" in texts(at)


def test_a_gene_is_searched_for_and_goes_before_the_annotation(app, trained):
    at = on_tab(app, trained, "Map")
    assert any(element.label == "Show only" for element in at.multiselect)
    box(at, "Gene").set_value("Gene00003")
    at.run()
    assert not at.exception
    assert not at.error
    assert box(at, "Colour by").value == "leiden_clear"
    assert not any(element.label == "Show only" for element in at.multiselect)
    lasso_everything(at, trained, f"map.{trained.id}.X_umap_clear.Gene00003")
    assert "150 cells selected" in texts(at)
    box(at, "Gene").set_value(None)
    at.run()
    assert any(element.label == "Show only" for element in at.multiselect)


def test_selected_cells_are_counted_labelled_and_kept(app, workspace, trained):
    at = on_tab(app, trained, "Map")
    key = f"map.{trained.id}.X_umap_clear.leiden_clear"
    lasso_everything(at, trained, key)
    assert "150 cells selected" in texts(at)
    box(at, "Label", "text_input").input("mine")
    at.run()
    button(at, "Write the label").click()
    at.run()
    written = workspace.open(trained.id).read(keys.obs("annotation"))
    assert (np.asarray(written) == "mine").all()
    record = workspace.open(trained.id).manifest.provenance
    config = next(r for r in record.values() if r.step == "annotate").config
    assert config["selection"]["map"] == "X_umap_clear"
    lasso_everything(at, trained, key)
    button(at, "Keep as selection A").click()
    at.run()
    assert any(b.label == "Forget selection A" for b in at.button)
    lasso_everything(at, trained, key)
    button(at, "Find them").click()
    at.run()
    (run,) = runs(workspace).list(step="markers")
    assert run.config.config["selection"]["polygons"] == run.config.config["against"]["polygons"]
    button(at, "Make the dataset").click()
    at.run()
    assert len(runs(workspace).list(step="subset")) == 1


def test_scores_river_and_sweep(app, workspace, trained, tmp_path):
    run_step(workspace, "sweep", {"representation": "clear", "n_steps": 3}, trained.id, tmp_path / "sweep")
    at = on_tab(app, trained, "Clusters")
    tables = [set(frame.value.columns) for frame in at.dataframe]
    assert any({"ARI", "NMI", "Accuracy"} <= columns for columns in tables)
    assert any({"resolution", "n_clusters", "ari_to_previous"} <= columns for columns in tables)
    box(at, "Method", "segmented_control").set_value("kmeans")
    at.run()
    button(at, "Cluster").click()
    at.run()
    (run,) = runs(workspace).list(step="cluster")
    assert run.config.config["method"] == "kmeans"
    assert run.config.config["n_clusters"] == 3
    button(at, "Try resolutions").click()
    at.run()
    assert runs(workspace).list(step="sweep")[0].config.config["label_key"] == "cell_type"


def test_markers_are_asked_for_shown_and_drawn(app, workspace, trained, tmp_path):
    at = on_tab(app, trained, "Marker genes")
    box(at, "Groups").set_value("cell_type")
    at.run()
    button(at, "Find marker genes").click()
    at.run()
    (run,) = runs(workspace).list(step="markers")
    run_step(workspace, "markers", run.config.config, trained.id, tmp_path / "markers")
    runs(workspace).open(run.id).request_stop()
    runs(workspace).discard(run.id)
    at.run()
    assert not at.exception
    assert not at.error
    shown = at.dataframe[0].value
    assert {"group", "gene", "adjusted p", "log2 fold change"} <= set(shown.columns)
    assert (shown["adjusted p"] <= 0.05).all()
    for kind in ("Stacked violins", "Heatmap"):
        box(at, "Figure", "segmented_control").set_value(kind)
        at.run()
        assert not at.exception


def test_clusters_are_named_with_suggestions(app, workspace, trained, tmp_path):
    run_step(workspace, "markers", {"groupby": "leiden_clear"}, trained.id, tmp_path / "markers")
    at = on_tab(app, trained, "Cell types")
    assert at.dataframe or at.get("arrow_data_frame")
    box(at, "Write the names into the annotation", "text_input").input("named")
    at.run()
    button(at, "Write the names").click()
    at.run()
    assert not at.error
    assert keys.obs("named") in workspace.open(trained.id)


def test_old_marker_genes_give_no_names(app, workspace, trained, tmp_path):
    run_step(workspace, "markers", {"groupby": "leiden_clear"}, trained.id, tmp_path / "markers")
    run_step(workspace, "map", {"representation": "clear", "resolution": 5.0}, trained.id, tmp_path / "map")
    at = on_tab(app, trained, "Cell types")
    assert any("so no names are suggested" in warning.value for warning in at.warning)
    assert (at.dataframe[0].value["suggested"] == "").all()


def test_two_selections_are_compared_in_both_directions(app, workspace, trained, tmp_path):
    first, second = (
        {"column": "cell_type", "groups": [name]} for name in trained.read(keys.obs("cell_type")).categories[:2]
    )
    run_step(workspace, "markers", {"selection": first, "against": second}, trained.id, tmp_path / "markers")
    at = on_tab(app, trained, "Map")
    assert "Genes of **A** (" in texts(at)
    shown = {}
    for side in ("A", "B", "either"):
        box(at, "Higher in", "segmented_control").set_value(side)
        at.run()
        shown[side] = next(f.value for f in at.dataframe if "share in B (%)" in f.value)
    assert (shown["A"]["log2 fold change"] >= 1).all()
    assert (shown["B"]["log2 fold change"] <= -1).all()
    assert len(shown["A"])
    assert len(shown["B"])
    assert len(shown["either"]) == len(shown["A"]) + len(shown["B"])


def test_colours_are_kept(app, workspace, trained):
    at = on_tab(app, trained, "Cell types")
    box(at, "Annotation").set_value("cell_type")
    at.run()
    at.color_picker[0].set_value("#112233")
    at.run()
    button(at, "Keep these colours").click()
    at.run()
    assert workspace.open(trained.id).read(keys.colours("cell_type"))[0] == "#112233"


def test_two_maps_are_compared(app, workspace, trained, tmp_path):
    assert "one map so far" in texts(on_tab(app, trained, "Compare maps"))
    run_step(workspace, "map", {"representation": "pca"}, trained.id, tmp_path / "map")
    at = on_tab(app, trained, "Compare maps")
    assert box(at, "Left map").value != box(at, "Right map").value
    assert texts(at).count("of each cell's 15 nearest neighbours") == 2
    left = box(at, "Left map").value
    lasso_everything(at, trained, f"compare.left.{left}.{box(at, 'Colour by').value}")
    assert "150 cells selected" in texts(at)
    assert not at.exception


@pytest.mark.parametrize("tab", ["Map", "Clusters", "Marker genes", "Cell types", "Compare maps"])
def test_every_tab_of_a_dataset_without_a_map_says_what_to_do(app, prepared, tab):
    on_tab(app, prepared, tab)


def test_numbers_that_measure_something_are_a_scale(app, workspace, trained):
    numbers = np.arange(trained.n_cells)
    columns = {"age": numbers % 40, "stage_number": numbers % 9, "my_cluster": numbers % 40, "flag": numbers % 2 == 0}
    dataset = workspace.commit(
        trained.id, {keys.obs(name): values for name, values in columns.items()}, provenance=new_provenance("import")
    )
    groups = state.categorical_columns(dataset)
    assert {"stage_number", "my_cluster", "flag"} <= set(groups)
    assert "age" not in groups
    assert "age" in state.numeric_columns(dataset)


def test_harmony_is_made_where_the_map_is(app, workspace, prepared, tmp_path):
    at = app("map", dataset=prepared.id)
    assert next(box for box in at.selectbox if box.label == "Batch column").value == "batch"
    button(at, "Run Harmony").click()
    at.run()
    assert not at.exception
    assert runs(workspace).list(step="harmony")[0].config.config["batch_key"] == "batch"
    run_step(workspace, "harmony", {"batch_key": "batch"}, prepared.id, tmp_path / "h")
    at = app("map", dataset=prepared.id)
    chosen = next(box for box in at.selectbox if box.label == "Representation")
    chosen.set_value("harmony")
    at.run()
    assert not at.exception
    assert button(at, "Make the map")
