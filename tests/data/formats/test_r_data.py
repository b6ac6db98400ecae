"""R's files: each is read by value, or refused with a sentence. ``r_files/make.R`` made them."""

import gzip
import io
import tarfile
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from scapp.core.errors import DataError
from scapp.data.formats import r_objects
from scapp.data.formats.imported import Imported
from scapp.data.formats.reader import read

FILES = Path(__file__).parent / "r_files"
COUNTS = pd.read_csv(FILES / "counts.csv", index_col=0).T
META = pd.read_csv(FILES / "meta.csv", index_col=0)
UMAP = pd.read_csv(FILES / "umap.csv", index_col=0)
ADT = pd.read_csv(FILES / "adt.csv", index_col=0).T


def said(imported: Imported) -> str:
    return " ".join(finding.sentence for finding in imported.findings)


def assert_counts(imported: Imported, expected: pd.DataFrame = COUNTS) -> None:
    adata = imported.in_memory()
    assert imported.units == "counts"
    assert list(adata.obs_names) == list(expected.index)
    assert list(adata.var_names) == list(expected.columns)
    np.testing.assert_array_equal(adata.layers["counts"].toarray(), expected.to_numpy())


@pytest.mark.parametrize(
    "file", ["seurat4.rds", "seurat4.RData", "seurat5.rds", "sce.rds", "sce_dense.rds", "list.rds"]
)
def test_counts_and_annotations_of_an_object(file: str) -> None:
    imported = read(FILES / file)
    assert_counts(imported)
    obs = imported.adata.obs
    assert list(obs["cell_type"]) == list(META["cell_type"])
    assert list(obs["donor"]) == list(META["donor"])
    np.testing.assert_allclose(obs["age"], META["age"])
    np.testing.assert_allclose(obs["score"], META["score"])
    assert list(obs["flag"]) == list(META["flag"])


@pytest.mark.parametrize(
    "file",
    [
        *("dgCMatrix.rds", "dgTMatrix.rds", "dgRMatrix.rds", "dgeMatrix.rds", "matrix.rds", "ascii.rds"),
        *("data_frame.rds", "read10x.rds"),
    ],
)
def test_matrices_in_every_form_and_packing(file: str) -> None:
    imported = read(FILES / file)
    assert_counts(imported)
    assert "genes in rows" in said(imported)


def test_values_without_counts_are_recovered() -> None:
    imported = read(FILES / "seurat4_without_counts.rds")
    assert_counts(imported)
    assert imported.taken_from == "data of the assay 'RNA' (recovered)"


@pytest.mark.parametrize("file", ["seurat4.rds", "sce.rds", "read10x.rds"])
def test_antibodies_stand_beside_the_genes(file: str) -> None:
    adata = read(FILES / file).in_memory()
    np.testing.assert_array_equal(adata.obsm["protein_counts"], ADT.to_numpy())
    assert list(adata.uns["protein_names"]) == list(ADT.columns)


def test_embeddings_stand_in_the_order_of_the_cells() -> None:
    np.testing.assert_allclose(read(FILES / "seurat4.rds").adata.obsm["X_umap"], UMAP, rtol=1e-6)
    np.testing.assert_allclose(read(FILES / "sce.rds").adata.obsm["X_UMAP"], UMAP, rtol=1e-6)


def test_identities_that_no_column_holds_are_kept() -> None:
    obs = read(FILES / "seurat4.rds").adata.obs
    assert list(obs["active_ident"]) == ["first", "second"] * 20
    assert "active_ident" not in read(FILES / "seurat5.rds").adata.obs


def test_seurat_2_gives_the_cells_that_were_kept() -> None:
    imported = read(FILES / "seurat2.rds")
    kept = [*COUNTS.index[2:], COUNTS.index[0]]
    assert_counts(imported, COUNTS.loc[kept])
    obs = imported.adata.obs
    assert list(obs["cell_type"]) == list(META.loc[kept, "cell_type"])
    assert list(obs["active_ident"]) == ["0", "1", "2"] * 13
    np.testing.assert_allclose(imported.adata.obsm["X_tsne"], UMAP.loc[kept], rtol=1e-6)


