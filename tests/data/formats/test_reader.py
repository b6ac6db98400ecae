import gzip
import shutil
from io import BytesIO

import anndata as ad
import h5py
import numpy as np
import pandas as pd
import pytest
from scipy import io, sparse

from scapp.core.errors import DataError
from scapp.data.config import ImportConfig
from scapp.data.formats import text_tables
from scapp.data.formats.imported import from_anndata
from scapp.data.formats.reader import read
from scapp.data.formats.text_tables import preview_table
from tests.conftest import shared_data

GENES = [f"ENSG{i:011d}" for i in range(12)]
CELLS = [f"ACGTACGTACGT{'ACGT'[i]}-1" for i in range(4)]
COUNTS = np.arange(48, dtype=np.float32).reshape(4, 12)


def frame():
    return pd.DataFrame(COUNTS, index=CELLS, columns=GENES)


def adata(values=COUNTS, **layers):
    result = ad.AnnData(sparse.csr_matrix(values), obs=pd.DataFrame(index=CELLS), var=pd.DataFrame(index=GENES))
    for name, layer in layers.items():
        result.layers[name] = sparse.csr_matrix(layer)
    return result


def test_counts_are_looked_for_in_the_stated_order():
    log = np.log1p(COUNTS * 0.7)
    with_all = adata(log, raw_counts=COUNTS + 1, counts=COUNTS + 2)
    with_all.raw = adata(COUNTS + 3)
    expected = [("layers['counts']", 2), ("layers['raw_counts']", 1), (".raw", 3), ("X", 0)]
    for place, shift in expected:
        if place == "X":
            with_all.X = sparse.csr_matrix(COUNTS)
        imported = from_anndata(with_all)
        assert imported.taken_from == place
        np.testing.assert_array_equal(imported.in_memory().layers["counts"].toarray(), COUNTS + shift)
        if place.startswith("layers"):
            del with_all.layers[place[8:-2]]
        else:
            with_all.raw = None


def test_values_without_counts_are_named_for_what_they_are():
    rng = np.random.default_rng(1)
    log = from_anndata(adata(rng.uniform(0.1, 5, (4, 12)).astype(np.float32)))
    assert log.in_memory().X is not None
    assert "counts" not in log.in_memory().layers
    assert "log-normalised" in log.findings[-1].sentence
    linear = from_anndata(adata(rng.uniform(0.1, 5000, (4, 12)).astype(np.float32)))
    assert "expression" in linear.in_memory().layers
    assert "RPKM" in linear.findings[-1].sentence


def test_scaled_values_can_be_looked_at_and_say_what_they_cannot_do():
    imported = from_anndata(adata(COUNTS - 5))
    assert imported.units == "scaled"
    np.testing.assert_array_equal(imported.in_memory().X.toarray(), COUNTS - 5)
    assert "import the raw counts" in imported.findings[-1].fix
    counted = from_anndata(adata(COUNTS - 5, counts=COUNTS))
    assert counted.taken_from == "layers['counts']"
    assert any("left out: X" in finding.sentence for finding in counted.findings)


def test_an_own_fault_is_named_per_place():
    both = adata(np.full_like(COUNTS, np.inf), counts=np.zeros_like(COUNTS))
    with pytest.raises(DataError, match=r"layers\['counts'\].*zero.*X.*infinite"):
        from_anndata(both)


def test_whole_numbers_that_all_add_up_to_the_same_are_noticed():
    shares = np.random.default_rng(0).dirichlet(np.ones(12) * 5, size=4)
    imported = from_anndata(adata(np.rint(shares * 1e6)))
    assert imported.units == "counts"
    assert "adds up to about 1,000,000" in imported.findings[-1].sentence


def test_the_users_file_is_not_altered(tmp_path):
    path = tmp_path / "x.h5ad"
    adata().write_h5ad(path)
    before = path.read_bytes()
    read(path)
    assert path.read_bytes() == before


