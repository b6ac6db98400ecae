"""A damaged disk is not believed."""

import random
import shutil

import numpy as np
import pandas as pd
import pytest
from scipy import sparse

from scapp.core import files, keys
from scapp.core.errors import DataError
from scapp.core.provenance import fingerprint
from scapp.workspace.datasets.staging import new_provenance
from scapp.workspace.datasets.store import Workspace
from scapp.workspace.inspection import inspect
from scapp.workspace.runs.run import RunStore

RNG = np.random.default_rng(0)
VALUES = {
    keys.OBS_NAMES: pd.Index([f"c{i}" for i in range(30)]),
    keys.VAR_NAMES: pd.Index([f"g{i}" for i in range(20)]),
    keys.COUNTS: sparse.csr_matrix(RNG.poisson(1, (30, 20)).astype(np.float32)),
    keys.obs("type"): pd.Categorical(["a", "b", None] * 10),
    keys.obs("zero"): np.zeros(30),
    "uns/settings": {"a": [1, 2], "b": "x", "c": None, "d": ["x", "y"]},
    "uns/type_colors": ["#ffffff", "#000000"],
}


@pytest.fixture
def dataset(workspace):
    return workspace.create("first", VALUES, provenance=new_provenance("import"))


def chunks(dataset, slot):
    folder = dataset.folder / "elements" / dataset.slots[slot].element
    return sorted(path for path in folder.rglob("*") if path.is_file() and path.name != "zarr.json")


def test_a_sound_workspace_is_sound(workspace, dataset):
    assert inspect(workspace.root) == (1, [])


@pytest.mark.parametrize("slot", [keys.COUNTS, keys.obs("zero")])
def test_a_lost_chunk_is_an_error_at_once_and_not_zeros(workspace, dataset, slot):
    chunks(dataset, slot)[-1].unlink()
    with pytest.raises(DataError, match="damaged"):
        dataset.read(slot)
    ((damage),) = inspect(workspace.root)[1]
    assert (damage.dataset, damage.slot, damage.made_by) == (dataset.id, slot, "import")


def test_lost_chunks_are_found_where_rows_or_a_gene_are_read(workspace, dataset):
    made = workspace.commit(dataset.id, {keys.X: VALUES[keys.COUNTS]}, provenance=new_provenance("prepare"))
    for path in chunks(made, keys.X):
        if path.parents[1].name == "data":
            path.unlink()
    with pytest.raises(DataError, match="damaged"):
        made.profiles(np.array([0, 3]))
    with pytest.raises(DataError, match="damaged"):
        made.gene(2)


def test_a_flipped_bit_is_found_wherever_it_changes_a_value(workspace, dataset, tmp_path):
    generator = random.Random(0)
    places = sorted(path for path in dataset.folder.rglob("*") if path.is_file() and path.name != "zarr.json")
    n_found = 0
    for _ in range(25):
        copy = tmp_path / "copy"
        shutil.copytree(workspace.root, copy)
        place = copy / generator.choice(places).relative_to(workspace.root)
        content = bytearray(place.read_bytes())
        content[generator.randrange(len(content))] ^= 1 << generator.randrange(8)
        place.write_bytes(content)
        found = inspect(copy)[1]
        assert len(found) <= 1
        n_found += len(found)
        if not found:
            # some bits of a compressed chunk mean nothing
            flipped = Workspace(copy).open(dataset.id)
            assert all(fingerprint(flipped.read(slot)) == fingerprint(dataset.read(slot)) for slot in dataset.slots)
        shutil.rmtree(copy)
    assert n_found >= 20


@pytest.mark.parametrize("content", [b"", b"[]", b"{", b"\xff\xfe", b'{"format": 1}', b"null"])
def test_a_damaged_manifest_stops_neither_the_list_nor_the_inspection(workspace, dataset, content):
    workspace.create("second", VALUES, provenance=new_provenance("import"))
    (dataset.folder / "manifest.json").write_bytes(content)
    assert [found.name for found in workspace.datasets()] == ["second"]
    n_datasets, damages = inspect(workspace.root)
    assert n_datasets == 2
    assert dataset.id in damages[0].reason or "format" in damages[0].reason


def test_a_manifest_cannot_lead_out_of_its_dataset(workspace, dataset):
    path = dataset.folder / "manifest.json"
    content = files.read_json(path)
    del content["checksum"]
    content["slots"][keys.COUNTS]["element"] = "../../../etc"
    files.write_json(path, content)
    with pytest.raises(DataError, match="damaged"):
        workspace.open(dataset.id)


@pytest.mark.parametrize("content", [b"", b"{", b"\xff", b"[]"])
def test_a_damaged_run_is_set_aside_and_the_others_go_on(tmp_path, content):
    store = RunStore(tmp_path)
    broken, sound = (store.create("map", dataset=None, config={}, title="", lane="light") for _ in range(2))
    (broken.folder / "config.json").write_bytes(content)
    assert store.next_queued("light").id == sound.id
    assert [run.id for run in store.list()] == [sound.id]
    assert (tmp_path / "damaged" / broken.id / "config.json").read_bytes() == content


def test_a_damaged_status_is_a_failed_run_that_says_so(tmp_path):
    store = RunStore(tmp_path)
    run = store.create("map", dataset=None, config={}, title="", lane="light")
    (run.folder / "status.json").write_bytes(b"{")
    (run.folder / "progress.json").write_bytes(b"{")
    assert run.observe().state == "failed"
    assert "status.json" in run.observe().error.message
    assert run.progress == {}
    run.queue_again()
    assert run.observe().state == "queued"
