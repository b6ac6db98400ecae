"""An HDF5 file of a stranger reads no other file, and no size that it declares is believed."""

import os

import h5py
import numpy as np
import pytest
from scipy import sparse

from scapp.core.errors import DataError
from scapp.data.formats.hdf5 import check_hdf5, matrix_of, read_matrix
from scapp.data.formats.reader import read
from tests.data.formats.test_reader import COUNTS, adata

SECRET = b"root:x:0:0:secret" * 20


@pytest.fixture
def secret(tmp_path):
    path = tmp_path / "passwd"
    path.write_bytes(SECRET)
    return path


def external_storage(file, secret):
    file.create_dataset("X", (4, 12), "u1", external=[(str(secret), 0, 48)])


def external_link(file, secret):
    with h5py.File(secret.with_suffix(".h5"), "w") as other:
        other["X"] = COUNTS
    file["X"] = h5py.ExternalLink(str(secret.with_suffix(".h5")), "/X")


def virtual(file, secret):
    layout = h5py.VirtualLayout((4, 12), "f4")
    layout[:] = h5py.VirtualSource(str(secret), "X", (4, 12))
    file.create_virtual_dataset("X", layout)


def dangling(file, secret):
    file["X"] = h5py.SoftLink("/nowhere")


def circular(file, secret):
    group = file.require_group("uns")
    group["again"] = group


def soft_circle(file, secret):
    file["a"] = h5py.SoftLink("/b")
    file["b"] = h5py.SoftLink("/a")


def declares_too_much(file, secret):
    file.create_dataset("X", (10**7, 10**5), "f4", chunks=(100, 100), compression="gzip")


KINDS = [external_storage, external_link, virtual, dangling, circular, soft_circle, declares_too_much]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("ending", ["h5ad", "h5", "loom"])
def test_what_points_elsewhere_is_refused_before_it_is_read(tmp_path, secret, kind, ending):
    path = tmp_path / f"x.{ending}"
    if ending == "h5ad":
        written = adata()
        written.X = None
        written.layers.clear()
        written.write_h5ad(path)
    with h5py.File(path, "a") as file:
        if "X" in file:
            del file["X"]
        kind(file, secret)
    with pytest.raises(DataError, match=r"holds a link that leads|to values in other files|declares") as caught:
        read(path)
    assert "secret" not in f"{caught.value.message} {caught.value.hint}"


def test_a_sound_file_with_links_inside_it_passes(tmp_path):
    path = tmp_path / "x.h5ad"
    adata().write_h5ad(path)
    with h5py.File(path, "a") as file:
        file["again"] = file["X"]
        file["soft"] = h5py.SoftLink("/X")
    check_hdf5(path)
    assert read(path).adata.n_obs == 4


def test_a_pipe_is_no_file(tmp_path):
    path = tmp_path / "x.h5ad"
    os.mkfifo(path)
    with pytest.raises(DataError, match="no regular file"):
        read(path)


def parts(**changed):
    matrix = sparse.csr_matrix(COUNTS)
    found = {"data": matrix.data, "indices": matrix.indices, "indptr": matrix.indptr}
    return {**found, **{name: np.asarray(value) for name, value in changed.items()}}


@pytest.mark.parametrize(
    "changed",
    [
        {"indices": np.full(sparse.csr_matrix(COUNTS).nnz, 12)},
        {"indices": np.full(sparse.csr_matrix(COUNTS).nnz, -1)},
        {"indices": np.full(sparse.csr_matrix(COUNTS).nnz, 1.5)},
        {"indices": [0, 1]},
        {"indptr": [0, 5, 3, 7, sparse.csr_matrix(COUNTS).nnz]},
        {"indptr": [1, 5, 6, 7, sparse.csr_matrix(COUNTS).nnz]},
        {"indptr": [0, 5, 6, 7, sparse.csr_matrix(COUNTS).nnz + 1]},
        {"indptr": [0, sparse.csr_matrix(COUNTS).nnz]},
    ],
)
def test_a_sparse_matrix_that_lies_is_refused_before_it_is_built(changed):
    with pytest.raises(DataError, match="do not fit together"):
        matrix_of(**parts(**changed), shape=(4, 12), by_column=False, place="X")


def test_sound_parts_give_the_matrix_by_row_and_by_column():
    by_row = matrix_of(**parts(), shape=(4, 12), by_column=False, place="X")
    np.testing.assert_array_equal(by_row.toarray(), COUNTS)
    other = sparse.csc_matrix(COUNTS)
    by_column = matrix_of(other.data, other.indices, other.indptr, shape=(4, 12), by_column=True, place="X")
    np.testing.assert_array_equal(by_column.toarray(), COUNTS)


@pytest.mark.parametrize("values", [np.ones((4, 12), complex), np.full((4, 12), b"x"), np.ones(4)])
def test_what_is_no_matrix_of_numbers_is_refused(tmp_path, values):
    with h5py.File(tmp_path / "x.h5", "w") as file:
        file["X"] = values
        with pytest.raises(DataError):
            read_matrix(file["X"], "X")
