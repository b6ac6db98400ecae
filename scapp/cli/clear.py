"""``clear`` and ``apply``: train CLEAR, and place other cells by what was trained."""

import argparse
import shutil
import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from scapp.analysis.de.design import batch_notes
from scapp.clear.against_pca import in_words
from scapp.clear.config import PRESETS, ClearConfig, clear_config
from scapp.cli.console import ConsoleContext, checked_output, checkpoints_of, load, run, say_how_much_is_missing
from scapp.cli.options import add_input, add_settings, command, count, given
from scapp.cli.qc import prepared
from scapp.core import files, keys
from scapp.core.errors import ConfigError, DataError, listed
from scapp.jobs.devices import choose_device, peak_memory_mb
from scapp.jobs.session import Session
from scapp.metrics.mixing import VISIBLE, own_group_share
from scapp.steps.catalogue import step
from scapp.steps.config import ApplyConfig, ImportRequest
from scapp.workspace.datasets.dataset import Dataset


def add_commands(commands: Any) -> None:
    """Declare the commands."""
    clear = command(commands, "clear", _clear, "train CLEAR; writes X_clear, X_umap_clear and leiden_clear")
    add_input(clear)
    clear.add_argument(
        "--preset",
        choices=list(PRESETS),
        help="what settings that are not given start from; the defaults below are those of recommended",
    )
    clear.add_argument("--config", type=Path, help="JSON file with settings of ClearConfig")
    clear.add_argument("--device", default="auto", help="auto, cpu, cuda or mps")
    clear.add_argument(
        "--processes",
        type=count,
        default=0,
        help=(
            "processes that train together (each with a GPU of its own where there are any); default: one, or several"
            " where GPUs are worth it"
        ),
    )
    clear.add_argument("--resume", action="store_true", help="go on from the checkpoint of an interrupted command")
    clear.add_argument(
        "--model", type=Path, metavar="MODEL_DIR", help="folder to keep the trained encoder in, for apply"
    )
    add_settings(clear, ClearConfig)
    apply = command(commands, "apply", _apply, "place cells by a trained CLEAR; writes X_clear_applied")
    add_input(apply)
    apply.add_argument("--model", type=Path, required=True, metavar="MODEL_DIR", help="of 'scapp clear --model'")
    apply.add_argument(
        "--onto",
        type=Path,
        metavar="REF.h5ad",
        help="what 'scapp clear' wrote of the trained cells: cells are placed on its map X_umap_clear too",
    )
    apply.add_argument("--device", default="auto", help="auto, cpu, cuda or mps")


def _clear(arguments: argparse.Namespace) -> dict[str, Any]:
    output = checked_output(arguments.output)
    config = _clear_choices(arguments)
    device = choose_device(arguments.device)
    checkpoints = checkpoints_of(output, resume=arguments.resume)
    with tempfile.TemporaryDirectory() as folder:
        session = Session(folder, device=device, processes=arguments.processes)
        dataset = load(session, arguments)
        if config.label_key and config.label_key not in dataset.columns():
            raise DataError(
                f"The input has no annotation '{config.label_key}'; it has {', '.join(dataset.columns()) or 'none'}.",
                hint="Give one of them with --label-key, or leave it out.",
            )
        made = prepared(session, dataset, arguments.input).id
        say_of_batches(session.workspace.open(made), config.batch_key)
        model_folder = Path(folder) / "model"
        model_folder.mkdir()
        context = ConsoleContext(checkpoints, resume=arguments.resume)
        trained = run(session, "clear", config, made, context, folder=model_folder)
        run(session, "map", step("map").config.build({"representation": "clear", "seed": config.seed}), made)
        if arguments.model is not None:
            arguments.model.mkdir(parents=True, exist_ok=True)
            for name in trained["files"]:
                shutil.copy2(model_folder / name, arguments.model / name)
        session.write(session.workspace.open(made), output)
        result = {name: trained[name] for name in ("n_cells", "n_genes", "epochs", "train_seconds", "cells_per_s")}
        if "against_pca" in trained:
            expected, said = in_words(trained["against_pca"])
            result["against_pca"] = {**trained["against_pca"], "expected": expected}
            print(f"note: {said.replace('**', '')}", file=sys.stderr)
        result |= {"device": device, "peak_memory_mb": peak_memory_mb(device)}
        if config.label_key:
            result |= _scores(session.workspace.open(made), config.label_key, config.seed)
        shutil.rmtree(checkpoints, ignore_errors=True)
        return result