@pytest.mark.parametrize("ending", ["csv", "tsv", "csv.gz", "tsv.gz"])
@pytest.mark.parametrize("transposed", [False, True])
def test_tables_in_both_orientations(tmp_path, ending, transposed):
    path = tmp_path / f"table.{ending}"
    table = frame().T if transposed else frame()
    table.to_csv(path, sep="\t" if "tsv" in ending else ",")
    imported = read(path)
    np.testing.assert_array_equal(imported.in_memory().layers["counts"].toarray(), COUNTS)
    assert list(imported.adata.obs_names) == CELLS
    assert list(imported.adata.var_names) == GENES
    assert ("genes in rows" if transposed else "cells in rows") in imported.findings[0].sentence


def test_orientation_can_be_forced(tmp_path):
    path = tmp_path / "table.csv"
    frame().iloc[:, :4].to_csv(path)
    with pytest.raises(DataError, match="4 columns"):
        read(path)
    pd.DataFrame(np.ones((12, 12)), index=GENES, columns=[f"c{i}" for i in range(12)]).to_csv(path)
    forced = read(path, ImportConfig(orientation="cells_in_rows"))
    assert list(forced.adata.obs_names) == GENES


def test_r_style_header_without_a_corner(tmp_path):
    path = tmp_path / "r.csv"
    text = frame().T.to_csv().replace(",", "", 1)
    assert text.startswith("ACGT")
    path.write_text(text)
    np.testing.assert_array_equal(read(path).in_memory().layers["counts"].toarray(), COUNTS)


def test_separators_at_the_end_of_rows_are_no_values(tmp_path):
    path = tmp_path / "t.csv"
    lines = frame().to_csv().replace("\n", ",\n").splitlines()
    for content in ("\n".join([lines[0].rstrip(","), *lines[1:]]), "\n".join(lines)):
        path.write_text(content + "\n")
        imported = read(path)
        assert list(imported.adata.var_names) == GENES
        np.testing.assert_array_equal(imported.in_memory().layers["counts"].toarray(), COUNTS)


def test_a_gene_may_be_called_na(tmp_path):
    path = tmp_path / "t.csv"
    frame().T.rename(index={GENES[3]: "NA"}).to_csv(path)
    assert read(path).adata.var_names[3] == "NA"


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("", "is empty"),
        ("c1,0,0,1\nc2,1,2,3\n", "3 columns of numbers"),
        ("cell,a,b\nc1,1,2,3\n", "2 names in its header|3 names in its header"),
        ("only\n1\n", "one column"),
        ("a,b,c\n", "no rows"),
        (
            "x," + ",".join(GENES) + "".join(f"\nc{i}," + ",".join(["1"] * 11 + [v]) for i, v in enumerate("12x")),
            "'x' in row 'c2'",
        ),
        ("x," + ",".join(GENES) + "\nc1," + ",".join(["1"] * 11 + [""]) + "\n", "missing"),
        ("x,a,b\nc1,1,2\nc2,1,2,3,4\n", "not a regular table"),
    ],
)
def test_bad_tables_say_what_is_wrong(tmp_path, content, said):
    path = tmp_path / "bad.csv"
    path.write_text(content)
    with pytest.raises(DataError, match=said):
        read(path)


def write_10x(folder, *, legacy, compressed):
    folder.mkdir()
    io.mmwrite(folder / "matrix.mtx", sparse.coo_matrix(COUNTS.T.astype(int)), field="integer")
    (folder / "barcodes.tsv").write_text("\n".join(CELLS) + "\n")
    columns = ["{0}\tS{1}", "{0}\tS{1}\tGene Expression"][not legacy]
    name = "genes.tsv" if legacy else "features.tsv"
    (folder / name).write_text("\n".join(columns.format(gene, i) for i, gene in enumerate(GENES)) + "\n")
    if compressed:
        for path in list(folder.iterdir()):
            with open(path, "rb") as source, gzip.open(f"{path}.gz", "wb") as target:
                shutil.copyfileobj(source, target)
            path.unlink()


@pytest.mark.parametrize(("legacy", "compressed"), [(True, False), (False, True), (False, False)])
def test_10x_folders(tmp_path, legacy, compressed):
    write_10x(tmp_path / "tenx", legacy=legacy, compressed=compressed)
    imported = read(tmp_path / "tenx")
    np.testing.assert_array_equal(imported.in_memory().layers["counts"].toarray(), COUNTS)
    assert list(imported.adata.var["gene_ids"]) == GENES


