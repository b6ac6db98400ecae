"""The command line's contract: JSON on the last line, exit status, nothing half written."""

import json
from pathlib import Path

import anndata as ad
import numpy as np
import pandas as pd
import pytest
from scipy import sparse

from scapp.cli import main
from scapp.core import keys
from scapp.workspace.datasets.staging import new_provenance
from scapp.workspace.datasets.store import Workspace

TRAINING = ("clear", "classify", "experiment", "evaluate")
"""Commands that need torch."""
TINY = ["--hidden", "16", "--dim", "8", "--batch-size", "32", "--queue-size", "64"]


@pytest.fixture
def run(capsys):
    def call(*arguments):
        if arguments[0] in TRAINING:
            pytest.importorskip("torch")
        status = main([str(argument) for argument in arguments])
        captured = capsys.readouterr()
        lines = captured.out.strip().splitlines()
        return status, json.loads(lines[-1]) if lines else None, captured.err

    return call


def test_the_command_line_speaks_in_options(run, study_file, tmp_path):
    rng = np.random.default_rng(0)
    names = [[f"{axis}{i}" for i in range(15)] for axis in "xy"]
    table = tmp_path / "unclear.csv"
    pd.DataFrame(rng.poisson(1, (15, 15)), *names).to_csv(table)
    status, _, error = run("import", table, "-o", tmp_path / "o.h5ad")
    assert status == 2
    assert "--genes-in rows or --genes-in columns" in error
    for where, first in (("rows", "y0"), ("columns", "x0")):
        assert run("import", table, "-o", tmp_path / "o.h5ad", "--genes-in", where)[0] == 0
        assert ad.read_h5ad(tmp_path / "o.h5ad").obs_names[0] == first
    status, _, error = run("qc", tmp_path / "o.h5ad", "-o", tmp_path / "q.h5ad", "--max-pct-mt", "5")
    assert status == 2
    assert "--max-pct-mt cannot be used" in error
    _, _, error = run("qc", study_file, "-o", tmp_path / "q.h5ad", "--min-genes", "5000")
    assert "note: --min-genes 5000 removes 150 of 150 cells." in error
    assert "--min-genes alone removes" in error
    assert not [word for word in ("upload", "Upload", "click", "Minimum genes") if word in error]


def test_the_usual_least_number_of_genes_follows_the_panel(run, study_file, tmp_path):
    status, result, error = run("qc", study_file, "-o", tmp_path / "q.h5ad")
    assert status == 0
    # 200 genes were measured: the threshold is 10, and 200 would have removed every cell
    assert result["n_cells_after"] == 150
    assert "removes" not in error


def test_doctor_finds_a_flipped_bit_and_a_lost_chunk(run, tmp_path):
    workspace = Workspace(tmp_path / "w")
    values = {
        keys.OBS_NAMES: pd.Index([f"c{i}" for i in range(30)]),
        keys.VAR_NAMES: pd.Index(["a", "b"]),
        keys.COUNTS: sparse.csr_matrix(np.arange(60, dtype=np.float32).reshape(30, 2)),
        keys.obs("n"): np.zeros(30),
    }
    dataset = workspace.create("first", values, provenance=new_provenance("import"))
    assert run("doctor", workspace.root)[:2] == (0, {"workspace": str(workspace.root), "n_datasets": 1, "damaged": []})
    elements = dataset.folder / "elements"
    next((elements / dataset.slots[keys.obs("n")].element).rglob("c/0")).unlink()
    chunk = next((elements / dataset.slots[keys.COUNTS].element).rglob("data/c/0"))
    content = bytearray(chunk.read_bytes())
    content[-1] ^= 1
    chunk.write_bytes(content)
    status, result, error = run("doctor", workspace.root)
    assert status == 1
    assert {damage["slot"] for damage in result["damaged"]} == {keys.COUNTS, keys.obs("n")}
    assert "import the file again that it came from" in error
    assert run("doctor", tmp_path)[0] == 2


def test_clear_writes_the_slots_and_the_figures(run, study_file, tmp_path):
    output = tmp_path / "out.h5ad"
    status, result, said = run(
        "clear", study_file, "-o", output, "--epochs", 2, "--label-key", "cell_type", "--device", "cpu", *TINY
    )
    assert status == 0
    expected = {"n_cells", "n_genes", "epochs", "device", "train_seconds", "cells_per_s", "peak_memory_mb"}
    expected |= {"kmeans_ari", "kmeans_nmi", "leiden_ari", "leiden_nmi", "silhouette", "against_pca"}
    assert set(result) == expected
    assert f"{result['against_pca']['shared']:.0%} are the same as in PCA" in said
    assert (result["n_cells"], result["epochs"], result["device"]) == (150, 2, "cpu")
    adata = ad.read_h5ad(output)
    assert adata.n_obs == 150
    assert {"X_clear", "X_umap_clear"} <= set(adata.obsm)
    assert "leiden_clear" in adata.obs
    assert [path.name for path in tmp_path.iterdir()] == ["out.h5ad"]