def say_of_batches(dataset: Dataset, batch_key: str | None) -> None:
    """On standard error: batches that are visible and not removed, or what may be removed with them."""
    columns = dataset.columns()
    if batch_key is not None and batch_key in columns:
        conditions = {name: pd.Series(dataset.read(keys.obs(name))) for name in keys.CONDITIONS if name in columns}
        for note in batch_notes(batch_key, pd.Series(dataset.read(keys.obs(batch_key))), conditions):
            print(f"note: {note}", file=sys.stderr)
        return
    column = keys.suggest(columns, keys.SUGGESTED_BATCHES)
    if column is None or keys.representation("pca") not in dataset:
        return
    groups = pd.Categorical(dataset.read(keys.obs(column))).codes.astype(int)
    share, chance = own_group_share(np.asarray(dataset.read(keys.representation("pca"))), groups)
    if share > chance + VISIBLE:
        print(
            f"note: of a cell's nearest neighbours in PCA {share:.0%} are of its own '{column}' (by chance"
            f" {chance:.0%}); --batch-key {column} removes such differences.",
            file=sys.stderr,
        )


def _apply(arguments: argparse.Namespace) -> dict[str, Any]:
    output = checked_output(arguments.output)
    with tempfile.TemporaryDirectory() as folder:
        session = Session(folder, device=choose_device(arguments.device))
        dataset = load(session, arguments)
        onto = {} if arguments.onto is None else _reference(session, arguments.onto)
        found = run(session, "apply", ApplyConfig(model=str(arguments.model.resolve()), **onto), dataset.id)
        say_how_much_is_missing(found, "encoder", "the places of its cells")
        session.write(session.workspace.open(dataset.id), output)
        return {name: value for name, value in found.items() if name not in ("files", "dataset")}


def _reference(session: Session, path: Path) -> dict[str, str]:
    """The dataset of an output of ``scapp clear``, and where its cells and its map are."""
    found = run(session, "import", ImportRequest.build({"path": str(path)}))
    reference = session.workspace.open(found["dataset"])
    places, drawn = f"obsm/{keys.from_file('X_clear')}", keys.umap("clear")
    lacking = [slot.removeprefix("obsm/") for slot in (places, drawn) if slot not in reference]
    if lacking:
        raise DataError(
            f"'{path}' has no {listed([name.replace('X_file_', 'X_') for name in lacking])}.",
            hint="Give the file that 'scapp clear --model' wrote with -o.",
        )
    return {"onto": str(reference.folder), "onto_places": places, "onto_map": drawn}


def _clear_choices(arguments: argparse.Namespace) -> ClearConfig:
    chosen = given(arguments, ClearConfig)
    from_file = _config_file(arguments.config) if arguments.config else {}
    preset = arguments.preset or from_file.pop("preset", "recommended")
    augmentation = {**from_file.pop("augmentation", {}), **chosen.pop("augmentation", {})}
    return clear_config(preset, **{**from_file, **chosen, "augmentation": augmentation})


def _config_file(path: Path) -> dict[str, Any]:
    try:
        content = files.read_json(path)
    except (OSError, ValueError) as error:
        raise ConfigError(
            f"'{path}' could not be read as JSON ({error}).", hint="Check the path and the file."
        ) from error
    if not isinstance(content, dict):
        raise ConfigError(f"'{path}' holds no JSON object.", hint='Write settings as {"epochs": 100}.')
    return content


def _scores(dataset: Dataset, label_key: str, seed: int) -> dict[str, float]:
    from scapp.analysis.map.label_agreement import label_scores

    representation = np.asarray(dataset.read(keys.representation("clear")))
    leiden = pd.Categorical(dataset.read(keys.clusters("leiden", "clear")))
    return label_scores(representation, leiden, pd.Categorical(dataset.read(keys.obs(label_key))), seed=seed)
