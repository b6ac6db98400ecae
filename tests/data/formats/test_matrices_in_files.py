"""Matrices of files are read in blocks, whatever way they are laid out, and nothing that a file says is believed."""

import gc
import gzip
import os
import tempfile
from pathlib import Path

import anndata as ad
import h5py
import numpy as np
import pytest
import zarr
from scipy import sparse

from scapp.core.errors import DataError
from scapp.data.blocks import blocked_matrix, entries
from scapp.data.formats import matrices_in_files as module
from scapp.data.formats import mtx_folder
from scapp.data.formats.hdf5 import read_matrix
from scapp.data.formats.matrices_in_files import dense_of
from scapp.data.formats.reader import read

RNG = np.random.default_rng(3)
DENSE = RNG.poisson(0.6, (53, 31)).astype(np.float32)
DENSE[[0, 9, 52]] = 0
DENSE[:, [0, 30]] = 0
DENSE[5, 7] = 300


@pytest.fixture(autouse=True)
def small_blocks(monkeypatch, tmp_path):
    for name, value in {"ENTRIES": 40, "TILE": 90, "LARGEST_BLOCK": 500, "LEAST_OF_CELL": 1, "MOST_TILES": 5}.items():
        for each in (blocked_matrix, entries, module):
            monkeypatch.setattr(each, name, value, raising=False)
    (tmp_path / "temporary").mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "temporary"))


def unordered(matrix):
    """The same matrix with each row's entries backwards, one of them in two parts, and a stored zero."""
    rows = [matrix[i : i + 1] for i in range(matrix.shape[0])]
    values = [np.concatenate([row.data[::-1], row.data[:1] * 0 + 1, [0]]) for row in rows]
    for row, own in zip(rows, values, strict=True):
        own[row.nnz - 1 : row.nnz] -= 1
    places = [np.concatenate([row.indices[::-1], row.indices[:1], [0]]) for row in rows]
    bounds = np.concatenate([[0], np.cumsum([len(own) for own in values])])
    return np.concatenate(values), np.concatenate(places), bounds


def write_parts(group, parts, encoding, **options):
    group.attrs.update({"encoding-type": encoding, "shape": DENSE.shape})
    for name, part in zip(("data", "indices", "indptr"), parts, strict=True):
        group.create_dataset(name, data=part, **(options if name != "indptr" else {}))


@pytest.mark.parametrize(
    "options", [{}, {"chunks": (7,), "compression": "gzip"}, {"chunks": (4096,), "maxshape": (None,)}]
)
@pytest.mark.parametrize("kind", ["u1", "i8", "f2", "f4", "f8"])
@pytest.mark.parametrize("encoding", ["csr_matrix", "csc_matrix"])
def test_a_sparse_matrix_is_read_by_cell_and_by_gene(tmp_path, options, kind, encoding):
    made = DENSE.clip(0, 200) if kind == "u1" else DENSE
    way = sparse.csr_matrix if encoding == "csr_matrix" else sparse.csc_matrix
    stored = way(made)
    with h5py.File(tmp_path / "x.h5", "w") as file:
        write_parts(
            file.create_group("X"), (stored.data.astype(kind), stored.indices, stored.indptr), encoding, **options
        )
    with h5py.File(tmp_path / "x.h5") as file:
        matrix = read_matrix(file["X"], "X")
    assert len(matrix.bounds()) > 5
    np.testing.assert_array_equal(matrix.to_csr().toarray(), made)
    np.testing.assert_array_equal(matrix.columns(3, 9).toarray(), made[:, 3:9])
    np.testing.assert_array_equal(matrix.rows(np.array([40, 1, 1])).toarray(), made[[40, 1, 1]])