def test_incomplete_10x_folder_names_the_missing_file(tmp_path):
    write_10x(tmp_path / "tenx", legacy=False, compressed=True)
    (tmp_path / "tenx" / "barcodes.tsv.gz").unlink()
    with pytest.raises(DataError, match=r"barcodes\.tsv"):
        read(tmp_path / "tenx")


def test_10x_folder_whose_files_do_not_fit(tmp_path):
    write_10x(tmp_path / "tenx", legacy=True, compressed=False)
    (tmp_path / "tenx" / "barcodes.tsv").write_text("\n".join(CELLS[:2]) + "\n")
    with pytest.raises(DataError, match="does not fit together"):
        read(tmp_path / "tenx")


@pytest.mark.parametrize("name", ["study.h5ad", "table.csv.gz"])
def test_truncated_files_are_said_to_be_truncated(tmp_path, name):
    path = tmp_path / name
    if name.endswith("h5ad"):
        adata().write_h5ad(path)
    else:
        frame().to_csv(path)
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    with pytest.raises(DataError, match="truncated or damaged"):
        read(path)


def test_files_whose_ending_lies(tmp_path):
    lying = tmp_path / "text.h5ad"
    lying.write_text("a,b\n1,2\n")
    with pytest.raises(DataError, match="holds plain text") as caught:
        read(lying)
    assert ".csv" in caught.value.hint
    binary = tmp_path / "binary.csv"
    binary.write_bytes(bytes(range(128, 256)) * 10)
    with pytest.raises(DataError, match="unknown kind"):
        read(binary)
    packed = tmp_path / "packed.csv"
    packed.write_bytes(gzip.compress(frame().to_csv().encode()))
    imported = read(packed)
    np.testing.assert_array_equal(imported.in_memory().layers["counts"].toarray(), COUNTS)
    other = tmp_path / "other.h5ad"
    with h5py.File(other, "w") as file:
        file["something"] = 1
    with pytest.raises(DataError):
        read(other)
    foreign = tmp_path / "foreign.h5"
    with h5py.File(foreign, "w") as file:
        file.create_group("something")
    with pytest.raises(DataError, match="10x"):
        read(foreign)


def test_unknown_ending_and_missing_file(tmp_path):
    (tmp_path / "a.rds").touch()
    with pytest.raises(DataError, match="is empty"):
        read(tmp_path / "a.rds")
    (tmp_path / "b.rds").write_bytes(b"RDX3\nX\n")
    with pytest.raises(DataError, match="truncated or damaged"):
        read(tmp_path / "b.rds")
    with pytest.raises(DataError, match="no file"):
        read(tmp_path / "b.h5ad")


@pytest.mark.parametrize(
    ("name", "shape", "taken"),
    [
        ("formats/10x_v3_gz", (1107, 507), "the 10x matrix"),
        ("formats/10x_v2_plain_labelled", (100, 12232), "the 10x matrix"),
        ("formats/10x_v3_filtered_feature_bc_matrix.h5", (1107, 507), "the 10x matrix"),
        ("formats/10x_v2_filtered_gene_bc_matrices.h5", (12, 343), "the 10x matrix"),
        ("formats/genes_by_cells_rstyle.csv.gz", (225, 15127), "the table"),
        ("formats/cells_by_genes_small.tsv", (475, 384), "the table"),
        ("pbmc3k_seurat.h5ad", (2638, 2000), "X (recovered)"),
    ],
)
def test_real_files(name, shape, taken):
    imported = read(shared_data(name))
    assert imported.adata.shape == shape
    assert imported.taken_from == taken
    assert "counts" in imported.in_memory().layers


def test_several_genomes_must_be_chosen():
    path = shared_data("formats/10x_v2_multiple_genomes.h5")
    with pytest.raises(DataError, match="2 genomes: another_genome, hg19_chr21"):
        read(path)
    assert read(path, ImportConfig(genome="hg19_chr21")).adata.shape == (12, 343)
    with pytest.raises(DataError):
        read(path, ImportConfig(genome="mars"))


