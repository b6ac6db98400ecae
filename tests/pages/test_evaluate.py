"""The Benchmarks page: forms, results, and sentences that do not claim too much."""

import json
import re

import pandas as pd
import pytest

from scapp.data.config import PrepareConfig
from scapp.ui.evaluate.comparison_form import TITLES
from scapp.ui.evaluate.words import ablation_verdict, main_scores, sweep_verdict, verdict
from scapp.workspace.runs.run import Status
from tests.conftest import KEEP_EVERYTHING, run_step
from tests.pages.conftest import button, runs, texts

PAGE = "evaluate"
FEW = {"label_key": "cell_type", "n_seeds": 2, "methods": ["pca", "hvg"]}


def finished(workspace, dataset, task, **config):
    name = f"evaluate_{task}"
    run = runs(workspace).create(name, dataset=dataset.id, config=config, title=name, lane="training")
    run.set_status(Status(state="done", result=run_step(workspace, name, config, dataset.id, run.folder)))


def tab(at, label):
    at.session_state["benchmarks.tab"] = label
    at.run()
    assert not at.exception
    assert not at.error, [e.value for e in at.error]
    return at


def test_every_comparison_is_queued_with_sensible_choices(app, workspace, prepared):
    at = app(PAGE, dataset=prepared.id)
    for task, title in TITLES.items():
        at = tab(at, title)
        button(at, "Compare").click()
        at.run()
        config = runs(workspace).list(step=f"evaluate_{task}")[0].config.config
        assert config["label_key"] == "cell_type"
        if task == "pseudotime":
            assert config["stages"] == ["Type 1", "Type 2", "Type 3"]
        if task == "batch":
            assert config["batch_key"] == "batch"
            assert config["methods"] == ["pca", "harmony", "clear", "clear_batch"]
    assert "Nothing has been compared with labels yet" in texts(tab(at, "Scoreboard"))


def test_results_of_every_comparison_and_the_scoreboard(app, workspace, prepared):
    finished(workspace, prepared, "clustering", **FEW, highest=0.3)
    finished(workspace, prepared, "dropout", **{**FEW, "methods": ["pca"]}, shares=[0.0, 0.5])
    finished(workspace, prepared, "batch", **{**FEW, "methods": ["pca", "harmony"]}, batch_key="batch")
    finished(workspace, prepared, "pseudotime", **FEW)
    at = app(PAGE, dataset=prepared.id)
    said = texts(tab(at, "Clustering"))
    assert "Turning point" in said
    assert "From types to clusters" in texts(at)
    for title, subheader in (
        ("Dropout", ""),
        ("Batch effects", "Maps by type and by batch"),
        ("Pseudotime", "Genes along pseudotime"),
    ):
        at = tab(at, title)
        assert [box for box in at.selectbox if box.label == "Score"]
        assert subheader in texts(at)
    genes = next(box for box in at.multiselect if box.label.startswith("Genes"))
    assert len(genes.value) == 4
    at = tab(at, "Scoreboard")
    board = at.dataframe[1].value
    assert set(board["task"]) == {"Clustering", "Dropout", "Batch effects", "Pseudotime"}
    assert set(board["method"]) == {"PCA", "variable genes, no reduction", "Harmony on PCA"}


def test_the_grid_of_an_augmentation(app, workspace, prepared):
    at = tab(app(PAGE, dataset=prepared.id), "Augmentations")
    at = choose(at, "augmentations.task", "sweep")
    assert "CLEAR is trained 15 times" in texts(at)
    at = choose(at, f"sweep.shares.{prepared.id}", [])
    assert "Choose at least one of: shares of the genes" in texts(at)
    at = choose(at, f"sweep.shares.{prepared.id}", [0.2, 0.7])
    button(at, "Compare").click()
    at.run()
    assert runs(workspace).list(step="evaluate_sweep")[0].config.config["shares"] == [0.2, 0.7]
    grid = {"label_key": "cell_type", "epochs": 1, "augmentation": "swap", "preset": "paper"}
    finished(workspace, prepared, "sweep", **grid, shares=[0.1, 0.9], probabilities=[0.5])
    at.run()
    assert not at.exception
    assert "is the best of 2" in texts(at)
    figure = json.loads(at.get("plotly_chart")[-1].proto.spec)
    assert figure["data"][0]["x"] == ["0.1", "0.9"]
    # the preset's own swap: a tenth of the genes in half of the views
    assert figure["layout"]["shapes"][0]["x0"] == -0.5