@pytest.mark.parametrize("encoding", ["csr_matrix", "csc_matrix"])
def test_entries_that_stand_twice_or_in_no_order_are_put_in_order(tmp_path, encoding):
    by_row = encoding == "csr_matrix"
    with h5py.File(tmp_path / "x.h5", "w") as file:
        write_parts(file.create_group("X"), unordered(sparse.csr_matrix(DENSE if by_row else DENSE.T)), encoding)
        matrix = read_matrix(file["X"], "X")
    blocks = list(matrix.blocks())
    assert all(block.has_canonical_format and block.data.all() for block in blocks)
    np.testing.assert_array_equal(sparse.vstack(blocks).toarray(), DENSE)


@pytest.mark.parametrize("genes_first", [False, True])
@pytest.mark.parametrize("chunks", [None, (5, 6), (53, 1), (1, 31), (31, 1), (1, 53), (31, 31), "all"])
def test_a_dense_matrix_is_read_whatever_its_chunks(tmp_path, genes_first, chunks):
    made = DENSE.T if genes_first else DENSE
    if isinstance(chunks, tuple) and any(chunk > length for chunk, length in zip(chunks, made.shape, strict=True)):
        pytest.skip("chunks larger than the array")
    with h5py.File(tmp_path / "x.h5", "w") as file:
        file.create_dataset("X", data=made, chunks=made.shape if chunks == "all" else chunks)
    with h5py.File(tmp_path / "x.h5") as file:
        matrix = dense_of(file["X"], "X", genes_first=genes_first)
    np.testing.assert_array_equal(matrix.to_csr().toarray(), DENSE)
    np.testing.assert_array_equal(sparse.vstack(list(matrix.blocks())).toarray(), DENSE)


@pytest.mark.parametrize("shape", [(20, 0), (0, 20), (0, 0)])
@pytest.mark.parametrize("chunked", [False, True])
def test_a_dense_matrix_of_nothing_is_called_empty(tmp_path, shape, chunked):
    with h5py.File(tmp_path / "x.loom", "w") as file:
        more = {"chunks": (5, 5), "maxshape": (None, None)} if chunked else {}
        file.create_dataset("matrix", data=np.zeros(shape, np.float32), **more)
    with pytest.raises(DataError, match=f"The matrix is empty: {shape[1]} cells by {shape[0]} genes"):
        read(tmp_path / "x.loom")


def test_a_zarr_store_is_read_the_same_way(tmp_path):
    group = zarr.open_group(str(tmp_path / "x.zarr"), mode="w")
    for name, value in {"csr": sparse.csr_matrix(DENSE), "csc": sparse.csc_matrix(DENSE), "dense": DENSE}.items():
        with ad.settings.override(auto_shard_zarr_v3=False):
            ad.io.write_elem(group, name, value)
        np.testing.assert_array_equal(read_matrix(group[name], name).to_csr().toarray(), DENSE)


def test_what_is_turned_on_disk_goes_with_the_matrix(tmp_path):
    with h5py.File(tmp_path / "x.h5", "w") as file:
        stored = sparse.csc_matrix(DENSE)
        write_parts(file.create_group("X"), (stored.data, stored.indices, stored.indptr), "csc_matrix")
        matrix = read_matrix(file["X"], "X")
    folders = list((tmp_path / "temporary").iterdir())
    assert len(folders) == 1
    assert [path.name for path in folders[0].iterdir()] == ["turned"]
    part = matrix.select(genes=np.arange(3))
    del matrix
    gc.collect()
    np.testing.assert_array_equal(part.to_csr().toarray(), DENSE[:, :3])
    del part
    gc.collect()
    assert not list((tmp_path / "temporary").iterdir())


def test_a_disk_without_room_for_turning_is_said_before(tmp_path, monkeypatch):
    monkeypatch.setattr(module, "BYTES_TURNED", 1e18)
    with h5py.File(tmp_path / "x.h5", "w") as file:
        stored = sparse.csc_matrix(DENSE)
        write_parts(file.create_group("X"), (stored.data, stored.indices, stored.indptr), "csc_matrix")
        file.create_dataset("dense", data=DENSE, chunks=(53, 1))
        for name in ("X", "dense"):
            with pytest.raises(DataError, match=r"takes up to .* GB .* are free") as caught:
                read_matrix(file[name], name)
            assert "TMPDIR" in caught.value.hint
    assert not list((tmp_path / "temporary").iterdir())


