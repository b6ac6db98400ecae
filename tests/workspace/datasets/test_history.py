"""What of a history is in place, out of date, or needed."""

import numpy as np
import pytest

from scapp.core import keys
from scapp.workspace.datasets.history import events, needed
from scapp.workspace.datasets.staging import new_provenance


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


def test_a_step_that_extends_what_it_read_is_not_out_of_date(history):
    workspace, id, commit, _ = history
    for value in (5.0, 6.0):
        dataset = workspace.open(id)
        commit(dataset, "annotate", "obs/mine", value, ["obs/mine"] if "obs/mine" in dataset else [])
    assert not any(event.stale for event in events(workspace.open(id).manifest))


def outputs_after(records):
    state = {}
    for record in records:
        for slot, read in record.inputs.items():
            assert state.get(slot, read) == read, (record.step, slot)
        state |= record.outputs
    return state


def test_the_order_of_needed_steps_makes_what_is_in_place(history):
    """A map, another map, taken back; a label drawn on the first; the second brought back."""
    workspace, id, commit, (a, b, c) = history
    for record in (c, b):
        workspace.undo(id, record)
    _, second = commit(workspace.open(id), "map", "obs/a", 9.0, ["obs/counts"])
    workspace.undo(id, second)
    commit(workspace.open(id), "annotate", "obs/mine", 1.0, ["obs/a"])
    workspace.bring_back(id, second)
    manifest = workspace.open(id).manifest
    records = needed(manifest)
    assert [record.step for record in records] == ["import", "map", "annotate", "map"]
    state = outputs_after(records)
    assert all(state[slot] == entry.fingerprint for slot, entry in manifest.slots.items())
    # and with the first one back in place, and something made of the second
    commit(workspace.open(id), "cluster", "obs/d", 1.0, ["obs/a"])
    workspace.bring_back(id, a)
    manifest = workspace.open(id).manifest
    state = outputs_after(needed(manifest))
    assert all(state[slot] == entry.fingerprint for slot, entry in manifest.slots.items())
