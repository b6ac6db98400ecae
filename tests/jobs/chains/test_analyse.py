"""What each stage of Analyse chooses and says."""

import numpy as np
import pandas as pd
import pytest

from scapp.core import keys
from scapp.core.errors import ConfigError, DataError
from scapp.data.qc.thresholds import suggest_thresholds
from scapp.jobs.chains.analyse import ANALYSE, STAGES, AnalyseConfig, first_stage
from scapp.workspace.datasets.staging import new_provenance
from tests.conftest import run_step

EVERYTHING = AnalyseConfig()


def config_of(name, dataset, choices):
    return ANALYSE.config(ANALYSE.stage(name, choices), dataset, choices)


def with_values(workspace, dataset, values):
    return workspace.commit(dataset.id, values, provenance=new_provenance("import"))


def test_the_order_of_the_chain_and_what_leaves_clear_out():
    everything = [each.name for each in ANALYSE.stages(AnalyseConfig())]
    assert everything[:4] == ["import", "prepare", "map_pca", "markers_pca"]
    assert everything.index("clear") == everything.index("names_pca") + 1
    assert everything[-1] == "names_clear"
    assert [each.name for each in ANALYSE.stages(AnalyseConfig(train_clear=False))] == everything[:5]
    assert len({each.name for each in STAGES}) == len(STAGES)


def test_filters_are_the_suggested_ones_or_none(workspace, imported):
    metrics = imported.obs([keys.TOTAL_COUNTS, keys.N_GENES, keys.PCT_MT])
    chosen = config_of("prepare", imported, AnalyseConfig())
    assert chosen.model_dump(include=set(suggest_thresholds(metrics))) == suggest_thresholds(metrics)
    nothing = config_of("prepare", imported, AnalyseConfig(filter_cells=False))
    assert (nothing.min_genes, nothing.max_genes, nothing.max_pct_mt) == (0, None, None)
    by_hand = AnalyseConfig(settings={"prepare": {"max_pct_mt": 7.5}})
    assert config_of("prepare", imported, by_hand).max_pct_mt == 7.5
    assert first_stage(imported) == "import"


def test_a_prepared_dataset_is_not_filtered_again(prepared):
    assert first_stage(prepared) == "prepare"
    assert ANALYSE.next_stage(prepared, EVERYTHING, ANALYSE.to_come(EVERYTHING, "prepare")).name == "map_pca"
    config = config_of("clear", prepared, AnalyseConfig(batch_key="batch"))
    assert (config.preset, config.batch_key) == ("recommended", "batch")


@pytest.mark.parametrize("groups", [1, 2])
def test_genes_are_compared_where_there_are_two_clusters(workspace, prepared, groups):
    codes = np.arange(prepared.n_cells) % groups
    clusters = pd.Categorical.from_codes(codes, [str(group) for group in range(groups)])
    dataset = with_values(workspace, prepared, {keys.clusters("leiden", "pca"): clusters})
    assert (ANALYSE.next_stage(dataset, EVERYTHING, ANALYSE.to_come(EVERYTHING, "map_pca")).name == "markers_pca") == (
        groups == 2
    )


def test_names_rest_on_markers_of_the_clusters_of_now(workspace, prepared, tmp_path):
    run_step(workspace, "map", {"representation": "pca"}, prepared.id, tmp_path / "map")
    run_step(workspace, "markers", {"groupby": "leiden_pca"}, prepared.id, tmp_path / "markers")
    assert ANALYSE.stage("names_pca", EVERYTHING).applies(workspace.open(prepared.id))
    run_step(workspace, "map", {"representation": "pca", "resolution": 4}, prepared.id, tmp_path / "other")
    assert not ANALYSE.stage("names_pca", EVERYTHING).applies(workspace.open(prepared.id))


@pytest.mark.parametrize(
    ("values", "said"),
    [(["a"], "1 value"), (range(150), "150 different values"), ([*["a"] * 80, *["b"] * 50, *[None] * 20], "20 cells")],
)
def test_what_cannot_be_batches_is_refused_at_the_first_stage(workspace, prepared, values, said):
    column = pd.Categorical(list(values) * (prepared.n_cells // len(list(values))))
    dataset = with_values(workspace, prepared, {keys.obs("odd"): column})
    with pytest.raises(DataError, match=said):
        config_of("map_pca", dataset, AnalyseConfig(batch_key="odd"))
    with pytest.raises(ConfigError, match="turned off"):
        config_of("map_pca", dataset, AnalyseConfig(batch_key="batch", train_clear=False))


def test_what_is_made_again_is_what_rests_on_the_change():
    everything = [each.name for each in STAGES]
    assert ANALYSE.after_change(EVERYTHING, "prepare", everything) == everything[2:]
    assert ANALYSE.after_change(EVERYTHING, "clear", everything) == ["map_clear", "markers_clear", "names_clear"]
    assert ANALYSE.after_change(EVERYTHING, "markers_pca", everything) == ["names_pca", "names_clear"]
    assert ANALYSE.after_change(EVERYTHING, "map_pca", everything[:3]) == everything[3:]  # nothing came after it yet


def test_what_was_done_is_said_with_its_figures():
    config = {"min_counts": 1200, "max_counts": None, "min_genes": 0, "max_pct_mt": 7.5, "min_cells": 3}
    summary = {
        "n_cells_before": 2700,
        "n_cells_after": 2638,
        "n_genes_before": 100,
        "n_genes_after": 90,
        "normalised": True,
        "n_highly_variable": 2000,
        "n_components": 50,
    }
    said = ANALYSE.stage("prepare", EVERYTHING).said(config, summary)
    assert said.startswith(
        "Kept 2,638 of 2,700 cells (a total of at least 1,200, at most 7.5% mitochondrial) and 90 of"
    )
    assert "90 of 100 genes (in at least 3 cells)" in said
    named = {
        "n_named": 0,
        "n_clusters": 5,
        "panel": "",
        "fit": "'Intestine' clearly fits 31% of the cells",
        "askable": True,
    }
    said = ANALYSE.stage("names_pca", EVERYTHING).said({}, named)
    assert said.startswith("No marker panel fits most cells ('Intestine' clearly fits 31% of the cells")
