"""Archives, zarr and loom."""

import bz2
import io
import lzma
import tarfile
import zipfile
from collections.abc import Callable
from pathlib import Path

import anndata as ad
import h5py
import numpy as np
import pandas as pd
import pytest
import zarr
from scipy import sparse

from scapp.core.errors import DataError
from scapp.data.formats import archives
from scapp.data.formats.reader import read
from tests.conftest import shared_data
from tests.data.formats.test_reader import CELLS, COUNTS, GENES, adata, write_10x


def zipped(path, members):
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return path


def tarred(path, folder):
    with tarfile.open(path, "w:gz") as archive:
        archive.add(folder, arcname=folder.name)
    return path


@pytest.mark.parametrize("ending", ["zip", "tar.gz"])
def test_a_packed_10x_folder(tmp_path, ending):
    folder = tmp_path / "run1"
    write_10x(folder, legacy=False, compressed=True)
    path = tmp_path / f"run.{ending}"
    if ending == "zip":
        zipped(
            path, {f"run1/{p.name}": p.read_bytes() for p in folder.iterdir()} | {"__MACOSX/._x": b"", ".DS_Store": b""}
        )
    else:
        tarred(path, folder)
    np.testing.assert_array_equal(read(path).in_memory().layers["counts"].toarray(), COUNTS)


@pytest.mark.filterwarnings("ignore:Writing zarr v2")
def test_zarr_as_a_folder_and_packed(tmp_path):
    with ad.settings.override(zarr_write_format=2):
        adata().write_zarr(tmp_path / "x.zarr")
    for path in (tmp_path / "x.zarr", tarred(tmp_path / "x.tar.gz", tmp_path / "x.zarr")):
        imported = read(path)
        np.testing.assert_array_equal(imported.in_memory().layers["counts"].toarray(), COUNTS)
        assert list(imported.adata.obs_names) == CELLS
    (tmp_path / "empty.zarr").mkdir()
    with pytest.raises(DataError, match="no zarr store"):
        read(tmp_path / "empty.zarr")


@pytest.mark.filterwarnings("ignore:Writing zarr v2", "ignore:Consolidated metadata")
@pytest.mark.parametrize("version", [2, 3])
@pytest.mark.parametrize("kind", [sparse.csr_matrix, sparse.csc_matrix, np.asarray])
def test_zarr_is_read_in_blocks(tmp_path, monkeypatch, kind, version):
    monkeypatch.setattr("scapp.data.blocks.blocked_matrix.ENTRIES", 20)
    given = adata()
    counts = given.X.toarray()
    given.layers["counts"] = kind(counts)
    given.X = kind(np.log1p(counts))
    given.raw = given[:, ::-1].copy()
    given.obsm["X_own"] = np.arange(8.0).reshape(4, 2)
    given.obsp["near"], given.varm["PCs"] = sparse.eye(4, format="csr"), np.ones((12, 2))
    given.obs["type"] = pd.Categorical(list("abab"))
    given.uns["type_colors"] = ["red", "blue"]
    with ad.settings.override(zarr_write_format=version, auto_shard_zarr_v3=False):
        given.write_zarr(tmp_path / "x.zarr")
    imported = read(tmp_path / "x.zarr")
    np.testing.assert_array_equal(imported.matrix.to_csr().toarray(), COUNTS)
    assert imported.taken_from == "layers['counts']"
    assert any("left out: .raw, X, obsp['near'], varm['PCs']" in f.sentence for f in imported.findings)
    np.testing.assert_array_equal(imported.adata.obsm["X_own"], given.obsm["X_own"])
    assert imported.adata.uns["type_colors"] == ["#ff0000", "#0000ff"]


def test_zarr_of_before_2020_has_tables_of_records(tmp_path):
    store = zarr.open_group(str(tmp_path / "x.zarr"), mode="w", zarr_format=2)
    store.create_array("X", data=COUNTS.astype(np.float32))
    store.create_array("obs", data=np.array([(name.encode(),) for name in CELLS], dtype=[("index", "S20")]))
    store.create_array("var", data=np.array([(name.encode(),) for name in GENES], dtype=[("index", "S20")]))
    imported = read(tmp_path / "x.zarr")
    np.testing.assert_array_equal(imported.matrix.to_csr().toarray(), COUNTS)
    assert (list(imported.adata.obs_names), list(imported.adata.var_names)) == (CELLS, GENES)


@pytest.mark.filterwarnings("ignore:Consolidated metadata")
def test_what_a_zarr_store_says_of_its_matrix_is_not_believed(tmp_path):
    with ad.settings.override(zarr_write_format=3, auto_shard_zarr_v3=False):
        adata().write_zarr(tmp_path / "x.zarr")
    zarr.open_group(str(tmp_path / "x.zarr"))["X/indices"][3] = 500
    with pytest.raises(DataError, match="damaged"):
        read(tmp_path / "x.zarr")


