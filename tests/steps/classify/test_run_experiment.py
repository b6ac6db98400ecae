"""The experiment as a step: tables, tests, resuming."""

import json

import numpy as np
import pandas as pd
import pytest

from scapp.classify.experiment.thesis_experiment import Experiment
from scapp.core.step_context import QuietContext, StepStopped
from scapp.metrics.paired import paired_tests
from scapp.plotting.classify.experiment_figures import (
    differences,
    gains_by_type,
    plot_differences,
    plot_dropout,
    plot_gains,
)
from scapp.steps.classify.run_experiment import comparisons, tables_of
from scapp.workspace.runs.checkpoints import latest_checkpoint, write_checkpoint
from tests.conftest import run_step

TINY = {
    "label_key": "cell_type",
    "seeds": 2,
    "steps": 10,
    "batch_size": 64,
    "actinn": False,
    "mlp": False,
    "competing": False,
    "references": False,
    "simple": False,
    "unbalanced": False,
    "scarce_cells": 20,
}


def made_up(seeds=3, grid=False):
    """Rows as the experiment writes them, with known figures."""
    rng = np.random.default_rng(0)
    rows = []
    models = (("sklearn_lr", "", "", 0.0), ("lr", "lr", "none", 0.0), ("lr+mls", "lr", "mls", 0.1))
    for seed in range(seeds):
        base = rng.uniform(0.4, 0.8, 4)
        for model, name, component, gain in models:
            auprc = base + gain * np.array([2, 1, 0.5, 0.1])
            types = [
                {
                    "type": f"t{k}",
                    "n_train": 10 * (k + 1),
                    "n_test": 5,
                    "precision": 0.5,
                    "recall": 0.5,
                    "f1": auprc[k],
                    "auroc": 0.9,
                    "auprc": auprc[k],
                }
                for k in range(4)
            ]
            rows.append(
                {
                    "key": f"{model}{seed}",
                    "setting": "scarce",
                    "seed": seed,
                    "model": model,
                    "base": name,
                    "component": component,
                    "learning_rate_factor": 1.0,
                    "temperature_factor": 1.0,
                    "n_train": 100,
                    "n_valid": 12,
                    "top1": 0.5 + gain,
                    "top3": 0.9,
                    "macro_f1": float(auprc.mean()),
                    "mean_auprc": float(auprc.mean()),
                    "n_test": 20,
                    "types": types,
                    "dropout": [{"share": 0.5, "top1": 0.4, "macro_f1": 0.3, "mean_auprc": 0.2}],
                }
            )
    if grid:
        rows.append(
            {**rows[2], "key": "other", "learning_rate_factor": 3.0, "macro_f1": 0.0, "types": [], "dropout": []}
        )
    return rows


def test_tables_by_hand():
    rows = made_up()
    tables = tables_of(rows)
    summary = tables["summary"].set_index("model")
    assert summary.loc["lr+mls", "n_seeds"] == 3
    scores = [row["macro_f1"] for row in rows if row["model"] == "lr+mls"]
    assert summary.loc["lr+mls", "macro_f1"] == pytest.approx(np.mean(scores))
    assert summary.loc["lr+mls", "macro_f1_sd"] == pytest.approx(np.std(scores, ddof=1))
    tests = tables["tests"].set_index(["model", "against", "figure"])
    found = tests.loc[("lr+mls", "lr", "auprc")]
    types = tables["types"]
    first, second = (types[types["model"] == m].sort_values(["seed", "type"]) for m in ("lr+mls", "lr"))
    by_hand = paired_tests(
        pd.DataFrame(
            {
                "first": first["auprc"].to_numpy(),
                "second": second["auprc"].to_numpy(),
                "type": first["type"].to_numpy(),
                "seed": first["seed"].to_numpy(),
            }
        )
    )
    assert found["difference"] == pytest.approx(0.09)
    assert found["p_wilcoxon_types"] == pytest.approx(by_hand["p_wilcoxon_types"]) == pytest.approx(2 / 16)
    assert np.isnan(tests.loc[("lr", "sklearn_lr", "auprc"), "p_t"])
    dropout = tables["dropout"]
    assert dropout[dropout["model"] == "lr"]["share"].tolist() == [0.0, 0.5]
    assert tables["numbers"].iloc[0].to_dict() == {
        "setting": "scarce",
        "n_types": 4,
        "n_train": 100,
        "least_of_a_type": 10,
        "most_of_a_type": 40,
        "n_test": 20,
    }
    assert not len(tables["grid"])


