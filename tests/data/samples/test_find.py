"""Several samples: finding, describing, joining."""

import numpy as np
import pandas as pd
import pytest
from scipy import io, sparse

from scapp.core.errors import DataError
from scapp.data.formats.reader import read
from scapp.data.samples.find import Sample, describe_samples, find_samples, read_sheet, sample_table
from tests.conftest import shared_data
from tests.data.formats.test_archives import tarred, zipped
from tests.data.formats.test_reader import COUNTS, GENES, adata, write_10x


def names(samples):
    return [(sample.source, sample.prefix, sample.name) for sample in samples]


@pytest.mark.parametrize(
    ("members", "expected"),
    [
        (
            ["P1/outs/filtered_feature_bc_matrix/matrix.mtx.gz", "P2/outs/filtered_feature_bc_matrix/matrix.mtx.gz"],
            [("P1/outs/filtered_feature_bc_matrix", "", "P1"), ("P2/outs/filtered_feature_bc_matrix", "", "P2")],
        ),
        (
            ["GSM1_a_matrix.mtx.gz", "GSM1_a_barcodes.tsv.gz", "GSM2_b_matrix.mtx.gz", "GSM2_b_features.tsv.gz"],
            [(".", "GSM1_a_", "GSM1_a"), (".", "GSM2_b_", "GSM2_b")],
        ),
        (["matrix.mtx", "barcodes.tsv", "genes.tsv", "labels.csv"], [(".", "", "sample")]),
        (
            ["s/Solo.out/Gene/raw/matrix.mtx", "s/Solo.out/Gene/filtered/matrix.mtx"],
            [("s/Solo.out/Gene/filtered", "", "s")],
        ),
        (["a/x.h5", "b/x.h5"], [("a/x.h5", "", "a_x.h5"), ("b/x.h5", "", "b_x.h5")]),
        (["a.zarr/zarr.json", "a.zarr/X/c/0", "b.h5ad"], [("a.zarr", "", "a"), ("b.h5ad", "", "b")]),
        (["counts.csv", "metadata.csv", "__MACOSX/._counts.csv", ".DS_Store"], [("counts.csv", "", "counts")]),
        (["readme.md", "x.pdf"], []),
    ],
)
def test_samples_are_found_and_named_by_what_tells_them_apart(members, expected):
    assert names(find_samples(members)) == expected


def two():
    return [Sample(source=f"{n}.h5ad", annotations={"sample": n}) for n in ("one", "two")]


def test_a_sheet_describes_samples_by_file_or_by_name():
    table = sample_table(two())
    assert list(table) == ["file", "sample", "donor", "condition", "batch"]
    table["sample"] = ["A", "B"]
    table["condition"] = ["healthy", ""]
    described = describe_samples(two(), table)
    assert [s.annotations for s in described] == [{"sample": "A", "condition": "healthy"}, {"sample": "B"}]
    by_name = pd.DataFrame({" Sample": ["two", "one"], "donor_id": ["d2", "d1"], "age": [40, 50]})
    assert describe_samples(two(), by_name)[0].annotations == {"sample": "one", "donor": "d1", "age": "50"}


@pytest.mark.parametrize(
    ("sheet", "said"),
    [
        ({"name": ["one", "two"]}, "'file' or 'sample' is needed"),
        ({"sample": ["one", "three"]}, "names three in 'sample'"),
        ({"sample": ["one"]}, "no row for two"),
        ({"sample": ["one", "one", "two"]}, "two rows for one"),
        ({"file": ["one.h5ad", "two.h5ad"], "sample": ["A", "A"]}, "occur more than once"),
    ],
)
def test_mistakes_in_sheets_are_named(sheet, said):
    with pytest.raises(DataError, match=said) as caught:
        describe_samples(two(), pd.DataFrame(sheet))
    assert caught.value.hint


def test_a_sheet_that_is_no_table(tmp_path):
    path = tmp_path / "sheet.csv"
    path.write_bytes(b"")
    with pytest.raises(DataError, match="could not be read as a table"):
        read_sheet(path, path.name)
    path.write_text("sample;donor\none;d\n")
    assert list(read_sheet(path, path.name)) == ["sample", "donor"]


