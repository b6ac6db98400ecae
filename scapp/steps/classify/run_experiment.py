"""Run the thesis's experiment on a dataset: tables that the page, the command line and benchmarks/ read."""

import json
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from scapp.classify.experiment.config import ExperimentConfig
from scapp.classify.experiment.thesis_experiment import Experiment, Material, run_all
from scapp.core import keys
from scapp.core.csv_text import write_csv
from scapp.core.step_context import StepContext
from scapp.metrics.paired import paired_tests
from scapp.steps.classify.fit_predict import counts_of
from scapp.steps.config import ROWS_FILE
from scapp.steps.step import Inputs, Outcome, Reading

HEADLINES = ("top1", "top3", "macro_f1", "mean_auprc")
TESTED = ("auprc", "auroc", "f1")
MODEL = ("setting", "model")


def run(inputs: Inputs, config: ExperimentConfig, context: StepContext) -> Outcome:
    """Train and test every model; what is done already is read from the checkpoint."""
    context.report(0, 1, "loading the data")
    material = _material(inputs.data, config)
    known = _known(context.latest_checkpoint())
    rows: list[dict[str, Any]] = []
    for row in known:
        context.log_metrics(_of_metrics(row))
    n_known = len(known)
    for rows in run_all(Experiment(material, config, inputs.device), context, known):
        if len(rows) > n_known:
            n_known = len(rows)
            context.log_metrics(_of_metrics(rows[-1]))
            context.checkpoint(partial(_write_rows, rows))
    tables = tables_of(rows)
    for name, table in tables.items():
        write_csv(table, inputs.folder / f"{name}.csv")
    _write_rows(rows, inputs.folder)
    summary = {
        "rows": json.loads(tables["summary"].to_json(orient="records")),
        "n_fits": len(rows),
        "left_out": [] if material.clear is not None else ["models on X_clear: the dataset has none"],
    }
    return Outcome(summary=summary, files=[*(f"{name}.csv" for name in tables), ROWS_FILE])


def _material(data: Reading, config: ExperimentConfig) -> Material:
    labels = data.types(config.label_key)
    groups = data.column(config.hold_out_key)
    clear = keys.representation("clear")
    return Material(
        counts_of(data).to_csr(),
        data.gene_names(),
        [str(name) for name in labels.categories],
        np.asarray(labels.codes, dtype=np.int64),
        None if groups is None else groups.astype(str).to_numpy(),
        np.asarray(data.read(clear), dtype=np.float32) if clear in data else None,
    )


def _known(folder: Path | None) -> list[dict[str, Any]]:
    if folder is None:
        return []
    return [json.loads(line) for line in (folder / ROWS_FILE).read_text().splitlines()]


def _write_rows(rows: list[dict[str, Any]], folder: Path) -> None:
    (folder / ROWS_FILE).write_text("".join(json.dumps(row) + "\n" for row in rows))


def _of_metrics(row: dict[str, Any]) -> dict[str, Any]:
    return {name: row[name] for name in ("setting", "seed", "model", "macro_f1", "mean_auprc")}