@pytest.mark.parametrize("packed", [False, True])
@pytest.mark.parametrize("transposed", [False, True])
def test_a_preview_says_how_a_table_lies_and_shows_its_corner(packed, transposed):
    table = frame().T if transposed else frame()
    content = table.to_csv(sep="\t").encode()
    name = "t.tsv.gz" if packed else "t.tsv"
    preview = preview_table(BytesIO(gzip.compress(content) if packed else content), name)
    assert preview.orientation == ("genes_in_rows" if transposed else "cells_in_rows")
    corner = preview.cells_in_rows(preview.orientation)
    assert corner.index.tolist() == CELLS
    assert corner.columns.tolist() == GENES[:6]
    assert corner.iloc[1, 2] == "14.0"
    other = "cells_in_rows" if transposed else "genes_in_rows"
    assert preview.cells_in_rows(other).index.tolist() == GENES[:6]


def test_a_preview_of_a_large_table_reads_its_beginning_only(monkeypatch):
    monkeypatch.setattr(text_tables, "PREVIEW_BYTES", 700)
    preview = preview_table(BytesIO(frame().to_csv().encode()), "t.csv")
    assert preview.corner.shape == (4, 6) or len(preview.corner) < 4
    with pytest.raises(DataError, match="is empty"):
        preview_table(BytesIO(b""), "t.csv")


def test_embeddings_of_other_programs_are_kept_under_scanpys_names():
    """R's objects arrive without the prefix; two tables whose names differ by it alone both stay."""
    file = adata()
    flat = np.arange(8, dtype=np.float64).reshape(4, 2)
    file.obsm["PCA"] = flat
    file.obsm["SC3"] = pd.DataFrame(flat + 1, index=CELLS, columns=["a", "b"])
    file.obsm["X_SC3"] = flat + 2
    file.obsm["holes"] = np.full((4, 2), np.nan)
    file.obsm["words"] = pd.DataFrame({"a": list("wxyz")}, index=CELLS)
    imported = from_anndata(file)
    kept = {name: float(np.asarray(value)[0, 0]) for name, value in imported.adata.obsm.items()}
    assert kept == {"X_PCA": 0, "SC3": 1, "X_SC3": 2}
    assert any("holes, words" in finding.sentence for finding in imported.findings)


def test_colours_are_kept_as_numbers_and_others_left():
    file = adata()
    file.obs["a"] = pd.Categorical(list("xxyy"))
    file.obs["b"] = pd.Categorical(list("xxyy"))
    file.uns["a_colors"] = ["red", "#00FF00"]
    file.uns["b_colors"] = ["no colour", "blue"]
    uns = from_anndata(file).adata.uns
    assert uns["a_colors"] == ["#ff0000", "#00ff00"]
    assert "b_colors" not in uns


def test_annotations_that_say_nothing_are_named():
    large = ad.AnnData(
        sparse.csr_matrix(np.tile(np.arange(12, dtype=np.float32), (30, 1))),
        obs=pd.DataFrame(
            {
                "empty": [None] * 30,
                "name": [f"cell {i}" for i in range(30)],
                "kind": ["a", "b"] * 15,
                "score": np.arange(30.0),
            },
            index=[f"c{i}" for i in range(30)],
        ),
        var=pd.DataFrame(index=GENES),
    )
    imported = from_anndata(large)
    said = [f"{finding.sentence} {finding.fix}" for finding in imported.findings]
    assert any("empty in every cell were left out: empty" in text for text in said)
    assert any("differ in every cell, as names do: name" in text for text in said)
    assert list(imported.adata.obs) == ["name", "kind", "score"]


def test_expected_counts_are_rounded_when_asked():
    expected = COUNTS + 0.3 * (COUNTS > 40)
    plain = from_anndata(adata(expected))
    assert plain.units == "linear"
    assert "Round to whole counts" in plain.findings[-1].fix
    imported = from_anndata(adata(expected), ImportConfig(round_to_counts=True))
    assert imported.taken_from == "X (rounded)"
    np.testing.assert_array_equal(imported.in_memory().layers["counts"].toarray(), COUNTS)


@pytest.mark.parametrize(
    "path",
    [
        "10x_v3_gz_labelled",
        "legacy_smfish.h5ad",
        "processed_pbmc68k_reduced.h5ad",
        "genes_by_cells_small.csv",
        "genes_by_cells_counts.csv.gz",
    ],
)
def test_every_other_real_file_is_read(path):
    imported = read(shared_data(f"formats/{path}"))
    assert imported.adata.n_obs > 10
    assert imported.units == ("scaled" if path.startswith("processed") else "counts")


