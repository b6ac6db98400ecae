"""A matrix on disk: small types, two orders, parts by reference, and no damage believed."""

import json
import random
import shutil

import anndata as ad
import numpy as np
import pandas as pd
import pytest
import zarr
from scipy import sparse

from scapp.core import files, keys
from scapp.core.errors import DataError
from scapp.core.provenance import fingerprint
from scapp.data.blocks import entries
from scapp.data.blocks.blocked_matrix import InMemory, LogNormalised
from scapp.workspace.datasets import stored_matrix as module
from scapp.workspace.datasets.elements import write_element
from scapp.workspace.datasets.staging import new_provenance
from scapp.workspace.datasets.store import Workspace
from scapp.workspace.datasets.stored_matrix import open_matrix, verify_by_gene, write_matrix
from scapp.workspace.inspection import inspect

RNG = np.random.default_rng(0)
COUNTS = sparse.csr_matrix(RNG.poisson(0.8, (60, 25)).astype(np.float32))


def read(folder):
    return open_matrix(folder, lambda slot, fingerprint: pytest.fail("nothing is derived here"))


def kinds(folder):
    group = zarr.open_group(str(folder), mode="r")
    return str(group["value/indices"].dtype), str(group["value/data"].dtype)


@pytest.mark.parametrize(
    ("largest", "kind"),
    [(255, "uint8"), (256, "uint16"), (70_000, "uint32"), (2**24, "float32"), (1.5, "float32"), (-1, "float32")],
)
def test_values_are_kept_in_the_smallest_type_that_holds_them_and_come_out_as_float(tmp_path, largest, kind):
    dense = np.zeros((3, 12), dtype=np.float32)
    dense[1, [0, 11]] = largest, 1
    write_matrix(tmp_path / "m", InMemory(dense))
    assert kinds(tmp_path / "m") == ("uint8", kind)
    found = read(tmp_path / "m")
    assert found.to_csr().dtype == found.column(0).dtype == np.float32
    np.testing.assert_array_equal(found.to_csr().toarray(), dense)
    # what wraps around in the type in which it is stored
    np.testing.assert_array_equal((found.block(0, 3) * 20).toarray(), dense * 20)
    np.testing.assert_array_equal(found.column(0) * 20, dense[:, 0] * 20)


def test_places_need_two_bytes_beyond_256_genes(tmp_path):
    write_matrix(tmp_path / "m", InMemory(sparse.csr_matrix(([1.0], [256], [0, 1]), shape=(1, 257))))
    assert kinds(tmp_path / "m") == ("uint16", "uint8")
    assert read(tmp_path / "m").column(256).tolist() == [1]


@pytest.mark.parametrize("shape", [(0, 4), (3, 4), (1, 1)])
def test_nothing_at_all_is_stored_as_well(tmp_path, shape):
    write_matrix(tmp_path / "m", InMemory(sparse.csr_matrix(shape, dtype=np.float32)))
    found = read(tmp_path / "m")
    assert found.shape == shape
    assert found.to_csr().nnz == 0
    assert found.column(0).tolist() == [0] * shape[0]


def test_anndata_reads_what_is_stored(tmp_path):
    write_matrix(tmp_path / "m", InMemory(COUNTS))
    group = zarr.open_group(str(tmp_path / "m"), mode="r")
    for name in ("value", "by_gene"):
        np.testing.assert_array_equal(ad.io.read_elem(group[name]).toarray(), COUNTS.toarray())


@pytest.mark.parametrize("chunk", [1, 7, 64, 10_000])
def test_chunks_shards_and_tiles_make_no_difference(tmp_path, monkeypatch, chunk):
    for name, value in {"CHUNK": chunk, "CHUNK_BY_GENE": chunk, "CHUNKS_OF_SHARD": 2, "TILE": 90}.items():
        monkeypatch.setattr(entries, name, value)
        monkeypatch.setattr(module, name, value, raising=False)
    write_matrix(tmp_path / "m", InMemory(COUNTS))
    found = read(tmp_path / "m")
    assert fingerprint(found) == fingerprint(COUNTS)
    verify_by_gene(found)
    for gene in range(25):
        np.testing.assert_array_equal(found.column(gene), COUNTS.toarray()[:, gene])
    cells = np.array([59, 3, 3, 4, 0])
    np.testing.assert_array_equal(found.rows(cells).toarray(), COUNTS.toarray()[cells])
    assert not (tmp_path / "m" / "tiles").exists()