def tables_of(rows: list[dict[str, Any]]) -> dict[str, pd.DataFrame]:
    """What an experiment found.

    Parameters
    ----------
    rows
        Of ``classify.experiment.Experiment.run``.

    Returns
    -------
    ``results`` (a row per training), ``types`` (a row per training and type), ``numbers`` (what each setting became on
    this data), ``summary`` (mean and standard deviation over seeds: the thesis's Table 1), ``tests`` (paired, each
    model against the same base without a component, and ours against scikit-learn's logistic regression), ``dropout``
    and ``grid`` (means over seeds), each without rows where nothing was run.
    """
    flat = [{k: v for k, v in row.items() if not isinstance(v, list)} for row in rows]
    everything = pd.DataFrame(flat)
    usual = everything["learning_rate_factor"].eq(1) & everything["temperature_factor"].eq(1)
    chosen = everything[usual]
    main_rows = [row for row, is_usual in zip(rows, usual, strict=True) if is_usual]
    grouped = chosen.groupby(list(MODEL), sort=False)
    summary = grouped["seed"].nunique().to_frame("n_seeds")
    for name in HEADLINES:
        summary[name] = grouped[name].mean()
        summary[f"{name}_sd"] = grouped[name].std(ddof=1)
    types = pd.DataFrame(
        [
            {**{k: row[k] for k in (*MODEL, "seed", "base", "component")}, **of_type}
            for row in main_rows
            for of_type in row["types"]
        ]
    )
    dropped = pd.DataFrame(
        [{**{k: row[k] for k in (*MODEL, "seed")}, **lost} for row in main_rows for lost in _with_nothing_lost(row)]
    )
    return {
        "summary": summary.reset_index(),
        "results": chosen.drop(columns=["learning_rate_factor", "temperature_factor"]),
        "types": types,
        "numbers": _numbers(types),
        "tests": _tests(types),
        "dropout": _means(dropped, [*MODEL, "share"]),
        "grid": _means(_grid(everything, usual), [*MODEL, "learning_rate_factor", "temperature_factor"]),
    }


def _grid(everything: pd.DataFrame, usual: pd.Series) -> pd.DataFrame:
    """Trainings of the grid, and the usual ones that stand in its middle."""
    grid = everything[~usual]
    middle = usual & everything["setting"].isin(grid["setting"]) & everything["seed"].isin(grid["seed"])
    return everything[~usual | (middle & everything["model"].isin(grid["model"]))]


def _with_nothing_lost(row: dict[str, Any]) -> list[dict[str, Any]]:
    lost: list[dict[str, Any]] = row["dropout"]
    if not lost:
        return []
    return [{"share": 0.0, **{name: row[name] for name in lost[0] if name != "share"}}, *lost]


def _means(table: pd.DataFrame, by: list[str]) -> pd.DataFrame:
    names = ["top1", "macro_f1", "mean_auprc"]
    if not len(table):
        return pd.DataFrame(columns=[*by, *names])
    return table.groupby(by, sort=False)[names].mean().reset_index()


def _numbers(types: pd.DataFrame) -> pd.DataFrame:
    """Types and cells of each setting, of its first model and seed."""
    first = types.drop_duplicates(["setting", "seed", "type"])
    first = first[first["seed"] == first["seed"].min()]
    grouped = first.groupby("setting", sort=False)
    return pd.DataFrame(
        {
            "n_types": grouped.size(),
            "n_train": grouped["n_train"].sum(),
            "least_of_a_type": grouped["n_train"].min(),
            "most_of_a_type": grouped["n_train"].max(),
            "n_test": grouped["n_test"].sum(),
        }
    ).reset_index()


def comparisons(models: list[str]) -> list[tuple[str, str]]:
    """Which model is compared with which: a component with none, and ours with scikit-learn's logistic regression."""
    pairs = [(model, base) for model in models if "+" in model and (base := model.split("+")[0]) in models]
    ours = [model for model in ("lr", "lr+mlp", "lr+mls") if model in models]
    return pairs + ([(model, "sklearn_lr") for model in ours] if "sklearn_lr" in models else [])


def _tests(types: pd.DataFrame) -> pd.DataFrame:
    found = []
    for setting, part in types.groupby("setting", sort=False):
        of_model = dict(list(part.groupby("model", sort=False)))
        for (first, second), figure in ((pair, name) for pair in comparisons(list(of_model)) for name in TESTED):
            pairs = of_model[first].merge(of_model[second], on=["seed", "type"], suffixes=("_first", "_second"))
            pairs = pairs.rename(columns={f"{figure}_first": "first", f"{figure}_second": "second"})
            found.append(
                {"setting": setting, "model": first, "against": second, "figure": figure, **paired_tests(pairs)}
            )
    columns = [
        "setting",
        "model",
        "against",
        "figure",
        "n_pairs",
        "difference",
        "t",
        "p_t",
        "p_wilcoxon",
        "n_types",
        "p_wilcoxon_types",
    ]
    return pd.DataFrame(found, columns=columns)
