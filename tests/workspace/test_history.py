"""What of a history is in place, out of date, or needed."""

import numpy as np
import pytest

from scapp.core import keys
from scapp.workspace.history import events, needed
from scapp.workspace.staging import new_provenance


@pytest.fixture
def history(workspace):
    """import -> a (from counts) -> b (from a); then a again with another value."""

    def commit(dataset, step, slot, value, reads=()):
        current = workspace.open(dataset.id)
        inputs = {name: current.slots[name].fingerprint for name in reads}
        provenance = new_provenance(step, inputs=inputs)
        return workspace.commit(dataset.id, {slot: np.full(3, value)}, provenance=provenance), provenance.id

    names = {keys.OBS_NAMES: np.array(["a", "b", "c"]), keys.VAR_NAMES: np.array(["g"]), "obs/counts": np.arange(3.0)}
    dataset = workspace.create("x", names, provenance=new_provenance("import"))
    _, a = commit(dataset, "map", "obs/a", 1.0, ["obs/counts"])
    _, b = commit(dataset, "cluster", "obs/b", 2.0, ["obs/a"])
    _, c = commit(dataset, "markers", "obs/c", 3.0, ["obs/b"])
    return workspace, dataset.id, commit, (a, b, c)


def test_everything_is_in_place_and_needed_at_first(history):
    workspace, id, _, _ = history
    manifest = workspace.open(id).manifest
    found = events(manifest)
    assert [bool(event.in_place) for event in found] == [True] * 4
    assert not any(event.stale for event in found)
    assert [record.step for record in needed(manifest)] == ["import", "map", "cluster", "markers"]


def test_a_changed_value_makes_what_rests_on_it_stale(history):
    workspace, id, commit, (a, b, c) = history
    dataset = workspace.open(id)
    commit(dataset, "map", "obs/a", 9.0, ["obs/counts"])
    found = {event.record.id: event for event in events(workspace.open(id).manifest)}
    assert found[a].in_place == ()
    assert found[a].kept == ("obs/a",)
    assert found[b].out_of_date == ("obs/a",)
    assert found[c].out_of_date == ()
    assert found[c].rests_on == b
    # b was made from the first value of a, so the script still needs that step
    assert [record.id for record in needed(workspace.open(id).manifest)].count(a) == 1
    workspace.bring_back(id, a)
    assert not any(event.stale for event in events(workspace.open(id).manifest))


def test_a_replaced_step_that_nothing_rests_on_is_not_needed(history):
    workspace, id, commit, (_, _, c) = history
    commit(workspace.open(id), "markers", "obs/c", 4.0, ["obs/b"])
    assert c not in [record.id for record in needed(workspace.open(id).manifest)]


def test_records_without_outputs_cannot_be_traced(history):
    workspace, id, _, (a, _, _) = history
    manifest = workspace.open(id).manifest
    manifest.provenance[a] = manifest.provenance[a].model_copy(update={"outputs": {}})
    assert len(needed(manifest)) == 4
