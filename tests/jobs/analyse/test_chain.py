"""The chain of runs: what follows what, once, and where it stops."""

from functools import partial

import pytest

from scapp.core import keys
from scapp.jobs import launch
from scapp.jobs.analyse import chain
from scapp.jobs.analyse.stages import AnalyseConfig, stages
from scapp.steps.config import ImportRequest
from scapp.workspace.runs.run import RunStore
from tests.jobs.analyse.working import work

TINY = {"clear": {"hidden": 16, "dim": 8, "batch_size": 32, "queue_size": 64, "epochs": 2}}
CHOICES = AnalyseConfig(settings=TINY, filter_cells=False)


@pytest.fixture
def worker(workspace, monkeypatch):
    """Carries out what is queued; no process is started."""
    monkeypatch.setattr(launch, "ensure_worker", lambda root, lane: None)
    return partial(work, workspace)


def test_from_a_file_to_a_map_of_clear(workspace, worker, study_file):
    pytest.importorskip("torch")
    first = chain.start_with_import(workspace.root, ImportRequest(path=str(study_file), name="study"), CHOICES)
    assert first.config.part.analysis == first.id
    begun = chain.analysis(workspace.root, first.id)
    assert (begun.dataset, begun.active) == (None, True)
    assert worker() == [each.name for each in stages(CHOICES)]
    ended = chain.analysis(workspace.root, first.id)
    dataset = workspace.open(ended.dataset)
    assert {"obsm/X_umap_pca", "obsm/X_umap_clear", "obs/leiden_clear", "uns/markers_leiden_clear"} <= set(
        dataset.slots
    )
    assert dataset.manifest.parent is not None
    assert not ended.active
    assert chain.analysis_of(workspace.root, dataset).id == first.id
    assert chain.analysis_of(workspace.root, workspace.open(dataset.manifest.parent.id)) is None


def test_what_follows_is_queued_once(workspace, worker, imported):
    first = chain.start(workspace.root, imported, CHOICES)
    assert worker(1) == ["prepare"]
    result = first.observe().result["dataset"]
    following = chain.go_on(workspace.root, first, result)
    assert chain.go_on(workspace.root, first, result).id == following.id
    assert len(RunStore(workspace.root).list()) == 2


def test_any_other_run_is_followed_by_nothing(workspace, worker, prepared):
    run = launch.submit(workspace.root, "map", chain.stage("map_pca").config(prepared, CHOICES), prepared)
    assert chain.go_on(workspace.root, run, prepared.id) is None


def test_a_stage_is_carried_out_again_with_what_follows(workspace, worker, prepared):
    choices = CHOICES.model_copy(update={"train_clear": False})
    first = chain.start(workspace.root, prepared, choices)
    assert worker() == ["map_pca", "markers_pca", "names_pca"]
    before = workspace.open(prepared.id).slots["obs/leiden_pca"].fingerprint
    ended = chain.analysis(workspace.root, first.id)
    config = chain.stage("map_pca").config(prepared, ended.choices).model_copy(update={"resolution": 3.0})
    chain.begin_again(workspace.root, ended, "map_pca", config)
    begun = chain.analysis(workspace.root, first.id)
    assert list(begun.runs) == ["map_pca"]
    assert begun.active
    assert worker() == ["map_pca", "markers_pca", "names_pca"]
    assert workspace.open(prepared.id).slots["obs/leiden_pca"].fingerprint != before
    # what was chosen by hand stays chosen where an earlier stage is begun again
    again = chain.analysis(workspace.root, first.id)
    assert again.choices.settings["map_pca"]["resolution"] == 3.0
    assert set(again.choices.settings) == {"clear", "map_pca"}


def test_what_cannot_be_carried_out_is_a_failed_run_that_says_why(workspace, worker, imported):
    choices = AnalyseConfig(settings={"map_pca": {"n_neighbors": 1}})
    first = chain.start(workspace.root, imported, choices)
    worker()
    ended = chain.analysis(workspace.root, first.id)
    assert list(ended.runs) == ["prepare", "map_pca"]
    status = ended.last.observe()
    assert status.state == "failed"
    assert "n_neighbors" in status.error.message
    assert not status.error.resumable
    assert keys.umap("pca") not in workspace.open(ended.dataset)


def test_a_stopped_run_is_followed_by_nothing_until_it_goes_on(workspace, worker, prepared):
    first = chain.start(workspace.root, prepared, AnalyseConfig(train_clear=False))
    first.request_stop()
    assert worker() == []
    launch.resume(workspace.root, first)
    assert worker() == ["map_pca", "markers_pca", "names_pca"]