@pytest.mark.parametrize("encoding", ["csr_matrix", "csc_matrix"])
@pytest.mark.parametrize("place", [0, 300, -1])
@pytest.mark.parametrize("value", [-1, 53, 10**6])
def test_a_place_that_is_not_there_is_found_in_every_block(tmp_path, encoding, place, value):
    stored = (sparse.csr_matrix if encoding == "csr_matrix" else sparse.csc_matrix)(DENSE)
    indices = stored.indices.astype(np.int64)
    indices[place] = value
    with h5py.File(tmp_path / "x.h5", "w") as file:
        write_parts(file.create_group("X"), (stored.data, indices, stored.indptr), encoding)
        with pytest.raises(DataError, match="do not fit together"):
            read_matrix(file["X"], "X").to_csr()


def test_a_file_is_closed_with_its_matrix_and_when_it_is_refused(tmp_path):
    path = tmp_path / "x.h5ad"
    for values in (DENSE, DENSE - 300, DENSE * np.nan, DENSE):
        ad.AnnData(sparse.csr_matrix(values)).write_h5ad(path)  # which HDF5 refuses for an open file
        if np.isnan(values).any():
            with pytest.raises(DataError, match="missing"):
                read(path)
        else:
            assert read(path).adata.n_obs == 53


@pytest.mark.parametrize("way", [np.array, sparse.csr_matrix, sparse.csc_matrix])
def test_values_beyond_single_precision_are_zero_or_refused(tmp_path, way):
    with h5py.File(tmp_path / "x.h5", "w") as file:
        for name, factor in (("tiny", 1e-60), ("huge", 1e60)):
            ad.io.write_elem(file, name, way(DENSE.astype(np.float64) * factor))
        assert read_matrix(file["tiny"], "X").to_csr().nnz == 0
        assert read_matrix(file["huge"], "X").survey.n_infinite == (DENSE > 0).sum()


def test_a_damaged_chunk_is_named(tmp_path):
    path = tmp_path / "x.h5ad"
    ad.AnnData(sparse.csr_matrix(DENSE)).write_h5ad(path, compression="gzip")
    with h5py.File(path) as file:
        chunk = file["X/data"].id.get_chunk_info(0)
    with open(path, "r+b") as file:
        file.seek(chunk.byte_offset)
        file.write(os.urandom(chunk.size))
    with pytest.raises(DataError, match=r"damaged") as caught:
        read(path)
    assert caught.value.hint


@pytest.mark.skipif(os.name == "nt", reason="Windows removes no open file")
def test_a_file_of_an_archive_is_read_after_it_was_unpacked(tmp_path):
    import zipfile

    ad.AnnData(sparse.csr_matrix(DENSE)).write_h5ad(tmp_path / "x.h5ad")
    with zipfile.ZipFile(tmp_path / "x.zip", "w") as archive:
        archive.write(tmp_path / "x.h5ad", "x.h5ad")
    imported = read(tmp_path / "x.zip")
    assert not list(Path(tempfile.gettempdir()).iterdir())
    np.testing.assert_array_equal(imported.matrix.to_csr().toarray(), DENSE)


def test_log_values_of_many_blocks_give_back_their_counts(tmp_path):
    counts = RNG.poisson(3, (40, 60)) + np.eye(40, 60)
    scaled = counts / counts.sum(axis=1, keepdims=True) * 1e4
    ad.AnnData(sparse.csc_matrix(np.log1p(scaled).astype(np.float32))).write_h5ad(tmp_path / "x.h5ad")
    imported = read(tmp_path / "x.h5ad")
    assert imported.taken_from == "X (recovered)"
    np.testing.assert_array_equal(imported.matrix.to_csr().toarray(), counts)