def test_the_grid_stands_apart():
    tables = tables_of(made_up(grid=True))
    assert tables["summary"].set_index("model").loc["lr+mls", "n_seeds"] == 3
    grid = tables["grid"].set_index("learning_rate_factor")["macro_f1"]
    assert grid[3.0] == 0
    assert grid[1.0] == pytest.approx(made_up()[2]["macro_f1"])
    assert set(tables["grid"]["model"]) == {"lr+mls"}


def test_comparisons():
    assert comparisons(["lr", "lr+mls", "actinn+mls", "sklearn_lr"]) == [
        ("lr+mls", "lr"),
        ("lr", "sklearn_lr"),
        ("lr+mls", "sklearn_lr"),
    ]
    assert comparisons(["sklearn_lr"]) == []


def test_figures_five_and_six():
    tables = tables_of(made_up())
    found = differences(tables["results"])
    assert found["top1"].tolist() == [pytest.approx(0.1)]
    assert found["top1_sd"].tolist() == [pytest.approx(0)]
    assert found["mean_auprc"].tolist() == [pytest.approx(0.09)]
    gains = gains_by_type(tables["types"], "lr", "mls")
    assert gains.groupby("type")["gain"].mean().round(6).tolist() == [0.2, 0.1, 0.05, 0.01]
    # a bar for each component that was trained, and no other in the legend
    assert [bar.name for bar in plot_differences(found, "top1", {}).data] == ["MLS-CC"]
    assert len(plot_gains(gains, {"scarce": "Data Scarce"}).data[0].x) == 12
    assert len(plot_dropout(tables["dropout"], "scarce", "top1").data) == 3
    for figure in (
        plot_differences(found[:0], "top1", {}),
        plot_gains(gains[:0], {}),
        plot_dropout(tables["dropout"], "no", "top1"),
    ):
        assert figure.layout.annotations


def test_an_experiment_goes_on_where_it_was_stopped(workspace, imported, tmp_path, monkeypatch):
    trained = []
    real = Experiment.run
    monkeypatch.setattr(
        Experiment, "run", lambda self, job, context: (trained.append(job.key), real(self, job, context))[1]
    )

    class Stopping(QuietContext):
        limit = 10**9

        def checkpoint(self, write):
            (tmp_path / "kept").mkdir(exist_ok=True)
            write_checkpoint(tmp_path / "kept", write)

        def latest_checkpoint(self):
            return latest_checkpoint(tmp_path / "kept") if (tmp_path / "kept").exists() else None

        def stop_requested(self):
            return len(trained) > self.limit

    first = Stopping()
    first.limit = 2
    with pytest.raises(StepStopped):
        run_step(workspace, "experiment", TINY, imported.id, tmp_path / "run", first)
    summary = run_step(workspace, "experiment", TINY, imported.id, tmp_path / "run", Stopping())
    assert len(trained) == 5  # four trainings, of which the third was begun twice
    assert sorted(set(trained)) == sorted(f"scarce/{s}/{m}/1/1" for s in (0, 1) for m in ("lr", "lr+mls"))
    assert [row["model"] for row in summary["rows"]] == ["lr", "lr+mls"]
    assert summary["left_out"]
    kept = [json.loads(line) for line in (tmp_path / "run" / "rows.jsonl").read_text().splitlines()]
    table = pd.read_csv(tmp_path / "run" / "summary.csv")
    assert table["macro_f1"].iloc[0] == pytest.approx(
        np.mean([row["macro_f1"] for row in kept if row["model"] == "lr"])
    )
