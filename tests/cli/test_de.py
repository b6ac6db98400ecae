"""python -m scapp de: tables, report, JSON, and mistakes."""

import anndata as ad
import pandas as pd

from tests.cli.test_commands import run

__all__ = ["run"]
TYPE = "CD14 monocyte"
DESIGN = ["--condition", "condition", "--reference", "healthy"]
COLUMNS = ["--donor-key", "donor_id", "--cell-type-key", "cell_type"]


def test_a_type_and_a_condition(run, blood_file, tmp_path):
    output = tmp_path / "out"
    status, result, _ = run(
        "de", blood_file, *DESIGN, *COLUMNS, "--cell-type", TYPE, "--compare", "severe", "-o", output
    )
    assert status == 0
    (row,) = result["rows"]
    assert row["method"] == "pseudobulk"
    assert {"ISG15", "MX1"} & set(row["top_up"])
    assert "Interferon-stimulated genes (ISG)" in row["top_sets_up"]
    assert "MHC class II" in row["top_sets_down"]
    names = {path.rsplit("/", 1)[1] for path in result["files"]}
    assert names == {path.name for path in output.iterdir()}
    assert {"summary.csv", "composition.csv", "composition_tests.csv", "report.html"} <= names
    genes = pd.read_csv(next(output.glob("genes_*.csv")))
    assert len(genes) == row["n_genes"]


def test_every_type_by_itself_or_all_cells_and_own_sets(run, blood_file, tmp_path):
    gmt = tmp_path / "mine.gmt"
    gmt.write_text("mine\tx\tISG15\tIFI6\tMX1\tOAS1\tOAS2\tIFIT1\n")
    _, result, said = run(
        "de", blood_file, *DESIGN, *COLUMNS, "--compare", "severe", "--gene-sets", gmt, "-o", tmp_path / "types"
    )
    types = {row["cell_type"] for row in result["rows"]}
    assert {TYPE, "B cell/naive <b>", "NK cell"} <= types
    assert "Platelet" not in types
    assert "left out: Platelet" in said
    _, result, _ = run("de", blood_file, *DESIGN, "--compare", "severe", "-o", tmp_path / "cells")
    assert [(row["cell_type"], row["method"], row["exploratory"]) for row in result["rows"]] == [
        ("all cells", "wilcoxon", True)
    ]


def test_types_that_differ_by_signs_alone_have_files_of_their_own(run, blood_file, tmp_path):
    adata = ad.read_h5ad(blood_file)
    names = {"CD14 monocyte": "T+", "CD4 T cell": "T/", "CD8 T cell": "T|"}
    adata.obs["cell_type"] = adata.obs["cell_type"].astype(str).replace(names)
    adata[adata.obs["cell_type"].isin(names.values())].copy().write_h5ad(tmp_path / "signs.h5ad")
    output = tmp_path / "out"
    _, result, _ = run("de", tmp_path / "signs.h5ad", *DESIGN, *COLUMNS, "--compare", "severe", "-o", output)
    assert len({row["name"] for row in result["rows"]}) == 3
    assert len(list(output.glob("genes_*.csv"))) == 3
    assert len(set(result["files"])) == len(result["files"])


def test_mistakes_are_said_and_leave_nothing(run, blood_file, tmp_path):
    output = tmp_path / "out"
    for arguments, words in (
        (["--condition", "nonsense", "--reference", "healthy"], "no annotation 'nonsense'"),
        (["--condition", "condition", "--reference", "dead"], "has no 'dead'"),
        ([*DESIGN, "--cell-type", TYPE], "without --cell-type-key"),
        ([*DESIGN, *COLUMNS, "--cell-type", "Nonsense"], "has no Nonsense"),
        ([*DESIGN, "--method", "pseudobulk"], "no donor column"),
        ([*DESIGN, "--gene-sets", tmp_path / "none.gmt"], "no file 'none.gmt'"),
    ):
        status, result, said = run("de", blood_file, *arguments, "-o", output)
        assert (status, result) == (2, None)
        assert words in said
        assert "Traceback" not in said
        assert not output.exists()


def test_the_guided_study_writes_its_panels(run, blood_file, tmp_path):
    output = tmp_path / "out"
    status, result, said = run(
        "de", blood_file, *DESIGN, *COLUMNS, "--compare", "severe", "--guided", "--min-cells", "5", "-o", output
    )
    assert status == 0
    assert [step["step"] for step in result["steps"]][-2:] == ["Differential genes", "Pathways, severe against healthy"]
    assert [panel["panel"] for panel in result["panels"]] == list("ABCDEFGHI")
    assert "Clearest up: Interferon-stimulated genes (ISG)" in result["panels"][-1]["said"][0]
    assert "Differential genes: CD14 monocyte, severe against healthy" in said
    assert {path.name for path in output.iterdir()} == {path.rsplit("/", 1)[1] for path in result["files"]}
    shares = pd.read_csv(output / "panel_C.csv")
    assert shares.groupby("sample")["share"].sum().round(6).eq(1).all()
    assert "Findings" in (output / "report.html").read_text()
    status, _, said = run("de", blood_file, *DESIGN, *COLUMNS, "--guided", "--cell-type", "x", "-o", tmp_path / "no")
    assert status
    assert "no 'x'" in said
    assert not (tmp_path / "no").exists()
    gmt = tmp_path / "mine.gmt"
    gmt.write_text("mine\tx\tISG15\tIFI6\n")
    status, _, said = run("de", blood_file, *DESIGN, *COLUMNS, "--guided", "--gene-sets", gmt, "-o", tmp_path / "no")
    assert status
    assert "takes scapp's own gene sets" in said