def write_mtx(folder, rows, columns, values, shape, *, more="", n_values=None, packed=False):
    folder.mkdir()
    lines = [f"{i + 1} {j + 1} {v:g}" for i, j, v in zip(rows, columns, values, strict=True)]
    count = len(lines) if n_values is None else n_values
    head = ["%%MatrixMarket matrix coordinate real general", "%a remark", f"{shape[0]} {shape[1]} {count}"]
    text = "\n".join([*head, *lines]) + "\n" + more
    (folder / "matrix.mtx").write_text(text)
    if packed:
        (folder / "matrix.mtx.gz").write_bytes(gzip.compress((folder / "matrix.mtx").read_bytes()))
        (folder / "matrix.mtx").unlink()
    (folder / "barcodes.tsv").write_text("".join(f"cell{i}-1\n" for i in range(53)))
    (folder / "features.tsv").write_text("".join(f"ENSG{i:011d}\tg{i}\tGene Expression\n" for i in range(31)))
    return folder


@pytest.fixture
def in_pieces(monkeypatch):
    monkeypatch.setattr(mtx_folder, "IN_MEMORY", 0)
    monkeypatch.setattr(mtx_folder, "PIECE", 200)


@pytest.mark.parametrize("cells_first", [False, True])
@pytest.mark.parametrize("order", ["by cell", "by gene", "none", "twice"])
@pytest.mark.parametrize("packed", [False, True])
def test_a_large_mtx_is_read_in_pieces(tmp_path, in_pieces, cells_first, order, packed):
    cells, genes = np.nonzero(DENSE)
    values = DENSE[cells, genes]
    if order == "twice":
        cells, genes, values = np.tile(cells, 2), np.tile(genes, 2), np.concatenate([values + 2, values * 0 - 2])
    places = {"by cell": np.arange(len(cells)), "by gene": np.lexsort((cells, genes))}.get(order)
    places = np.random.default_rng(0).permutation(len(cells)) if places is None else places
    entries_of = (cells[places], genes[places]) if cells_first else (genes[places], cells[places])
    shape = DENSE.shape if cells_first else DENSE.shape[::-1]
    folder = write_mtx(tmp_path / "x", *entries_of, values[places], shape, packed=packed, more="\n")
    imported = read(folder)
    np.testing.assert_array_equal(imported.matrix.to_csr().toarray(), DENSE)
    assert all(block.has_canonical_format for block in imported.matrix.blocks())
    assert len(list((tmp_path / "temporary").iterdir())) == 1
    del imported
    gc.collect()
    assert not list((tmp_path / "temporary").iterdir())


@pytest.mark.parametrize("empty", ["\n", "\r\n", " \n", "\t\n\n  \n"])
def test_empty_lines_of_a_large_mtx_are_no_values(tmp_path, in_pieces, empty):
    cells, genes = np.nonzero(DENSE)
    folder = write_mtx(tmp_path / "x", cells, genes, DENSE[cells, genes], DENSE.shape, more=empty * 300)
    lines = (folder / "matrix.mtx").read_text().splitlines(keepends=True)
    among = [empty * 3 if i % 7 == 2 else "" for i in range(len(lines))]
    (folder / "matrix.mtx").write_bytes("".join(a + b for a, b in zip(lines, among, strict=True)).encode())
    np.testing.assert_array_equal(read(folder).matrix.to_csr().toarray(), DENSE)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"n_values": 700}, "of 700 are there"),
        ({"n_values": 200}, "of 200 are there"),
        ({"more": "54 1 1\n"}, "damaged"),
        ({"more": "x y z\n"}, "damaged"),
        ({"more": "1 2\n"}, "damaged"),
    ],
)
def test_a_large_mtx_that_lies_is_refused(tmp_path, in_pieces, change, said):
    cells, genes = np.nonzero(DENSE)
    folder = write_mtx(tmp_path / "x", cells, genes, DENSE[cells, genes], DENSE.shape, **change)
    with pytest.raises(DataError, match=said) as caught:
        read(folder)
    assert caught.value.hint
    del caught  # its traceback holds what was read
    gc.collect()
    assert not list((tmp_path / "temporary").iterdir())