@pytest.fixture
def three_folders(tmp_path):
    root = tmp_path / "study"
    root.mkdir()
    for name in ("P1", "P2", "P3"):
        write_10x(root / name, legacy=False, compressed=True)
    # another order of genes, one gene of its own, and one missing
    folder = root / "P3"
    for path in folder.iterdir():
        path.unlink()
    order = [*GENES[:0:-1], "ENSG_OTHER"]
    values = np.column_stack([COUNTS[:, :0:-1], np.full(4, 7)])
    io.mmwrite(folder / "matrix.mtx", sparse.coo_matrix(values.T.astype(int)), field="integer")
    (folder / "barcodes.tsv").write_text("".join(f"CELL{i}-1\n" for i in range(4)))
    (folder / "features.tsv").write_text("".join(f"{gene}\tother_{gene}\tGene Expression\n" for gene in order))
    return root


def test_three_folders_become_one_dataset_with_genes_joined_by_id(three_folders):
    imported = read(three_folders)
    joined = imported.in_memory()
    assert joined.shape == (12, 11)
    assert list(joined.var["gene_ids"]) == GENES[1:]
    assert list(joined.var_names) == [f"S{i}" for i in range(1, 12)]
    np.testing.assert_array_equal(joined.layers["counts"].toarray(), np.vstack([COUNTS[:, 1:]] * 3))
    assert joined.obs["sample"].tolist() == ["P1"] * 4 + ["P2"] * 4 + ["P3"] * 4
    assert joined.obs_names.is_unique
    assert joined.obs_names[-1] == "CELL3-1-P3"
    said = " ".join(finding.sentence for finding in imported.findings)
    assert "11 genes are in every sample, of at most 12" in said
    assert "3 samples were joined: P1 (4 cells)" in said


def test_archives_of_folders_and_sheets(three_folders, tmp_path):
    packed = tarred(tmp_path / "study.tar.gz", three_folders)
    samples = find_samples([f"study/P{i}/matrix.mtx.gz" for i in (1, 2)])
    sheet = pd.DataFrame({"sample": ["P1", "P2"], "donor": ["d1", "d2"], "condition": ["ill", "well"]})
    joined = read(packed, samples=describe_samples(samples, sheet)).in_memory()
    assert joined.shape == (8, 12)
    assert joined.obs["donor_id"].tolist() == ["d1"] * 4 + ["d2"] * 4
    assert joined.obs["condition"].cat.categories.tolist() == ["ill", "well"]


def test_one_described_sample_is_annotated(three_folders):
    (sample,) = describe_samples(find_samples(["P1/matrix.mtx.gz"]), pd.DataFrame({"sample": ["P1"], "batch": ["b"]}))
    assert read(three_folders, samples=[sample]).adata.obs["batch"].tolist() == ["b"] * 4


def test_samples_with_prefixes_in_one_folder(tmp_path):
    write_10x(tmp_path / "geo", legacy=True, compressed=False)
    for path in list((tmp_path / "geo").iterdir()):
        for prefix in ("GSM1_", "GSM2_"):
            (path.parent / (prefix + path.name)).write_bytes(path.read_bytes())
        path.unlink()
    assert read(tmp_path / "geo").adata.obs["sample"].value_counts().to_dict() == {"GSM1": 4, "GSM2": 4}


def test_samples_that_do_not_fit_together(tmp_path):
    adata().write_h5ad(tmp_path / "a.h5ad")
    other = adata()
    other.var_names = [f"X{i}" for i in range(12)]
    other.write_h5ad(tmp_path / "b.h5ad")
    with pytest.raises(DataError, match="share 0 genes"):
        read(tmp_path)
    adata(np.log1p(np.random.default_rng(0).lognormal(size=(4, 12)))).write_h5ad(tmp_path / "b.h5ad")
    with pytest.raises(DataError, match=r"different units.*'b': log-normalised"):
        read(tmp_path)
    (tmp_path / "b.h5ad").write_text("a,b")
    with pytest.raises(DataError, match=r"Sample 'b': .*plain text"):
        read(tmp_path)


def test_a_sample_outside_its_folder_is_refused(three_folders):
    with pytest.raises(DataError, match="outside the folder"):
        read(three_folders, samples=[Sample(source="../../etc")])