def test_methods_across_datasets(app, workspace, imported, prepared, tmp_path):
    at = tab(app(PAGE, dataset=prepared.id), "Across datasets")
    assert "there are 0" in texts(at)
    few = prepared_again(workspace, imported, tmp_path, 60)
    for dataset in (prepared, few):
        finished(workspace, dataset, "clustering", **FEW, highest=0.2)
    at.run()
    assert not at.exception
    summary, tests, scores = (table.value for table in at.dataframe)
    assert scores["dataset"].nunique() == 2
    assert set(summary["method"]) == {"PCA", "variable genes, no reduction"}
    assert summary["datasets"].tolist() == [2, 2]
    assert tests["method"].tolist() == ["variable genes, no reduction"]
    assert "no p-value below 0.5" in texts(at)
    # another way to compare is not the same method
    other = prepared_again(workspace, imported, tmp_path, 70)
    finished(workspace, other, "clustering", **FEW, highest=0.2, n_neighbors=7)
    at.run()
    assert "there are 1" in texts(at)


def prepared_again(workspace, imported, tmp_path, n_top_genes):
    values = PrepareConfig(**KEEP_EVERYTHING, n_top_genes=n_top_genes).model_dump()
    made = run_step(workspace, "prepare", values, imported.id, tmp_path / f"prepare{n_top_genes}")
    return workspace.open(made["dataset"])


def test_maps_of_shared_types_of_types_of_one_batch_and_of_chosen_ones(app, workspace, prepared):
    finished(workspace, prepared, "batch", **{**FEW, "methods": ["pca"]}, batch_key="batch")
    at = tab(app(PAGE, dataset=prepared.id), "Batch effects")
    n_cells = prepared.n_cells
    assert drawn(at) == [n_cells, n_cells]
    at = choose(at, "batch.sharing", "alone")  # every type of the fixture is in both batches
    assert "No cell is of such a type" in texts(at)
    at = choose(at, "batch.sharing", "shared")
    assert drawn(at) == [n_cells, n_cells]
    at = choose(at, "batch.types", ["Type 1"])
    assert drawn(at)[0] == (prepared.read("obs/cell_type") == "Type 1").sum()


def test_without_labels_batches_are_shown_and_nothing_is_claimed(app, workspace, prepared):
    finished(workspace, prepared, "batch", label_key=None, n_seeds=2, methods=["pca"], batch_key="batch")
    at = tab(app(PAGE, dataset=prepared.id), "Batch effects")
    assert [box.options for box in at.selectbox if box.label == "Score"] == [
        ["iLISI (batches)", "kBET acceptance (batches)", "seconds", "memory (MB)"]
    ]
    assert drawn(at) == [prepared.n_cells, prepared.n_cells]
    assert "Nothing has been compared with labels yet" in texts(tab(at, "Scoreboard"))


def choose(at, key, value):
    widget = next(w for w in [*at.multiselect, *at.button_group] if w.key and w.key.startswith(key))
    widget.set_value(value)
    at.run()
    assert not at.exception
    return at


def drawn(at):
    """Cells on the left and on the right of the last map."""
    figure = json.loads(at.get("plotly_chart")[-1].proto.spec)
    cells = {"legend": 0, "legend2": 0}
    for trace in figure["data"]:
        cells[trace["legend"]] += int(re.search(r"\(([\d,]+)\)$", trace["name"])[1].replace(",", ""))
    return list(cells.values())


def test_what_is_missing_is_said(app, workspace, prepared):
    at = tab(app(PAGE, dataset=prepared.id), "Clustering")
    next(box for box in at.selectbox if box.label == "Labels").select_index(0)
    at.run()
    assert "Without labels only" in texts(at)
    at = tab(at, "Pseudotime")
    next(box for box in at.multiselect if box.label == "Stages in order").set_value(["Type 1"])
    at.run()
    assert "two stages or more" in texts(at)
    at = tab(at, "Dropout")
    next(box for box in at.selectbox if box.label == "Labels").select_index(0)
    at.run()
    assert "needs labels" in texts(at)
    assert not [b for b in at.button if b.label == "Compare"]


