"""What a sceptical user found: each was read wrong, refused wrongly, or brought the process down."""

import h5py
import numpy as np
import pandas as pd
import pytest
from scipy import io, sparse

from scapp.core.errors import DataError
from scapp.data.config import ImportConfig
from scapp.data.formats.labels import read_labels
from scapp.data.formats.reader import read

RNG = np.random.default_rng(0)
COUNTS = RNG.poisson(RNG.gamma(0.8, 3, 120), (60, 120)).astype(np.float32)
CELLS = ["".join(RNG.choice(list("ACGT"), 16)) + "-1" for _ in range(60)]
GENES = ["MT-ND1", "CD3D", "LYZ", "MS4A1", *(f"ZNF{i}" for i in range(116))]


def adata(**more):
    import anndata as ad

    return ad.AnnData(sparse.csr_matrix(COUNTS), obs=pd.DataFrame(index=CELLS), var=pd.DataFrame(index=GENES), **more)


def counts(imported):
    return imported.in_memory().layers["counts"].toarray()


def legacy(path, **parts):
    """An .h5ad of before 2019, whose annotations are one table each."""
    matrix = sparse.csr_matrix(COUNTS)
    with h5py.File(path, "w") as file:
        group = file.create_group("X")
        for name in ("data", "indices", "indptr"):
            group[name] = parts.get(name, getattr(matrix, name))
        group.attrs.update({"encoding-type": "csr_matrix", "encoding-version": "0.1.0", "shape": matrix.shape})
        for name, names in (("obs", CELLS), ("var", GENES)):
            file[name] = np.array([(text.encode(),) for text in names], dtype=[("index", "S20")])


def test_a_sparse_matrix_of_an_old_file_is_checked_as_well(tmp_path):
    path = tmp_path / "x.h5ad"
    legacy(path)
    np.testing.assert_array_equal(counts(read(path)), COUNTS)
    indptr = sparse.csr_matrix(COUNTS).indptr.copy()
    indptr[3:50] = 10**9
    indices = sparse.csr_matrix(COUNTS).indices.copy()
    indices[::5] = 2**30
    for wrong in ({"indptr": indptr}, {"indices": indices}):
        legacy(path, **wrong)
        with pytest.raises(DataError, match="do not fit together"):
            read(path)


@pytest.mark.parametrize("shape", [[60, 2**40], [2**34, 120], [-1, 120]])
@pytest.mark.parametrize("place", ["X", "layers/counts", "raw/X"])
def test_a_declared_shape_fills_no_memory(tmp_path, shape, place):
    path = tmp_path / "x.h5ad"
    written = adata(layers={"counts": sparse.csr_matrix(COUNTS)})
    written.raw = written.copy()
    written.write_h5ad(path)
    with h5py.File(path, "a") as file:
        file[place].attrs["shape"] = np.array(shape)
        if place != "X":
            del file["X"]
    if place == "raw/X":
        with h5py.File(path, "a") as file:
            del file["layers"]
    with pytest.raises(DataError, match="at most 20,000,000"):
        read(path)


def test_parts_that_anndata_does_not_know_are_passed_over(tmp_path):
    path = tmp_path / "x.h5ad"
    adata().write_h5ad(path)
    with h5py.File(path, "a") as file:
        file["obs/w"] = np.arange(60)
        file["obs/w"].attrs.update({"encoding-type": "array", "encoding-version": "7.7"})
        file["var/t"] = np.dtype("f4")
        file["obsm/t"] = np.dtype("f4")
    imported = read(path)
    np.testing.assert_array_equal(counts(imported), COUNTS)
    assert any("could not be read and were left out" in finding.sentence for finding in imported.findings)


@pytest.mark.parametrize("layer", ["binary", "a_rank"])
def test_presence_and_ranks_are_no_counts(tmp_path, layer):
    total = COUNTS.sum(axis=1, keepdims=True)
    values = COUNTS > 0 if layer == "binary" else np.argsort(COUNTS, axis=1)
    written = adata(layers={layer: sparse.csr_matrix(values.astype(np.float32)), "z_orig": sparse.csr_matrix(COUNTS)})
    written.X = sparse.csr_matrix(np.log1p(COUNTS / total * 1e6))
    written.write_h5ad(tmp_path / "x.h5ad")
    imported = read(tmp_path / "x.h5ad")
    assert imported.taken_from == "layers['z_orig']"
    np.testing.assert_array_equal(counts(imported), COUNTS)


