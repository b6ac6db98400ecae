"""Labels joined to cells."""

import pandas as pd
import pytest

from scapp.core.errors import DataError
from scapp.data.formats.labels import read_labels
from tests.conftest import shared_data
from tests.data.formats.test_reader import CELLS


@pytest.fixture
def path(tmp_path):
    return tmp_path / "labels.csv"


def test_labels_are_joined_by_cell_name(path):
    path.write_text("barcode,cell_type,age\n" + f"{CELLS[2]},B,3\n{CELLS[0]},A,1\n")
    labels = read_labels(path, pd.Index(CELLS))
    assert labels.table["cell_type"].tolist()[0] == "A"
    assert labels.table["cell_type"].isna().tolist() == [False, True, False, True]
    assert labels.findings[0].sentence == "Labels were found for 2 of 4 cells: cell_type, age."


def test_two_columns_without_a_header_are_types(path):
    path.write_text(f"{CELLS[0]}\tA\n{CELLS[1]}\tB\n")
    assert read_labels(path, pd.Index(CELLS)).table["cell_type"].tolist()[:2] == ["A", "B"]


def test_names_may_stand_in_any_column(path):
    path.write_text("cell_type,barcode\n" + "".join(f"T{i},{cell}\n" for i, cell in enumerate(CELLS)))
    assert read_labels(path, pd.Index(CELLS)).table["cell_type"].tolist() == ["T0", "T1", "T2", "T3"]


def test_endings_may_differ(path):
    path.write_text("barcode,kind\n" + "".join(f"{cell[:-2]},k{i}\n" for i, cell in enumerate(CELLS)))
    labels = read_labels(path, pd.Index(CELLS))
    assert labels.table["kind"].tolist() == ["k0", "k1", "k2", "k3"]
    assert "without the endings" in labels.findings[1].sentence
    # two samples with the same barcodes cannot be told apart without their endings
    with pytest.raises(DataError, match="None of the 4 names"):
        read_labels(path, pd.Index([*CELLS, CELLS[0][:-2] + "-2"]))


def test_repeated_and_unknown_names_are_counted(path):
    path.write_text(f"barcode,kind\n{CELLS[0]},a\n{CELLS[0]},b\nother,c\n")
    labels = read_labels(path, pd.Index(CELLS))
    assert labels.table["kind"].tolist()[0] == "a"
    said = [finding.sentence for finding in labels.findings]
    assert "1 cells are named twice" in said[1]
    assert "1 of 3 rows of the labels name no cell" in said[2]


def test_a_table_of_other_cells_is_refused(path):
    path.write_text("barcode,cell_type\nother,A\n")
    with pytest.raises(DataError, match="None of the 1 names"):
        read_labels(path, pd.Index(CELLS))


def test_real_labels():
    from scapp.data.formats.reader import read

    for data, labels in (
        ("genes_by_cells_rstyle.csv.gz", "genes_by_cells_rstyle_metadata.csv.gz"),
        ("cells_by_genes_small.tsv", "cells_by_genes_small_labels.csv"),
        ("genes_by_cells_counts.csv.gz", "genes_by_cells_labels.txt.gz"),
    ):
        cells = read(shared_data(f"formats/{data}")).adata.obs_names
        found = read_labels(shared_data(f"formats/{labels}"), cells)
        assert found.table.notna().any(axis=1).all(), (labels, found.findings)


def test_labels_as_people_write_them(tmp_path):
    path = tmp_path / "labels.csv"
    cells = pd.Index(["001-A", "002-A", "NA", "004-A"])
    path.write_text(
        "## run 1\ncell;cell_type;score;donor\n001-A;T-1;1,5;01\n002-A;NA;2,5;02\nNA;B;3,5;01\n004-A;;4;02\n"
    )
    found = read_labels(path, cells)
    assert found.table["score"].tolist() == [1.5, 2.5, 3.5, 4.0]
    assert found.table["donor"].tolist() == ["01", "02", "01", "02"]
    assert found.table["cell_type"].isna().tolist() == [False, True, False, True]
    assert any("'NA' for 'cell_type'" in finding.sentence for finding in found.findings)


def test_names_that_r_has_changed_find_their_cells_and_labels_stay_as_they_are(tmp_path):
    path = tmp_path / "labels.tsv"
    path.write_bytes("\tcell_type\nX1AC.1\tT-1\nGG.1\tB.cell\n".encode("utf-16"))
    found = read_labels(path, pd.Index(["1AC-1", "GG-1"]))
    assert found.table["cell_type"].tolist() == ["T-1", "B.cell"]


@pytest.mark.parametrize("text", ["", "# only\n", "cell,type\n", "a\nb\n", "cell,type\na,b\nc,d,e\n"])
def test_what_is_no_table_of_labels_is_refused(tmp_path, text):
    path = tmp_path / "labels.csv"
    path.write_text(text)
    with pytest.raises(DataError):
        read_labels(path, pd.Index(["a", "c"]))


BARCODES = pd.Index([f"{a}{b}{c}ACGTACGTACGT-1" for a in "ACGT" for b in "ACGT" for c in "AC"])


@pytest.mark.parametrize(
    ("written", "said"),
    [
        (lambda name: f" {name.lower()} ", "without regard to case"),
        (lambda name: f"S1_{name}", "without what stands before them"),
        (lambda name: f"patient#{name.removesuffix('-1')}", "barcodes alone"),
    ],
)
def test_barcodes_that_are_written_otherwise_find_their_cells(tmp_path, written, said):
    types = [f"type {i % 3}" for i in range(len(BARCODES))]
    rows = "".join(f"{written(name)},{kind}\n" for name, kind in zip(BARCODES, types, strict=True))
    (tmp_path / "labels.csv").write_text(f"cell,cell_type\n{rows}")
    labels = read_labels(tmp_path / "labels.csv", BARCODES)
    assert list(labels.table["cell_type"]) == types
    assert said in " ".join(finding.sentence for finding in labels.findings)


def test_barcodes_of_two_samples_are_not_taken_for_one_another(tmp_path):
    rows = "".join(f"{sample}_{name},{sample}\n" for sample in ("S1", "S2") for name in BARCODES)
    (tmp_path / "labels.csv").write_text(f"cell,donor\n{rows}")
    with pytest.raises(DataError, match="is a cell of the data"):
        read_labels(tmp_path / "labels.csv", BARCODES)


def test_clusters_that_look_like_powers_of_ten_stay_names(tmp_path):
    rows = "".join(f"{name},{'1E5' if i % 2 else '2E3'}\n" for i, name in enumerate(BARCODES))
    (tmp_path / "labels.csv").write_text(f"cell,cluster\n{rows}")
    assert set(read_labels(tmp_path / "labels.csv", BARCODES).table["cluster"]) == {"1E5", "2E3"}
