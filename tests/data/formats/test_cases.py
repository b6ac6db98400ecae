"""Files that were once misread, made by the developers' scripts; they skip where the scripts are not."""

import contextlib
import io
import runpy
import sys

import numpy as np
import pytest

from scapp.core.errors import DataError
from scapp.data.config import ImportConfig
from scapp.data.formats.labels import read_labels
from scapp.data.formats.reader import read
from scapp.data.qc.quality_metrics import qc_metrics
from tests.conftest import SHARED_DATA

CASES = SHARED_DATA.parent / "cases"


@pytest.fixture
def made(tmp_path, monkeypatch):
    """Carry out a maker; the folder of its files, and the truth that it made them from."""

    def make(name):
        script = CASES / f"{name}.py"
        if not script.is_file():
            pytest.skip(f"{name} is not on this machine")
        monkeypatch.setattr(sys, "argv", [name, str(tmp_path)])
        with contextlib.redirect_stdout(io.StringIO()):
            return tmp_path, runpy.run_path(str(script))

    return make


def values(imported):
    return imported.matrix.to_csr().toarray()


WHOLE = [
    ("bytes_names", "x.h5ad"),
    *(
        ("counts_in_other_layers", f"layer_{name}.h5ad")
        for name in ("raw", "count", "umi", "RNA_counts", "spliced", "soupX_counts", "decontXcounts")
    ),
    ("counts_in_other_layers", "X_none.h5ad"),
    ("dup_obs_columns", "x.h5ad"),
    ("extra_text_columns", "row_numbers_then_gene.csv"),
    ("features_header", "f"),
    ("features_header", "r"),
    ("float16", "dense.h5ad"),
    ("float16", "sparse.h5ad"),
    *(("geo_packed", name) for name in ("x.h5ad.gz", "RAW_h5ad_gz.tar", "RAW_nested.tar", "GSM1_s.tar.gz")),
    ("gz_names", "plain_called_gz"),
    ("gz_names", "gz_called_plain"),
    ("h5_antibody_silent", "x.h5"),
    ("kallisto_alevin_velocyto", "kb"),
    ("loom_velocyto_and_hca", "velocyto.loom"),
    ("loom_velocyto_and_hca", "hca.loom"),
    ("seuratdisk_var_names", "x.h5ad"),
    ("unknown_encoding", "x.h5ad"),
    ("var_names_numeric", "x.h5ad"),
    ("zip_with_annotations", "a.zip"),
]


@pytest.mark.parametrize(("maker", "file"), WHOLE)
def test_counts_and_names_are_those_of_the_truth(made, maker, file):
    folder, truth = made(maker)
    imported = read(folder / file)
    np.testing.assert_array_equal(values(imported), truth["C"])
    assert list(imported.adata.obs_names) == list(truth["cells"])
    assert list(imported.adata.var_names) == list(truth["genes"])


@pytest.mark.parametrize(
    ("maker", "file", "of_the_truth"),
    [
        ("bd_abseq", "x.csv", lambda truth: truth["C"]),
        ("cellranger_multi", "outs", lambda truth: truth["C"]),
        ("decimal_comma", "x.csv", lambda truth: truth["C"] / 2),
        ("empty_symbols", "f", lambda truth: truth["C"]),
        ("extra_numeric_columns", "x.csv", lambda truth: truth["C"][:8]),
        ("extra_text_columns", "x.csv", lambda truth: truth["C"][:8]),
        ("noheader_distinct", "x.txt", lambda truth: truth["d"].to_numpy().T),
        ("percell_noheader", "cells", lambda truth: truth["C"][:8]),
        ("quote_begins_gene", "f", lambda truth: truth["C"]),
    ],
)
def test_values_are_those_of_the_truth(made, maker, file, of_the_truth):
    folder, truth = made(maker)
    np.testing.assert_allclose(values(read(folder / file)), of_the_truth(truth), rtol=1e-6)


@pytest.mark.parametrize("species", ["rice", "tomato", "worm", "malaria", "entrez"])
@pytest.mark.parametrize(("which", "n_cells"), [("few", 40), ("many", 200)])
def test_the_orientation_is_right_or_asked_for(made, species, which, n_cells):
    folder, _ = made("orient_other_species")
    path = folder / f"{species}_{which}_cells.csv"
    hint = ""
    try:
        found = read(path)
    except DataError as error:
        hint = error.hint
        found = read(path, ImportConfig(orientation="genes_in_rows"))
    assert not hint or "--genes-in" in hint
    assert found.adata.shape == (n_cells, 120)


@pytest.mark.parametrize("genome", ["fly", "arabidopsis", "plain", "barnyard", "ensembl_only"])
def test_mitochondrial_genes_are_found(made, genome):
    folder, _ = made("mt_not_found")
    adata = read(folder / genome).in_memory()
    assert qc_metrics(adata.layers["counts"], adata.var_names, adata.var)[1]["mt"].sum() == 3


def test_counts_that_nothing_proves_are_not_recovered(made):
    folder, _ = made("recovered_wrong")
    assert read(folder / "x.h5ad").units == "log"


def test_variants_of_a_sample_are_asked_about(made):
    folder, _ = made("outs_h5_only")
    with pytest.raises(DataError, match="different states"):
        read(folder / "outs")


@pytest.mark.parametrize("file", ["comment_lines.csv", "decimal_comma.csv", "dots.csv"])
def test_labels_as_people_write_them(made, file):
    folder, truth = made("labels_odd")
    found = read_labels(folder / file, read(folder / "x.csv").adata.obs_names).table
    assert found["cell_type"].tolist() == truth["l"]["cell_type"].tolist()
    np.testing.assert_allclose(found["score"], truth["l"]["score"])