def test_one_file_in_a_zip(tmp_path):
    adata().write_h5ad(tmp_path / "x.h5ad")
    path = zipped(tmp_path / "x.zip", {"x.h5ad": (tmp_path / "x.h5ad").read_bytes()})
    assert read(path).adata.shape == (4, 12)


@pytest.mark.parametrize("name", ["../evil.csv", "/etc/evil.csv", "a/../../evil.csv", "C:\\evil.csv", "..\\evil.csv"])
def test_paths_that_leave_the_folder_are_refused(tmp_path, name):
    path = zipped(tmp_path / "x.zip", {name: "a,b\n1,2\n"})
    with pytest.raises(DataError, match="leave its folder"):
        read(path)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["x.zip"]


def test_links_are_refused(tmp_path):
    path = tmp_path / "x.tar.gz"
    with tarfile.open(path, "w:gz") as archive:
        link = tarfile.TarInfo("matrix.mtx")
        link.type, link.linkname = tarfile.SYMTYPE, "/etc/passwd"
        archive.addfile(link)
    with pytest.raises(DataError, match="links or devices"):
        read(path)


def test_archives_beyond_the_limit_are_not_unpacked(tmp_path, monkeypatch):
    monkeypatch.setattr(archives, "MOST_BYTES", 100)
    with pytest.raises(DataError, match="unpacks to"):
        read(zipped(tmp_path / "x.zip", {"x.csv": "0" * 101}))


def test_an_archive_without_data_says_so(tmp_path):
    with pytest.raises(DataError, match=r"nothing that scapp reads \(a.pdf\)"):
        read(zipped(tmp_path / "x.zip", {"a.pdf": "1"}))
    with pytest.raises(DataError, match="nothing that scapp reads"):
        read(zipped(tmp_path / "y.zip", {}))


def test_a_damaged_archive(tmp_path):
    for name in ("x.zip", "x.tar.gz"):
        (tmp_path / name).write_bytes(b"no archive")
        with pytest.raises(DataError, match="holds plain text"):
            read(tmp_path / name)
    whole = zipped(tmp_path / "x.zip", {"a.csv": "1" * 1000}).read_bytes()
    (tmp_path / "x.zip").write_bytes(whole[:60])
    with pytest.raises(DataError, match="truncated or damaged"):
        read(tmp_path / "x.zip")


def test_10x_files_with_prefixes(tmp_path):
    folder = tmp_path / "geo"
    write_10x(folder, legacy=True, compressed=False)
    for path in list(folder.iterdir()):
        path.rename(folder / f"GSM1_{path.name}")
    assert read(folder).adata.shape == (4, 12)


def write_loom(path, **attributes):
    with h5py.File(path, "w") as file:
        file["matrix"] = COUNTS.T
        for name, values in attributes.items():
            file[name.replace("__", "/")] = values


def test_loom_by_hand(tmp_path):
    path = tmp_path / "x.loom"
    cells, genes = np.array(CELLS, dtype="S"), np.array(GENES, dtype="S")
    kinds, space = np.array(["a", "b", "a", "b"], dtype="S"), np.zeros((4, 2))
    write_loom(path, col_attrs__CellID=cells, col_attrs__kind=kinds, col_attrs__space=space, row_attrs__Gene=genes)
    loaded = read(path).in_memory()
    np.testing.assert_array_equal(loaded.layers["counts"].toarray(), COUNTS)
    assert list(loaded.obs_names) == CELLS
    assert list(loaded.var_names) == GENES
    assert loaded.obs["kind"].tolist() == ["a", "b", "a", "b"]
    assert list(loaded.obs) == ["kind"]
    write_loom(path)
    assert read(path).adata.obs_names[0] == "cell0"
    with h5py.File(path, "w") as file:
        file["other"] = 1
    with pytest.raises(DataError, match="no 'matrix'"):
        read(path)


@pytest.mark.parametrize(("name", "shape"), [("pbmc_facs_400.loom", (400, 12232)), ("starmap_mpfc.loom", (3704, 158))])
def test_real_looms(name, shape):
    assert read(shared_data(f"formats/{name}")).adata.shape == shape


def test_text_tables_by_the_ending_txt(tmp_path):
    table = io.StringIO()
    adata().to_df().to_csv(table, sep="\t")
    (tmp_path / "x.txt").write_text(table.getvalue())
    assert read(tmp_path / "x.txt").adata.shape == (4, 12)


@pytest.mark.parametrize("pack", [bz2.compress, lzma.compress])
def test_a_file_in_another_packing_is_unpacked(tmp_path: Path, pack: Callable[[bytes], bytes]) -> None:
    counts = pd.DataFrame(np.arange(40).reshape(4, 10), [f"CELL_{i}" for i in range(4)], [f"CD{i}" for i in range(10)])
    (tmp_path / "counts.csv.packed").write_bytes(pack(counts.to_csv().encode()))
    adata = read(tmp_path / "counts.csv.packed").in_memory()
    np.testing.assert_array_equal(adata.layers["counts"].toarray(), counts.to_numpy())
