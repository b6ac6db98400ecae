"""python -m scapp evaluate: tables, JSON, mistakes."""

import pandas as pd
import pytest

from tests.cli.test_commands import run

__all__ = ["run"]


def test_every_task_writes_its_tables(run, study_file, tmp_path):
    labels = ["--label-key", "cell_type", "--n-seeds", 1, "--device", "cpu"]
    for task, options, expected in (
        ("clustering", ["--methods", "pca", "--highest", 0.2], {"summary.csv", "results.csv", "sweep.csv"}),
        ("dropout", ["--methods", "pca"], {"summary.csv", "results.csv"}),
        ("batch", ["--methods", "pca", "harmony", "--batch-key", "batch"], {"summary.csv", "results.csv"}),
        ("pseudotime", ["--methods", "pca"], {"summary.csv", "results.csv", "cells.csv", "paga.csv", "genes.csv"}),
    ):
        output = tmp_path / task
        status, result, _ = run("evaluate", task, study_file, *labels, *options, "-o", output)
        assert status == 0
        assert result["rows"]
        assert expected <= {path.name for path in output.iterdir()}
        assert sorted(result["files"]) == sorted(str(path) for path in output.iterdir())


def test_mistakes_are_said(run, study_file, tmp_path):
    for arguments, words in (
        (["clustering", "--label-key", "nonsense"], "no annotation 'nonsense'"),
        (["batch", "--label-key", "cell_type", "--methods", "pca"], "fewer than two batches"),
        (["clustering", "--methods", "nonsense"], "no method nonsense"),
    ):
        status, result, said = run("evaluate", arguments[0], study_file, *arguments[1:], "-o", tmp_path / "out")
        assert (status, result) == (2, None)
        assert words in said
        assert not (tmp_path / "out").exists()


@pytest.fixture
def compared(run, study_file, tmp_path):
    """Makes comparisons of two methods, each of another seed."""

    def compare(name, *options, task="clustering"):
        labels = ["--label-key", "cell_type", "--n-seeds", 1, "--device", "cpu", "--highest", 0.2]
        labels = labels if task == "clustering" else labels[:-2]
        output = tmp_path / name
        status, _, said = run("evaluate", task, study_file, *labels, "--methods", "pca", "hvg", *options, "-o", output)
        assert status == 0, said
        return output

    return compare


def test_methods_over_datasets(run, compared, tmp_path):
    folders = [compared("first"), compared("second", "--seed", 5)]
    options = ["--clusterer", "leiden", "--reference", "PCA"]
    status, result, _ = run("evaluate", "across", *folders, *options, "-o", tmp_path / "over")
    assert status == 0
    by_dataset = pd.read_csv(tmp_path / "over" / "by_dataset.csv", index_col="dataset")
    for folder in folders:
        of_one = pd.read_csv(folder / "results.csv").query("clusterer == 'leiden'").set_index("title")["ari"]
        assert by_dataset.loc[folder.name].to_dict() == pytest.approx(of_one.to_dict())
    assert {row["title"]: row["mean"] for row in result["summary"]} == pytest.approx(by_dataset.mean().to_dict())
    assert [row["title"] for row in result["tests"]] == ["variable genes, no reduction"]
    assert result["least_p"] == 0.5


def test_comparisons_that_do_not_belong_together_are_refused(run, compared, tmp_path):
    first = compared("first")
    other = compared("other", "--n-neighbors", 7)
    dropout = compared("dropout", task="dropout")
    empty = tmp_path / "empty"
    empty.mkdir()
    for arguments, words in (
        ([first, other], "n_neighbors 7, not 15"),
        ([first, dropout], "dropout, not clustering"),
        ([first, empty], "holds no comparison"),
        ([first, first], "Two folders are called 'first'"),
        ([first, "--score", "nonsense"], "no score 'nonsense' in first"),
        ([first, "--score", "title"], "--score is one of ari"),
        ([first, "--score", "seconds"], "no score 'seconds'"),
        ([first, "--methods", "PCA"], "Two methods or more"),
        ([first, "--reference", "CLEAR"], "'CLEAR' among them"),
    ):
        status, result, said = run("evaluate", "across", *arguments, "-o", tmp_path / "over")
        assert (status, result) == (2, None)
        assert words in said
        assert not (tmp_path / "over").exists()
    (first / "comparison.json").write_text("{}")
    status, _, said = run("evaluate", "across", first, "-o", tmp_path / "over")
    assert status == 2
    assert "is damaged" in said