def test_cells_are_placed_on_the_map_of_the_file_that_clear_wrote(run, study_file, tmp_path):
    reference, placed = tmp_path / "reference.h5ad", tmp_path / "placed.h5ad"
    run("clear", study_file, "-o", reference, "--model", tmp_path / "model", "--epochs", 1, "--device", "cpu", *TINY)
    onto = ["--model", tmp_path / "model", "--onto", reference]
    status, result, _ = run("apply", study_file, *onto, "-o", placed, "--device", "cpu")
    assert status == 0
    assert (result["map"], result["share_far"]) == ("umap_reference", 0)
    before, after = ad.read_h5ad(reference), ad.read_h5ad(placed)
    there = after[before.obs_names]
    np.testing.assert_allclose(there.obsm["X_umap_reference"], before.obsm["X_umap_clear"], atol=0.2)
    status, _, said = run("apply", study_file, *onto[:2], "--onto", study_file, "-o", tmp_path / "no.h5ad")
    assert status == 2
    assert "has no X_clear" in said


def test_settings_come_from_preset_file_and_options_in_that_order(run, study_file, tmp_path):
    config = tmp_path / "config.json"
    config.write_text(json.dumps({"epochs": 3, "augmentation": {"mask_share": 0.4}}))
    output = tmp_path / "out.h5ad"
    options = ["--preset", "authors_code", "--config", config, "--epochs", 1, *TINY]
    assert run("clear", study_file, "-o", output, *options)[0] == 0
    records = json.loads(ad.read_h5ad(output).uns["scapp"]["provenance"]).values()
    used = next(record["config"] for record in records if record["step"] == "clear")
    assert (used["optimizer"], used["epochs"]) == ("sgd", 1)
    assert (used["augmentation"]["mask_share"], used["augmentation"]["noise_sd"]) == (0.4, 0.5)


def test_qc_filters_and_import_keeps_everything(run, study_file, tmp_path):
    status, result, _ = run(
        "qc", study_file, "-o", tmp_path / "qc.h5ad", "--max-pct-mt", 15, "--min-genes", 0, "--n-top-genes", 50
    )
    assert status == 0
    assert result["n_cells_after"] < result["n_cells_before"] == 150
    adata = ad.read_h5ad(tmp_path / "qc.h5ad")
    assert adata.n_obs == result["n_cells_after"]
    assert adata.var["highly_variable"].sum() == 50
    status, result, _ = run("import", study_file, "-o", tmp_path / "import.h5ad")
    assert (status, result["n_cells"], result["taken_from"]) == (0, 150, "layers['counts']")


def test_clear_goes_on_from_what_qc_chose(run, study_file, tmp_path):
    filtered, output = tmp_path / "qc.h5ad", tmp_path / "clear.h5ad"
    assert run("qc", study_file, "-o", filtered, "--min-genes", 20, "--n-top-genes", 40, "--target-sum", 5000)[0] == 0
    status, result, _ = run("clear", filtered, "-o", output, "--epochs", 1, *TINY)
    assert (status, result["n_genes"]) == (0, 40)
    first, second = ad.read_h5ad(filtered), ad.read_h5ad(output)
    assert (first.var["highly_variable"] == second.var["highly_variable"]).all()
    assert abs(first.X - second.X).max() < 1e-5


def test_labels_and_transposed_tables(run, study, tmp_path):
    table = study.to_df(layer="counts").iloc[:20]
    table.T.to_csv(tmp_path / "t.csv")
    study.obs["cell_type"].iloc[:20].to_csv(tmp_path / "labels.csv")
    options = ["--transpose", "--labels", tmp_path / "labels.csv"]
    status, result, _ = run("import", tmp_path / "t.csv", "-o", tmp_path / "o.h5ad", *options)
    assert (status, result["n_cells"], result["n_genes"]) == (0, 20, 200)
    assert ad.read_h5ad(tmp_path / "o.h5ad").obs["cell_type"].tolist() == study.obs["cell_type"].iloc[:20].tolist()


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["clear", "nothing.h5ad", "-o", "{tmp}/o.h5ad"], "no file 'nothing.h5ad'"),
        (["clear", "{study}", "-o", "{tmp}/o.csv"], "does not end in .h5ad"),
        (["clear", "{study}", "-o", "{tmp}/none/o.h5ad"], "no folder"),
        (["clear", "{study}", "-o", "{tmp}/o.h5ad", "--label-key", "kind"], "no annotation 'kind'; it has cell_type"),
        (["clear", "{study}", "-o", "{tmp}/o.h5ad", "--temperature", "-1"], "temperature"),
        (["clear", "{study}", "-o", "{tmp}/o.h5ad", "--resume"], "no checkpoint"),
        (["clear", "{study}", "-o", "{tmp}/o.h5ad", "--config", "nothing.json"], "could not be read as JSON"),
        (["import", "{study}", "-o", "{tmp}/o.h5ad", "--labels", "nothing.csv"], "no file 'nothing.csv' with labels"),
        (["clear", "{study}", "-o", "{tmp}/o.h5ad", "--device", "cuda"], "not available"),
        (["qc", "{study}", "-o", "{tmp}/o.h5ad", "--min-genes", "5000"], "leave 0 of 150 cells"),
    ],
)
def test_mistakes_exit_with_2_and_leave_nothing(run, study_file, tmp_path, arguments, said):
    if "cuda" in arguments and pytest.importorskip("torch").cuda.is_available():
        pytest.skip("there is a GPU here")
    filled = [argument.format(study=study_file, tmp=tmp_path) for argument in arguments]
    status, result, error = run(*filled)
    assert status == 2
    assert result is None
    assert said in error
    assert "Traceback" not in error
    assert list(tmp_path.iterdir()) == []