def names(n_cells, n_genes=25):
    return {
        keys.OBS_NAMES: pd.Index([f"c{i}" for i in range(n_cells)]),
        keys.VAR_NAMES: pd.Index([f"g{i}" for i in range(n_genes)]),
    }


@pytest.fixture
def parent(workspace):
    return workspace.create("parent", names(60) | {keys.COUNTS: COUNTS}, provenance=new_provenance("import"))


def child(workspace, parent, n_cells, genes=None):
    counts = parent.matrix(keys.COUNTS).select(np.arange(parent.n_cells - n_cells, parent.n_cells), genes)
    scale = np.asarray(counts.to_csr().sum(axis=1)).ravel() / 10
    values = names(n_cells, counts.n_genes) | {keys.X: LogNormalised(counts, scale), keys.COUNTS: counts}
    return workspace.create("child", values, provenance=new_provenance("prepare"), parent=parent)


def test_a_part_names_the_files_of_the_whole_and_survives_it(workspace, parent):
    before = files.size_of(workspace.root)
    made = child(workspace, parent, 50, np.arange(2, 25))
    element = made.folder / "elements" / made.slots[keys.COUNTS].element
    assert all(path.stat().st_nlink == 2 for path in (element / "value").rglob("*") if path.is_file())
    taken = files.size_of(workspace.root) - before
    assert taken < files.size_of(made.folder)
    workspace.delete(parent.id)
    expected = COUNTS.toarray()[10:, 2:]
    np.testing.assert_array_equal(made.read(keys.COUNTS).toarray(), expected)
    scale = expected.sum(axis=1) / 10
    logged = np.log1p(expected / np.where(scale > 0, scale, 1)[:, None])
    np.testing.assert_allclose(made.read(keys.X).toarray(), logged, rtol=1e-6)
    np.testing.assert_allclose(made.gene(4), logged[:, 4], rtol=1e-6)
    np.testing.assert_allclose(made.profiles(np.array([3, 1])).toarray(), logged[[3, 1]], rtol=1e-6)
    assert made.slots[keys.X].fingerprint == fingerprint(made.read(keys.X))
    assert inspect(workspace.root) == (1, [])


def test_a_part_of_a_part_refers_to_the_whole(workspace, parent):
    first = child(workspace, parent, 50)
    second = child(workspace, parent, 40)
    again = workspace.create(
        "again",
        names(45) | {keys.COUNTS: first.matrix(keys.COUNTS).select(np.arange(45))},
        provenance=new_provenance("subset"),
        parent=first,
    )
    np.testing.assert_array_equal(again.read(keys.COUNTS).toarray(), COUNTS.toarray()[10:55])
    for dataset in (parent, first, second):
        workspace.delete(dataset.id)
    np.testing.assert_array_equal(again.read(keys.COUNTS).toarray(), COUNTS.toarray()[10:55])


def test_a_small_part_has_files_of_its_own(workspace, parent):
    made = child(workspace, parent, 20)
    element = made.folder / "elements" / made.slots[keys.COUNTS].element
    assert not (element / "cells").exists()
    np.testing.assert_array_equal(made.read(keys.COUNTS).toarray(), COUNTS.toarray()[40:])


def test_where_there_are_no_hard_links_files_are_copied(workspace, parent, monkeypatch):
    link = files.os.link

    def refuse(source, target):
        if ".partial" not in str(source):  # by which zarr itself replaces a file
            raise OSError("no links here")
        link(source, target)

    monkeypatch.setattr(files.os, "link", refuse)
    made = child(workspace, parent, 50)
    workspace.delete(parent.id)
    np.testing.assert_array_equal(made.read(keys.COUNTS).toarray(), COUNTS.toarray()[10:])


