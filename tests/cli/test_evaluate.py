"""python -m scapp evaluate: tables, JSON, mistakes."""

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