def test_a_matrix_of_zeros_and_ones_alone_is_taken(tmp_path):
    written = adata()
    written.X = sparse.csr_matrix((COUNTS > 0).astype(np.float32))
    written.write_h5ad(tmp_path / "x.h5ad")
    np.testing.assert_array_equal(counts(read(tmp_path / "x.h5ad")), COUNTS > 0)


def test_the_parts_of_kb_python_are_added_up(tmp_path):
    parts = [RNG.binomial(COUNTS.astype(int), 0.3).astype(np.float32) for _ in range(3)]
    names = ("mature", "nascent", "ambiguous")
    written = adata(layers={name: sparse.csr_matrix(part) for name, part in zip(names, parts, strict=True)})
    written.X = sparse.csr_matrix(COUNTS.shape, dtype=np.float32)
    written.write_h5ad(tmp_path / "x.h5ad")
    np.testing.assert_array_equal(counts(read(tmp_path / "x.h5ad")), sum(parts))


def test_names_of_x_are_not_put_on_a_raw_of_another_order(tmp_path):
    numbered = pd.DataFrame(index=[str(i) for i in range(120)])
    for step, expected in ((1, GENES), (-1, [str(i) for i in range(120)])):
        import anndata as ad

        whole = adata()
        turned = whole[:, ::step].copy()
        turned.raw = ad.AnnData(whole.X, whole.obs, numbered)
        turned.X = sparse.csr_matrix(np.log1p(turned.X.toarray() / 7))
        turned.write_h5ad(tmp_path / "x.h5ad")
        assert list(read(tmp_path / "x.h5ad").adata.var_names) == expected


def test_antibodies_among_the_genes_of_an_h5ad_are_kept_apart(tmp_path):
    written = adata()
    written.var["feature_types"] = ["Gene Expression"] * 110 + ["Antibody Capture"] * 6 + ["Peaks"] * 4
    written.write_h5ad(tmp_path / "x.h5ad")
    imported = read(tmp_path / "x.h5ad")
    np.testing.assert_array_equal(counts(imported), COUNTS[:, :110])
    np.testing.assert_array_equal(imported.adata.obsm["protein_counts"], COUNTS[:, 110:116])
    assert any("(Peaks)" in finding.sentence for finding in imported.findings)


def test_genes_where_cells_should_be_are_refused(tmp_path):
    adata().T.copy().write_h5ad(tmp_path / "x.h5ad")
    with pytest.raises(DataError, match="genes where cells should be"):
        read(tmp_path / "x.h5ad")


def parse(folder):
    folder.mkdir()
    io.mmwrite(folder / "count_matrix.mtx", sparse.coo_matrix(COUNTS.astype(int)), field="integer")
    pd.DataFrame({"bc_wells": CELLS, "sample": "s"}).to_csv(folder / "cell_metadata.csv", index=False)
    ids = [f"ENSG{i:011d}" for i in range(120)]
    pd.DataFrame({"gene_id": ids, "gene_name": GENES, "genome": "hg38"}).to_csv(folder / "all_genes.csv", index=False)


def test_a_folder_of_parse_biosciences(tmp_path):
    parse(tmp_path / "DGE")
    for place in (tmp_path / "DGE", tmp_path):
        imported = read(place)
        np.testing.assert_array_equal(counts(imported), COUNTS)
        assert list(imported.adata.var_names) == GENES
        assert list(imported.adata.obs_names) == CELLS


def test_one_sample_in_two_forms_is_refused(tmp_path):
    table = pd.DataFrame(COUNTS, CELLS, GENES)
    table.T.to_csv(tmp_path / "GSM1_exon.csv")
    (table * 2).T.to_csv(tmp_path / "GSM1_intron.csv")
    with pytest.raises(DataError, match="name the very same 60 cells"):
        read(tmp_path)
    # cells that are merely numbered are called alike in every sample
    for name in ("GSM1_exon.csv", "GSM1_intron.csv"):
        table.set_axis([f"cell_{i}" for i in range(60)]).T.to_csv(tmp_path / name)
    assert read(tmp_path).adata.n_obs == 120