def test_derived_values_are_refused_where_their_counts_are_others(workspace, parent):
    made = child(workspace, parent, 50)
    workspace.commit(made.id, {keys.COUNTS: COUNTS[:50]}, provenance=new_provenance("test"))
    with pytest.raises(DataError, match="holds something else"):
        workspace.open(made.id).read(keys.X)


def test_a_flipped_bit_is_found_or_means_nothing(workspace, parent, monkeypatch):
    made = child(workspace, parent, 50, np.arange(25))
    generator = random.Random(0)
    expected = made.read(keys.COUNTS).toarray(), made.read(keys.X).toarray()
    n_found = 0
    for slot in (keys.COUNTS, keys.X):
        folder = made.folder / "elements" / made.slots[slot].element
        places = sorted(path for path in folder.rglob("*") if path.is_file() and path.name != "zarr.json")
        for place in places * 3:
            content = place.read_bytes()
            changed = bytearray(content)
            changed[generator.randrange(len(changed))] ^= 1 << generator.randrange(8)
            place.write_bytes(bytes(changed))
            damages = inspect(workspace.root)[1]
            n_found += bool(damages)
            if not damages:
                np.testing.assert_array_equal(made.read(keys.COUNTS).toarray(), expected[0])
                np.testing.assert_array_equal(made.read(keys.X).toarray(), expected[1])
                for gene in range(25):
                    np.testing.assert_array_equal(made.gene(gene), expected[1][:, gene])
            place.write_bytes(content)
    assert n_found >= 25
    assert inspect(workspace.root)[1] == []


@pytest.mark.parametrize("name", ["cells", "genes"])
def test_a_lost_list_of_cells_or_genes_is_not_all_of_them(workspace, parent, name):
    made = child(workspace, parent, 50, np.arange(2, 25))
    shutil.rmtree(made.folder / "elements" / made.slots[keys.COUNTS].element / name)
    module.open_afresh()
    with pytest.raises(DataError, match="damaged"):
        made.read(keys.COUNTS)


def test_a_group_that_says_nothing_of_its_hashes_is_not_believed(workspace, parent):
    path = parent.folder / "elements" / parent.slots[keys.COUNTS].element / "value" / "zarr.json"
    content = files.read_json(path)
    del content["attributes"]["chunk"]
    path.write_text(json.dumps(content))
    module.open_afresh()
    with pytest.raises(DataError, match="damaged"):
        parent.read(keys.COUNTS)


def as_before(parent, workspace):
    """A dataset of format 1: matrices as AnnData writes them, X stored, a copy by gene as a slot."""
    made = child(workspace, parent, 50)
    path = made.folder / "manifest.json"
    content = files.read_json(path)
    del content["checksum"]
    content["format"] = 1
    values = {keys.COUNTS: made.read(keys.COUNTS), keys.X: made.read(keys.X), keys.X_BY_GENE: made.read(keys.X).tocsc()}
    for number, (slot, value) in enumerate(values.items()):
        element = f"{number:016x}"
        write_element(made.folder / "elements" / element, value)
        content["slots"][slot] = {**content["slots"][keys.X], "element": element}
    files.write_json(path, content)
    return workspace.open(made.id), values


def test_datasets_of_before_are_read_as_they_are_and_their_children_are_new(workspace, parent):
    before, values = as_before(parent, workspace)
    assert before.manifest.format == 1
    for slot in (keys.COUNTS, keys.X):
        np.testing.assert_array_equal(before.read(slot).toarray(), values[slot].toarray())
    for gene in (0, 24):
        np.testing.assert_array_equal(before.gene(gene), values[keys.X].toarray()[:, gene])
    np.testing.assert_array_equal(before.profiles(np.array([4, 2])).toarray(), values[keys.X].toarray()[[4, 2]])
    after = child(workspace, before, 45)
    assert Workspace(workspace.root).open(after.id).manifest.format == 2
    assert (after.folder / "elements" / after.slots[keys.COUNTS].element / "by_gene").exists()