def test_annotations_of_single_files_are_kept(tmp_path):
    for name in ("a", "b"):
        part = adata()
        part.obs["kind"] = pd.Categorical([name] * 4)
        part.write_h5ad(tmp_path / f"{name}.h5ad")
    joined = read(
        zipped(tmp_path / "x.zip", {f"{n}.h5ad": (tmp_path / f"{n}.h5ad").read_bytes() for n in "ab"})
    ).in_memory()
    assert joined.obs["kind"].tolist() == ["a"] * 4 + ["b"] * 4


def test_three_real_folders():
    folder = shared_data("formats")
    labelled = [
        Sample(source=n, annotations={"sample": n[4:6]}) for n in ("10x_v2_plain_labelled", "10x_v3_gz_labelled")
    ]
    imported = read(folder, samples=labelled)
    assert imported.adata.shape == (500, 12232)


def test_a_gap_in_a_sheet_is_a_gap_in_the_data(three_folders):
    samples = find_samples([f"P{i}/matrix.mtx.gz" for i in (1, 2, 3)])
    sheet = pd.DataFrame({"sample": ["P1", "P2", "P3"], "donor": ["d1", "d2", ""]})
    donors = read(three_folders, samples=describe_samples(samples, sheet)).adata.obs["donor_id"]
    assert donors.tolist()[:8] == ["d1"] * 4 + ["d2"] * 4
    assert donors.isna().tolist()[8:] == [True] * 4


def test_annotations_of_some_files_only_are_kept(tmp_path):
    adata().write_h5ad(tmp_path / "a.h5ad")
    second = adata()
    second.obs["only_b"] = pd.Categorical(["x"] * 4)
    second.obsm["X_umap"] = np.zeros((4, 2))
    second.write_h5ad(tmp_path / "b.h5ad")
    imported = read(tmp_path)
    assert imported.adata.obs["only_b"].tolist()[4:] == ["x"] * 4
    assert any("embeddings of single samples were left out (b)" in finding.sentence for finding in imported.findings)


@pytest.mark.parametrize(
    ("members", "expected"),
    [
        (
            [f"Solo.out/{kind}/{part}/matrix.mtx" for kind in ("Gene", "GeneFull") for part in ("raw", "filtered")],
            ["Solo.out/Gene/filtered"],
        ),
        (["raw_matrix.mtx", "filtered_matrix.mtx"], ["."]),
        (
            ["raw_feature_bc_matrix.h5", "filtered_feature_bc_matrix.h5", "molecule_info.h5", "metrics_summary.csv"],
            ["filtered_feature_bc_matrix.h5"],
        ),
        (["s1.h5ad", "s2_annotated.h5ad", "labels.csv"], ["s1.h5ad", "s2_annotated.h5ad"]),
    ],
)
def test_one_output_is_taken_of_several_for_the_same_cells(members, expected):
    assert [sample.source for sample in find_samples(members)] == expected


def test_files_that_were_not_read_are_named(tmp_path):
    adata().write_h5ad(tmp_path / "a.h5ad")
    (tmp_path / "readme.txt").write_text("hello")
    assert any("readme.txt" in finding.sentence for finding in read(tmp_path).findings)


@pytest.mark.parametrize(
    "columns",
    [
        ["sample", "donor", "donor_id"],
        ["sample", "Sample"],
        ["sample", "_index"],
        ["sample", "total_counts"],
        ["sample", ""],
    ],
)
def test_column_names_that_cannot_be_used_are_refused(columns):
    sheet = pd.DataFrame([["one"] * len(columns), ["two"] * len(columns)], columns=columns)
    with pytest.raises(DataError, match="cannot be used"):
        describe_samples(two(), sheet)


def test_labels_are_joined_to_joined_samples(three_folders, tmp_path):
    from scapp.data.formats.labels import read_labels

    cells = read(three_folders).adata.obs
    for content in (
        "cell,sample,kind\n"
        + "".join(f"{n.rsplit('-', 1)[0]},{s},{s}\n" for n, s in zip(cells.index, cells["sample"], strict=True)),
        "cell,kind\n"
        + "".join(f"{s}_{n.rsplit('-', 1)[0]},{s}\n" for n, s in zip(cells.index, cells["sample"], strict=True)),
    ):
        (tmp_path / "labels.csv").write_text(content)
        found = read_labels(tmp_path / "labels.csv", cells.index, cells["sample"].astype(str))
        assert found.table["kind"].tolist() == cells["sample"].tolist()