def test_numbered_groups_of_samples_are_not_taken_for_genes(tmp_path):
    values = RNG.poisson(np.exp(RNG.normal(3, 0.2, (300, 16))))
    cells = [f"{group}{i}" for group in ("Ctrl", "Treat") for i in range(1, 9)]
    path = tmp_path / "t.csv"
    pd.DataFrame(values, [f"b{i:04d}" for i in range(300)], cells).to_csv(path)
    with pytest.raises(DataError, match="Neither names nor values"):
        read(path)
    assert read(path, ImportConfig(orientation="genes_in_rows")).adata.shape == (16, 300)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("gene\tcell\tcount\nA\tc1\t3\nA\tc2\t1\n", "a row for each cell and gene"),
        ("gene;a;b;c\nA;1.234;2.000;3.500\nB;1.000;2.250;1.750\n", "a point may be a decimal mark or divide thousands"),
        ("1,0,1\n1,2,3\n", "numbers only"),
    ],
)
def test_tables_that_can_be_read_in_two_ways_are_refused(tmp_path, content, said):
    path = tmp_path / "t.txt"
    path.write_text(content)
    with pytest.raises(DataError, match=said):
        read(path)


def test_a_thousands_mark_far_down_changes_no_value(tmp_path):
    lines = [f"G{i};{i};2;3" for i in range(1, 200)]
    lines[150] = "G151;1,234;2;3"
    path = tmp_path / "t.csv"
    path.write_text("gene;a;b;c\n" + "\n".join(lines))
    with pytest.raises(DataError, match="1,234"):
        read(path)


def test_rows_of_an_old_htseq_are_no_genes(tmp_path):
    table = pd.DataFrame(COUNTS[:8].T, GENES, [f"cell_{i}" for i in range(8)])
    table.loc["no_feature"] = 9
    table.loc["too_low_aQual"] = 9
    table.to_csv(tmp_path / "t.csv")
    assert list(read(tmp_path / "t.csv").adata.var_names) == GENES


def test_labels_beside_a_column_of_row_numbers(tmp_path):
    path = tmp_path / "l.csv"
    cells = pd.Index([str(i) for i in range(60)])
    shuffled = RNG.permutation(60)
    pd.DataFrame({"cell_id": shuffled, "cell_type": [f"t{i}" for i in shuffled]}).to_csv(path)
    assert read_labels(path, cells).table["cell_type"].tolist() == [f"t{i}" for i in range(60)]


def test_endings_that_are_numbers_of_samples_are_not_dropped(tmp_path):
    path = tmp_path / "l.csv"
    other = [cell[:-2] + "-2" for cell in CELLS]
    pd.DataFrame({"cell_type": "OTHER"}, other).to_csv(path)
    with pytest.raises(DataError, match="None of the 60 names"):
        read_labels(path, pd.Index(CELLS))


def test_labels_whose_columns_have_one_name(tmp_path):
    path = tmp_path / "l.csv"
    pd.DataFrame({"cell": CELLS, "type": "x"}).to_csv(path)
    assert read_labels(path, pd.Index(CELLS)).table["type"].tolist() == ["x"] * 60
    path.write_text("barcode,type,type\n" + "".join(f"{cell},a,b\n" for cell in CELLS))
    assert list(read_labels(path, pd.Index(CELLS)).table) == ["type", "type_2"]


IDS = [f"ENSG{i:011d}" for i in range(120)]


@pytest.mark.parametrize(
    ("features", "barcodes"),
    [
        ([f"{i}\t{g}" for i, g in zip(IDS, GENES, strict=True)], CELLS),
        ([f"{i},{g}" for i, g in zip(IDS, GENES, strict=True)], CELLS),
        ([f"{i} {g}" for i, g in zip(IDS, GENES, strict=True)], CELLS),
        ([f"{g}\t{i}" for i, g in zip(IDS, GENES, strict=True)], [f"{n}\t{c}" for n, c in enumerate(CELLS, 1)]),
    ],
)
def test_lists_as_people_write_them(tmp_path, features, barcodes):
    io.mmwrite(tmp_path / "matrix.mtx", sparse.coo_matrix(COUNTS.T.astype(int)), field="integer")
    (tmp_path / "features.tsv").write_text("\n".join(features) + "\n")
    (tmp_path / "barcodes.tsv").write_text("\n".join(barcodes) + "\n")
    imported = read(tmp_path)
    np.testing.assert_array_equal(counts(imported), COUNTS)
    assert list(imported.adata.var_names) == GENES
    assert list(imported.adata.var["gene_ids"]) == IDS
    assert list(imported.adata.obs_names) == CELLS


@pytest.mark.parametrize("first", [0, 1])
def test_symbols_beside_numbered_genes_are_their_names(tmp_path, first):
    written = adata()
    written.var = pd.DataFrame({"gene_symbols": GENES}, index=[str(i + first) for i in range(120)])
    written.write_h5ad(tmp_path / "x.h5ad")
    assert list(read(tmp_path / "x.h5ad").adata.var_names) == GENES
