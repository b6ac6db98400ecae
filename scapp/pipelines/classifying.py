"""Train a cell-type classifier on a dataset, and annotate one with it."""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from sklearn.metrics import average_precision_score

from scapp.classify.classifier import MODEL, RECORD, CellTypeClassifier
from scapp.classify.config import ClassifierConfig
from scapp.classify.genes import Genes, genes_of
from scapp.core import keys
from scapp.core.errors import ConfigError, DataError
from scapp.core.steps import StepContext
from scapp.metrics.classification import headline, per_type
from scapp.pipelines.config import TEST_FILE, TYPES_FILE, PredictConfig
from scapp.pipelines.step import Inputs, Outcome, Reading


def fit(inputs: Inputs, config: ClassifierConfig, context: StepContext) -> Outcome:
    """Train, and keep the model, its figures per type and, of MLS-CC, every cell on every circle."""
    data = inputs.data
    labels = pd.Categorical(data.column(config.label_key))
    groups = data.column(config.hold_out_key)
    counts, genes = counts_of(data), _genes(data)
    context.report(0, 1, "preparing the data")
    classifier = CellTypeClassifier(config)
    held = None if groups is None else groups.astype(str).to_numpy()
    classifier.fit_counts(counts, labels, genes, held, context, inputs.device)
    classifier.provenance = {"dataset": data.dataset.name, "label_key": config.label_key}
    classifier.save(inputs.folder)
    circles = classifier.circles(counts, genes) if config.component == "mls" else None
    _write_tables(classifier, labels, data.names(keys.OBS_NAMES), circles, inputs.folder)
    summary = {
        **classifier.metrics,
        "n_types": len(classifier.types),
        "n_train": int(sum(classifier.n_train)),
        "base": config.base,
        "component": config.component,
        "temperature": classifier.temperature,
    }
    values: dict[str, Any] = {}
    if circles is not None:
        values[keys.MLS] = circles.reshape(len(circles), -1)
        values[keys.MLS_TYPES] = pd.DataFrame({"type": classifier.types, "dims": circles.shape[2]})
    return Outcome(values, summary=summary, files=[MODEL, RECORD, TYPES_FILE, TEST_FILE])


def _write_tables(
    classifier: CellTypeClassifier,
    labels: pd.Categorical,
    names: pd.Index,
    circles: np.ndarray | None,
    folder: Path,
) -> None:
    """Figures of each type on the test cells with its number of training cells, and what was said of each test cell."""
    assert classifier.split is not None
    assert classifier.test_probabilities is not None
    test, probabilities = classifier.split.test, classifier.test_probabilities
    codes = np.asarray(labels.remove_unused_categories().codes, dtype=np.int64)[test]
    table = per_type(codes, probabilities)
    table.insert(0, "type", classifier.types)
    table.insert(1, "n_train", classifier.n_train)
    if circles is not None:
        table["circle_auprc"] = _separation(circles, labels, test)
    table.to_csv(folder / TYPES_FILE, index=False)
    said = {
        "cell": names[test],
        "type": np.asarray(classifier.types)[codes],
        "predicted": classifier.named(probabilities),
        "probability": probabilities.max(axis=1),
    }
    pd.DataFrame(said).to_csv(folder / TEST_FILE, index=False)


def _separation(circles: np.ndarray, labels: pd.Categorical, test: np.ndarray) -> list[float]:
    """AUPRC, on test cells, of the cosine with the mean direction of the type's other cells on its circle; NaN without test cells."""
    codes = np.asarray(labels.remove_unused_categories().codes)
    learnt = np.setdiff1d(np.flatnonzero(codes >= 0), test)
    found = []
    for code in range(circles.shape[1]):
        direction = circles[learnt[codes[learnt] == code], code].mean(axis=0)
        truth = codes[test] == code
        known = truth.any() and not truth.all()
        found.append(float(average_precision_score(truth, circles[test, code] @ direction)) if known else np.nan)
    return found


def predict(inputs: Inputs, config: PredictConfig, context: StepContext) -> Outcome:
    """Write the most probable type of every cell, and its probability."""
    if not config.model:
        raise ConfigError("No model was named.", hint="Choose a trained classifier.")
    classifier = CellTypeClassifier.load(Path(config.model))
    data = inputs.data
    context.report(0, 1, "matching genes")
    probabilities, aligned = classifier.predict_counts(counts_of(data), _genes(data))
    names = classifier.named(probabilities, threshold=config.threshold)
    values = {
        keys.PREDICTED: pd.Categorical(names),
        keys.PREDICTED_PROBABILITY: probabilities.max(axis=1).astype(np.float32),
    }
    summary: dict[str, Any] = {
        "n_cells": len(names),
        "n_types": len(classifier.types),
        "genes_matched_by": aligned.by,
        "n_genes_missing": int((~aligned.there).sum()),
        "covered": round(classifier.covered(aligned), 4),
        "n_genes": len(classifier.genes.names) if classifier.genes else 0,
        "n_unassigned": int((probabilities.max(axis=1) < config.threshold).sum()),
    }
    if config.label_key:
        labels = pd.Series(data.column(config.label_key)).astype(object)
        summary |= _compared(labels, probabilities, classifier.types)
    return Outcome(values, summary=summary)


def _compared(labels: pd.Series, probabilities: np.ndarray, types: list[str]) -> dict[str, Any]:
    """Scores over the cells whose type the model knows."""
    place = {name: code for code, name in enumerate(types)}
    codes = labels.map(lambda name: place.get(str(name), -1) if pd.notna(name) else -1).to_numpy(dtype=np.int64)
    known = codes >= 0
    if not known.any():
        raise DataError(
            f"No cell has a type that the model knows ({', '.join(types[:4])}, ...).",
            hint="Choose another label column, or leave it out.",
        )
    unknown = sorted({str(name) for name in labels[~known].dropna()})
    return {**headline(codes[known], probabilities[known]), "types_not_in_model": unknown}


def counts_of(data: Reading) -> Any:
    """Raw counts, without which no classifier is trained."""
    if keys.COUNTS not in data:
        raise DataError(
            f"'{data.dataset.name}' has no raw counts; a classifier reads counts.",
            hint="Import a file with counts; see the Upload & QC page.",
        )
    return data.read(keys.COUNTS)


def _genes(data: Reading) -> Genes:
    return genes_of(data.names(keys.VAR_NAMES), data.frame("var"))
