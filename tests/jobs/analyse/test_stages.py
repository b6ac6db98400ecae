"""What each stage of Analyse chooses and says."""

import numpy as np
import pandas as pd
import pytest

from scapp.core import keys
from scapp.data.qc.thresholds import suggest_thresholds
from scapp.jobs.analyse.stages import STAGES, AnalyseConfig, first_stage, next_stage, stage, stages
from scapp.workspace.datasets.staging import new_provenance


def chain(dataset, choices, after):
    found = []
    while (following := next_stage(dataset, choices, after)) is not None:
        found.append(following.name)
        after = following.name
    return found


def with_values(workspace, dataset, values):
    return workspace.commit(dataset.id, values, provenance=new_provenance("import"))


def test_the_order_of_the_chain_and_what_leaves_clear_out():
    everything = [each.name for each in stages(AnalyseConfig())]
    assert everything[:4] == ["import", "prepare", "map_pca", "markers_pca"]
    assert everything.index("clear") == everything.index("names_pca") + 1
    assert everything[-1] == "names_clear"
    assert [each.name for each in stages(AnalyseConfig(train_clear=False))] == everything[:5]
    assert len({each.name for each in STAGES}) == len(STAGES)


def test_filters_are_the_suggested_ones_or_none(workspace, imported):
    metrics = imported.obs([keys.TOTAL_COUNTS, keys.N_GENES, keys.PCT_MT])
    chosen = stage("prepare").config(imported, AnalyseConfig())
    assert chosen.model_dump(include=set(suggest_thresholds(metrics))) == suggest_thresholds(metrics)
    nothing = stage("prepare").config(imported, AnalyseConfig(filter_cells=False))
    assert (nothing.min_genes, nothing.max_genes, nothing.max_pct_mt) == (0, None, None)
    by_hand = AnalyseConfig(settings={"prepare": {"max_pct_mt": 7.5}})
    assert stage("prepare").config(imported, by_hand).max_pct_mt == 7.5
    assert first_stage(imported) == "import"


def test_a_prepared_dataset_is_not_filtered_again(prepared):
    assert first_stage(prepared) == "prepare"
    assert next_stage(prepared, AnalyseConfig(), "prepare").name == "map_pca"
    config = stage("clear").config(prepared, AnalyseConfig(batch_key="batch"))
    assert (config.preset, config.batch_key) == ("recommended", "batch")


@pytest.mark.parametrize("groups", [1, 2])
def test_genes_are_compared_where_there_are_two_clusters(workspace, prepared, groups):
    codes = np.arange(prepared.n_cells) % groups
    clusters = pd.Categorical.from_codes(codes, [str(group) for group in range(groups)])
    dataset = with_values(workspace, prepared, {keys.clusters("leiden", "pca"): clusters})
    assert (next_stage(dataset, AnalyseConfig(), "map_pca").name == "markers_pca") == (groups == 2)


def test_what_was_done_is_said_with_its_figures():
    config = {"min_counts": 1200, "max_counts": None, "min_genes": 0, "max_pct_mt": 7.5}
    summary = {
        "n_cells_before": 2700,
        "n_cells_after": 2638,
        "normalised": True,
        "n_highly_variable": 2000,
        "n_components": 50,
    }
    said = stage("prepare").said(config, summary)
    assert said.startswith("Kept 2,638 of 2,700 cells (at least 1,200 counts, at most 7.5% mitochondrial counts);")
    named = {"n_named": 0, "n_clusters": 5, "panel": "", "fit": "'Intestine' clearly fits 31% of the cells"}
    said = stage("names_pca").said({}, named)
    assert said.startswith("No marker panel fits most cells ('Intestine' clearly fits 31% of the cells")