def test_tables_as_r_writes_them_by_default(tmp_path):
    path = tmp_path / "t.txt"
    lines = [" ".join(f'"{cell}"' for cell in CELLS)]
    lines += [f'"{gene}" ' + " ".join(str(int(v)) for v in COUNTS[:, i]) for i, gene in enumerate(GENES)]
    path.write_text("\n".join(["# written by R", "", *lines]) + "\n")
    imported = read(path)
    assert list(imported.adata.obs_names) == CELLS
    np.testing.assert_array_equal(imported.in_memory().layers["counts"].toarray(), COUNTS)


def test_a_table_of_annotations_is_no_matrix(tmp_path):
    path = tmp_path / "meta.csv"
    names = [f"measure_{i}_share" for i in range(12)]
    table = pd.DataFrame(np.random.default_rng(0).uniform(0, 9, (20, 12)), [f"cell_{i}" for i in range(20)], names)
    table.assign(line=["a", "b"] * 10).to_csv(path)
    with pytest.raises(DataError, match=r"looks like a table of annotations: it holds words \(line\)"):
        read(path)
    table.set_axis(["CD3D", "LYZ", "MS4A1", *(f"ZNF{i}" for i in range(9))], axis=1).assign(line="a").to_csv(path)
    assert read(path).adata.obs["line"].tolist() == ["a"] * 20


def test_columns_about_genes_are_no_cells(tmp_path):
    table = frame().T
    table.insert(0, "Length", range(100, 112))
    table.insert(0, "gene_name", [f"Sym{i}" for i in range(12)])
    table.to_csv(tmp_path / "t.csv")
    imported = read(tmp_path / "t.csv")
    assert list(imported.adata.obs_names) == CELLS
    assert imported.adata.var["gene_name"].tolist()[3] == "Sym3"
    assert imported.adata.var["Length"].tolist()[3] == 103
    with pytest.raises(DataError, match=r"cells in rows and columns about genes \(gene_name, Length\)"):
        read(tmp_path / "t.csv", ImportConfig(orientation="cells_in_rows"))


def test_names_of_flies_tell_the_orientation(tmp_path):
    flies = frame().T.set_axis([f"FBgn{i:07d}" for i in range(12)]).set_axis([f"s{i}" for i in range(4)], axis=1)
    flies = pd.concat([flies, flies.add_suffix("0"), flies.add_suffix("1"), flies.add_suffix("2")], axis=1)
    flies.to_csv(tmp_path / "t.csv")
    assert list(read(tmp_path / "t.csv").adata.var_names) == list(flies.index)


def test_10x_variants_that_can_be_mended(tmp_path):
    write_10x(tmp_path / "tenx", legacy=False, compressed=False)
    barcodes = tmp_path / "tenx" / "barcodes.tsv"
    barcodes.write_text("barcode\n" + barcodes.read_text())
    io.mmwrite(tmp_path / "tenx" / "matrix.mtx", sparse.coo_matrix(COUNTS.astype(int)), field="integer")
    features = tmp_path / "tenx" / "features.tsv"
    features.write_text(features.read_text().replace("S11\tGene Expression", "S11\tAntibody Capture"))
    imported = read(tmp_path / "tenx")
    np.testing.assert_array_equal(imported.in_memory().layers["counts"].toarray(), COUNTS[:, :11])
    said = " ".join(f"{finding.sentence} {finding.fix}" for finding in imported.findings)
    assert "turned round" in said
    assert "Antibody counts were kept apart from the genes (1: S11)" in said
    np.testing.assert_array_equal(imported.adata.obsm["protein_counts"], COUNTS[:, 11:])


@pytest.mark.parametrize("header", [True, False])
def test_lists_as_csv(tmp_path, header):
    io.mmwrite(tmp_path / "matrix.mtx", sparse.coo_matrix(COUNTS.T))
    for name, values, head in (("barcodes", CELLS, "barcode"), ("features", GENES, "gene")):
        (tmp_path / f"{name}.csv").write_text("\n".join([*([head] if header else []), *values]) + "\n")
    imported = read(tmp_path).in_memory()
    np.testing.assert_array_equal(imported.layers["counts"].toarray(), COUNTS)
    assert (list(imported.obs_names), list(imported.var_names)) == (CELLS, GENES)
