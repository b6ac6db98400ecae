"""The chain of runs: what follows what, once, and where it stops."""

from functools import partial

import pytest

from scapp.core import files, keys
from scapp.core.environment import Environment
from scapp.core.errors import RunError
from scapp.jobs import launch
from scapp.jobs.chains import chain
from scapp.jobs.chains.analyse import ANALYSE, AnalyseConfig, first_stage
from scapp.jobs.executor import carry_out
from scapp.steps.config import ImportRequest
from scapp.workspace.runs.run import RunStore, Status
from tests.jobs.chains.working import work

TINY = {"clear": {"hidden": 16, "dim": 8, "batch_size": 32, "queue_size": 64, "epochs": 2}}
CHOICES = AnalyseConfig(settings=TINY, filter_cells=False)


@pytest.fixture
def worker(workspace, monkeypatch):
    """Carries out what is queued; no process is started."""
    monkeypatch.setattr(launch, "ensure_worker", lambda root, lane: None)
    return partial(work, workspace)


def start(workspace, dataset, choices):
    return chain.start(workspace.root, ANALYSE, dataset, choices, after=first_stage(dataset))


def test_from_a_file_to_a_map_of_clear(workspace, worker, study_file):
    pytest.importorskip("torch")
    first = chain.start_with_import(workspace.root, ImportRequest(path=str(study_file), name="study"), CHOICES)
    assert first.config.part.analysis == first.id
    begun = chain.analysis(workspace.root, first.id)
    assert (begun.dataset, begun.active) == (None, True)
    assert worker() == [each.name for each in ANALYSE.stages(CHOICES)]
    ended = chain.analysis(workspace.root, first.id)
    assert ended.ended
    dataset = workspace.open(ended.dataset)
    assert {"obsm/X_umap_pca", "obsm/X_umap_clear", "obs/leiden_clear", "uns/markers_leiden_clear"} <= set(
        dataset.slots
    )
    assert dataset.manifest.parent is not None
    assert not ended.active
    assert chain.analysis_of(workspace.root, ANALYSE, dataset).id == first.id
    worked_on = {id for done in ended.done.values() for id in (done.run.config.dataset, done.dataset) if id}
    assert worked_on == {dataset.id, dataset.manifest.parent.id}


def test_what_follows_is_queued_once(workspace, worker, imported):
    first = start(workspace, imported, CHOICES)
    assert worker(1) == ["prepare"]
    result = first.observe().result
    following = chain.go_on(workspace.root, first, result)
    assert chain.go_on(workspace.root, first, result).id == following.id
    assert len(RunStore(workspace.root).list()) == 2


def test_any_other_run_is_followed_by_nothing(workspace, worker, prepared):
    run = launch.submit(
        workspace.root, "map", ANALYSE.config(ANALYSE.stage("map_pca", CHOICES), prepared, CHOICES), prepared
    )
    assert chain.go_on(workspace.root, run, {"dataset": prepared.id}) is None


def again(workspace, id, name, **changed):
    seen = chain.analysis(workspace.root, id)
    record = seen.stage(name).record.config
    config = record.build({**seen.done[name].run.config.config, **changed})
    return chain.begin_again(workspace.root, seen, name, config)


def test_a_stage_is_carried_out_again_with_what_rests_on_it(workspace, worker, prepared):
    pytest.importorskip("torch")
    first = start(workspace, prepared, CHOICES)
    assert worker()[0] == "map_pca"
    before = workspace.open(prepared.id).slots
    again(workspace, first.id, "map_pca", resolution=3.0)
    begun = chain.analysis(workspace.root, first.id)
    assert begun.active
    assert list(begun.done) == ["map_pca", "clear", "map_clear", "markers_clear"]
    # CLEAR does not rest on PCA's clusters; its names do, for the tissue is one
    assert worker() == ["map_pca", "markers_pca", "names_pca", "names_clear"]
    ended = chain.analysis(workspace.root, first.id)
    assert ended.ended
    assert list(ended.done) == [each.name for each in ANALYSE.stages(CHOICES)][2:]
    after = workspace.open(prepared.id).slots
    changed = {slot for slot in before if after[slot].fingerprint != before[slot].fingerprint}
    assert "obs/leiden_pca" in changed
    assert not changed & {"obsm/X_clear", "obs/leiden_clear", "obsm/X_umap_clear"}
    # what was chosen by hand stays chosen where an earlier stage is begun again
    assert ended.choices.settings["map_pca"]["resolution"] == 3.0
    again(workspace, first.id, "names_pca", panel="gut")
    assert worker() == ["names_pca", "names_clear"]
    assert chain.analysis(workspace.root, first.id).last.run.config.config["panel"] == "gut"