def test_an_interrupted_command_resumes_to_the_same_result(run, study_file, tmp_path, monkeypatch):
    pytest.importorskip("torch")
    whole, resumed = tmp_path / "whole.h5ad", tmp_path / "resumed.h5ad"
    options = ["--epochs", 6, *TINY]
    assert run("clear", study_file, "-o", whole, *options)[0] == 0

    from scapp.cli import clear

    class Dying(clear.ConsoleContext):
        looks = 0

        def stop_requested(self):
            self.looks += 1
            return self.looks > 9

    monkeypatch.setattr(clear, "ConsoleContext", Dying)
    from scapp.core.step_context import StepStopped

    with pytest.raises(StepStopped):
        main(["clear", str(study_file), "-o", str(resumed), "--epochs", "6", *TINY])
    assert not resumed.exists()
    monkeypatch.undo()
    assert run("clear", study_file, "-o", resumed, "--resume", *options)[0] == 0
    first, second = ad.read_h5ad(whole).obsm["X_clear"], ad.read_h5ad(resumed).obsm["X_clear"]
    assert (first == second).all()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["resumed.h5ad", "whole.h5ad"]


def test_classify_fit_and_predict(study_file, tmp_path, capsys):
    pytest.importorskip("torch")
    quick = ["--steps", "30", "--batch-size", "64", "--device", "cpu"]
    model, output = tmp_path / "model", tmp_path / "out.h5ad"
    assert main(["classify", "fit", str(study_file), "-o", str(model), "--label-key", "cell_type", *quick]) == 0
    fitted = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert {"top1", "top3", "macro_f1", "mean_auprc", "n_test"} <= fitted.keys()
    given = [
        "classify",
        "predict",
        str(study_file),
        "--model",
        str(model),
        "-o",
        str(output),
        "--label-key",
        "cell_type",
    ]
    assert main(given) == 0
    predicted = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert predicted["top1"] > 0.8
    assert {"predicted_cell_type", "predicted_probability"} <= set(ad.read_h5ad(output).obs)
    # the model is never overwritten
    assert main(["classify", "fit", str(study_file), "-o", str(model), "--label-key", "cell_type", *quick]) == 2
    assert "already" in capsys.readouterr().err
    assert main(["classify", "predict", str(study_file), "--model", str(tmp_path), "-o", str(output)]) == 2


def test_an_experiment_writes_its_tables(run, study_file, tmp_path):
    out = tmp_path / "experiment"
    options = ["--label-key", "cell_type", "--quick", "--seeds", 1, "--steps", 10, "--references", "no"]
    status, found, _ = run("experiment", "classification", study_file, "-o", out, *options)
    assert status == 0
    assert [row["model"] for row in found["rows"]] == ["lr", "lr+mlp", "lr+mls", "lr+competing"]
    assert sorted(Path(name).name for name in found["files"]) == sorted(path.name for path in out.iterdir())
    assert not list(tmp_path.glob("*.checkpoints"))
    status, _, error = run("experiment", "classification", study_file, "-o", out, *options)
    assert status == 2
    assert "not empty" in error
    status, _, error = run("experiment", "classification", study_file, "-o", tmp_path / "new", "--label-key", "nothing")
    assert status == 2
    assert "There is no annotation 'nothing'" in error


def test_harmony_writes_a_representation(run, study_file, tmp_path):
    output = tmp_path / "out.h5ad"
    status, result, _ = run("harmony", study_file, "--batch-key", "batch", "--tune", "no", "-o", output)
    assert status == 0
    assert result["n_batches"] == 2
    adata = ad.read_h5ad(output)
    assert adata.obsm["X_harmony"].shape == adata.obsm["X_pca"].shape
    status, _, said = run("harmony", study_file, "-o", tmp_path / "no.h5ad")
    assert status
    assert "No batch column was chosen" in said