@pytest.mark.parametrize(
    ("file", "message", "hint"),
    [
        ("seurat5_split.rds", "split into layers", "JoinLayers"),
        ("seurat5_on_disk.rds", "BPMatrix", "dgCMatrix"),
        ("two_matrices.rds", r"several objects with counts \(a, b\)", "saveRDS"),
        ("lm.rds", "no counts that scapp reads: it holds lm", "Seurat"),
        ("no_names.rds", "does not name its rows and columns", "rownames"),
    ],
)
def test_what_cannot_be_read_is_refused(file: str, message: str, hint: str) -> None:
    with pytest.raises(DataError, match=message) as caught:
        read(FILES / file)
    assert hint in caught.value.hint


def test_an_ending_that_lies_is_no_hindrance(tmp_path: Path) -> None:
    (tmp_path / "counts.csv").write_bytes((FILES / "dgTMatrix.rds").read_bytes())
    imported = read(tmp_path / "counts.csv")
    assert_counts(imported)
    assert "was read as R data" in said(imported)


def test_a_file_that_ends_early_is_damaged(tmp_path: Path) -> None:
    whole = gzip.decompress((FILES / "seurat4.rds").read_bytes())
    for share in (0.1, 0.4, 0.7, 0.95):
        (tmp_path / "cut.rds").write_bytes(whole[: int(len(whole) * share)])
        with pytest.raises(DataError):
            read(tmp_path / "cut.rds")


def test_entries_outside_the_matrix_are_refused(tmp_path: Path) -> None:
    whole = bytearray(gzip.decompress((FILES / "dgCMatrix.rds").read_bytes()))
    inside = np.array([0, 3, 6, 7], ">i4").tobytes()
    at = bytes(whole).index(inside)
    whole[at : at + 4] = np.array([60], ">i4").tobytes()
    (tmp_path / "lies.rds").write_bytes(bytes(whole))
    with pytest.raises(DataError, match="do not fit together"):
        read(tmp_path / "lies.rds")


def test_a_sequence_that_declares_billions_is_refused(tmp_path: Path) -> None:
    symbol = b"\x00\x00\x00\x01" + b"\x00\x04\x00\x09" + b"\x00\x00\x00\x0e" + b"compact_intseq"
    info = b"\x00\x00\x00\x02" + symbol + b"\x00\x00\x00\xfe"
    state = b"\x00\x00\x00\x0e" + b"\x00\x00\x00\x03" + np.array([1e12, 1, 1], ">f8").tobytes()
    altrep = b"\x00\x00\x00\xee" + info + state + b"\x00\x00\x00\xfe"
    header = b"X\n\x00\x00\x00\x03\x00\x04\x02\x02\x00\x03\x05\x00\x00\x00\x00\x05UTF-8"
    (tmp_path / "long.rds").write_bytes(header + altrep)
    with pytest.raises(DataError, match="sequence that is too long"):
        read(tmp_path / "long.rds")
    short = altrep.replace(np.array([1e12], ">f8").tobytes(), np.array([3.0], ">f8").tobytes())
    (tmp_path / "short.rds").write_bytes(header + short)
    np.testing.assert_array_equal(r_objects.parse(tmp_path / "short.rds").value, [1, 2, 3])


def test_parts_of_dropest_are_added_up_also_where_they_are_packed_twice(tmp_path: Path) -> None:
    total = pd.read_csv(FILES / "dropest_total.csv", index_col=0).T
    (tmp_path / "GSM1_cell.counts.matrices.rds.gz").write_bytes(gzip.compress((FILES / "dropest.rds").read_bytes()))
    imported = read(tmp_path / "GSM1_cell.counts.matrices.rds.gz")
    ordered = imported.in_memory()[total.index, total.columns].layers["counts"].toarray()
    np.testing.assert_array_equal(ordered, total.to_numpy())
    assert imported.adata.shape == total.shape
    assert "exon, intron, spanning were added up" in said(imported)


def test_an_archive_of_r_files_is_joined_as_samples(tmp_path: Path) -> None:
    with tarfile.open(tmp_path / "GSE1_RAW.tar", "w") as archive:
        for name, file in (("GSM1_first", "dgCMatrix.rds"), ("GSM2_second", "seurat2.rds")):
            content = gzip.compress((FILES / file).read_bytes())
            member = tarfile.TarInfo(f"{name}.rds.gz")
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
    adata = read(tmp_path / "GSE1_RAW.tar").in_memory()
    assert adata.shape == (40 + 39, COUNTS.shape[1])
    assert set(adata.obs["sample"]) == {"GSM1_first", "GSM2_second"}