def test_clusters_made_here_are_no_labels_to_judge_by(app, workspace, prepared, tmp_path):
    run_step(
        workspace,
        "cluster",
        {"representation": "pca", "method": "kmeans", "n_clusters": 3},
        prepared.id,
        tmp_path / "k",
    )
    at = tab(app(PAGE, dataset=prepared.id), "Clustering")
    labels = next(box for box in at.selectbox if box.label == "Labels")
    assert labels.value == "cell_type"
    assert "was made here" not in texts(at)
    labels.set_value("kmeans_pca")
    at.run()
    assert "was made here" in texts(at)


def test_what_was_changed_since_is_said(app, workspace, prepared, tmp_path):
    clusters = {"representation": "pca", "method": "kmeans", "n_clusters": 3}
    run_step(workspace, "cluster", clusters, prepared.id, tmp_path / "three")
    finished(workspace, prepared, "clustering", **{**FEW, "label_key": "kmeans_pca"}, highest=0.2)
    assert "Changed since" not in texts(tab(app(PAGE, dataset=prepared.id), "Clustering"))
    run_step(workspace, "cluster", {**clusters, "n_clusters": 2}, prepared.id, tmp_path / "two")
    said = texts(tab(app(PAGE, dataset=prepared.id), "Clustering"))
    assert "Changed since this comparison was made: obs/kmeans" in said


def scores(**values):
    rows = [
        {"title": title, "seed": seed, "clusterer": "kmeans", "level": 0.5, "ari": value}
        for title, of_seeds in values.items()
        for seed, value in enumerate(of_seeds)
    ]
    return pd.DataFrame(rows)


@pytest.mark.parametrize(
    ("clear", "pca", "words"),
    [
        ([0.6, 0.62, 0.61], [0.3, 0.31, 0.3], "**better** than PCA (+0.307)"),
        ([0.3, 0.31, 0.3], [0.6, 0.62, 0.61], "**worse** than PCA (-0.307)"),
        ([0.5, 0.7, 0.6], [0.55, 0.52, 0.6], "equal to PCA within seed noise"),
        ([0.5], [0.6], "one seed: its noise is not known"),
    ],
)
def test_a_difference_counts_when_it_is_larger_than_noise(clear, pca, words):
    assert words in verdict("clustering", scores(CLEAR=clear, PCA=pca))


def test_sentences_where_there_is_nothing_to_compare():
    assert verdict("clustering", scores(PCA=[0.5])) == ""
    assert verdict("clustering", scores(CLEAR=[0.5])) == ""
    assert len(main_scores("batch", scores(PCA=[0.5]))) == 0
    both = pd.concat(
        [scores(CLEAR=[0.6, 0.6], PCA=[0.3, 0.3]), scores(CLEAR=[0.2, 0.2], PCA=[0.3, 0.3]).assign(clusterer="leiden")]
    )
    said = verdict("clustering", both)
    assert "of k-means, **better**" in said
    assert "of Leiden, **worse**" in said


def test_what_leaving_out_an_augmentation_changes():
    found = {
        "all augmentations": [0.6, 0.62, 0.61],
        "without a": [0.3, 0.31, 0.3],
        "without b": [0.6, 0.63, 0.6],
        "a alone": [0.1, 0.1, 0.1],
    }
    said = ablation_verdict(scores(**found))
    assert "**beyond seed noise** a (-0.307); within seed noise b (+0.000)" in said
    assert "alone" not in said
    grid = sweep_verdict(scores(**{"share 0.1": [0.5, 0.52], "share 0.2": [0.6, 0.62], "share 0.3": [0.6, 0.61]}))
    assert "**share 0.2** is the best of 3 (0.610); 1 of the others are equal" in grid
    assert "not known how much" in sweep_verdict(scores(**{"share 0.1": [0.5], "share 0.2": [0.6]}))
    one = ablation_verdict(scores(**{title: values[:1] for title, values in found.items()}))
    assert "a (-0.300), b (+0.000). With one seed it is not known" in one
    assert ablation_verdict(scores(**{"all augmentations": [0.6]})) == ""
    assert ablation_verdict(scores(**{"without a": [0.6]})) == ""