def test_one_cluster_leaves_its_genes_and_names_out_and_the_rest_goes_on(workspace, worker, prepared):
    first = start(workspace, prepared, AnalyseConfig(train_clear=False))
    worker()
    again(workspace, first.id, "map_pca", resolution=1e-4)
    assert worker() == ["map_pca"]
    ended = chain.analysis(workspace.root, first.id)
    assert ended.ended
    assert list(ended.done) == ["map_pca"]


def test_two_pages_cannot_begin_the_same_analysis_again(workspace, worker, prepared):
    first = start(workspace, prepared, AnalyseConfig(train_clear=False))
    worker()
    seen = chain.analysis(workspace.root, first.id)
    config = ANALYSE.config(seen.stage("map_pca"), prepared, seen.choices)
    chain.begin_again(workspace.root, seen, "map_pca", config)
    with pytest.raises(RunError, match="has gone on"):
        chain.begin_again(workspace.root, seen, "map_pca", config)
    worker()
    with pytest.raises(RunError, match="has gone on"):
        chain.begin_again(workspace.root, seen, "map_pca", config)


def test_what_cannot_begin_is_a_failed_run_that_says_why_and_can_be_tried_again(
    workspace, worker, imported, monkeypatch
):
    choices = AnalyseConfig(settings={"map_pca": {"n_neighbors": 1}}, train_clear=False)
    first = start(workspace, imported, choices)
    worker()
    ended = chain.analysis(workspace.root, first.id)
    assert list(ended.done) == ["prepare", "map_pca"]
    assert ended.could_not_begin
    assert not ended.ended
    assert "n_neighbors" in ended.last.status.error.message
    assert keys.umap("pca") not in workspace.open(ended.dataset)
    chain.carry_on(workspace.root, first.id)  # nothing has changed
    assert chain.analysis(workspace.root, first.id).could_not_begin
    seen = chain.analysis(workspace.root, first.id)
    config = seen.stage("map_pca").record.config.build({"representation": "pca"})
    chain.begin_again(workspace.root, seen, "map_pca", config)
    assert worker() == ["map_pca", "markers_pca", "names_pca"]


def test_a_stopped_run_is_followed_by_nothing_until_it_goes_on(workspace, worker, prepared):
    first = start(workspace, prepared, AnalyseConfig(train_clear=False))
    chain.stop(workspace.root, first.id)
    assert worker() == []
    chain.carry_on(workspace.root, first.id)
    assert worker() == ["map_pca", "markers_pca", "names_pca"]


def test_a_stop_that_comes_when_a_step_has_just_ended_holds(workspace, worker, prepared):
    first = start(workspace, prepared, AnalyseConfig(train_clear=False))
    outcome = carry_out(first, workspace, Environment())
    chain.stop(workspace.root, first.id)
    first.set_status(Status.model_validate({**first.status.model_dump(), **outcome}))
    assert chain.go_on(workspace.root, first, outcome["result"]) is None
    stopped = chain.analysis(workspace.root, first.id)
    assert (stopped.active, stopped.ended, stopped.last.is_saved) == (False, False, True)
    chain.carry_on(workspace.root, first.id)
    assert worker() == ["markers_pca", "names_pca"]


def test_a_result_that_was_not_saved_is_followed_by_nothing(workspace, worker, prepared):
    first = start(workspace, prepared, AnalyseConfig(train_clear=False))
    result = {"dataset": prepared.id, "stale": "X_pca has changed meanwhile."}
    first.set_status(Status(state="done", result=result))
    assert chain.go_on(workspace.root, first, result) is None
    found = chain.analysis(workspace.root, first.id)
    assert not found.last.is_saved
    assert not found.ended


def test_a_worker_survives_what_cannot_be_queued(workspace, worker, prepared, caplog):
    first = start(workspace, prepared, AnalyseConfig(train_clear=False))
    chain.try_to_go_on(workspace.root, first, {"dataset": "0123456789abcdef"})
    assert "could not be queued" in caplog.text


@pytest.mark.parametrize("later", [{"choices": {"later_option": 1}}, {"plan": "later"}])
def test_a_record_of_another_version_is_no_analysis(workspace, worker, prepared, later):
    first = start(workspace, prepared, AnalyseConfig(train_clear=False))
    written = files.read_json(first.folder / "config.json")
    written["part"].update(later)
    files.write_json(first.folder / "config.json", written)
    assert chain.analysis(workspace.root, first.id) is None
    assert chain.analysis_of(workspace.root, ANALYSE, prepared) is None
