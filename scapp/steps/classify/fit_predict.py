"""Train a cell-type classifier on a dataset, and annotate one with it."""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from sklearn.metrics import average_precision_score

from scapp.classify.classifier import MODEL, RECORD, UNASSIGNED, CellTypeClassifier
from scapp.classify.clear_head import FILES as CLEAR_FILES
from scapp.classify.config import WITH_CIRCLES, ClassifierConfig
from scapp.classify.ontology.cell_ontology import broader_type, graph_of, load_ontology
from scapp.core import keys
from scapp.core.csv_text import write_csv
from scapp.core.errors import ConfigError, DataError
from scapp.core.provenance import fingerprint
from scapp.core.step_context import StepContext
from scapp.data.blocks.blocked_matrix import BlockedMatrix
from scapp.metrics.by_type import headline, per_type
from scapp.metrics.intervals import auprc_intervals
from scapp.steps.config import (
    CIRCLE_PROBABILITIES_FILE,
    PROBABILITIES_FILE,
    TEST_FILE,
    TYPES_FILE,
    VALIDATION_FILE,
    PredictConfig,
)
from scapp.steps.step import Inputs, Outcome, Reading

DEFAULT_LEAST = 0.5
"""Probability that a type needs where no other was set and broader ones are asked for."""


def fit(inputs: Inputs, config: ClassifierConfig, context: StepContext) -> Outcome:
    """Train, and keep the model, its figures per type and, where types have circles, every cell on each of them."""
    data = inputs.data
    labels = data.types(config.label_key)
    groups = data.column(config.hold_out_key)
    counts, genes = counts_of(data).to_csr(), data.gene_names()
    context.report(0, 1, "preparing the data")
    classifier = CellTypeClassifier(config)
    held = None if groups is None else groups.astype(str).to_numpy()
    classifier.fit_counts(counts, labels, genes, held, context, inputs.device)
    cells = data.names(keys.OBS_NAMES)
    classifier.provenance = {"dataset": data.name, "label_key": config.label_key, "cells": fingerprint(cells)}
    classifier.save(inputs.folder)
    circles = classifier.circles(counts, genes) if config.component in WITH_CIRCLES else None
    files = [MODEL, RECORD, TYPES_FILE, TEST_FILE, VALIDATION_FILE, PROBABILITIES_FILE]
    files += CLEAR_FILES if classifier.beside is not None else []
    if circles is not None:
        assert classifier.split is not None
        alone = classifier.circle_probabilities(circles[classifier.split.test])
        _save_probabilities(inputs.folder / CIRCLE_PROBABILITIES_FILE, alone)
        files.append(CIRCLE_PROBABILITIES_FILE)
    _write_tables(classifier, labels, held, cells, circles, inputs.folder)
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
    return Outcome(values, summary=summary, files=files)


def _write_tables(
    classifier: CellTypeClassifier,
    labels: pd.Categorical,
    groups: np.ndarray | None,
    names: pd.Index,
    circles: np.ndarray | None,
    folder: Path,
) -> None:
    """Figures of each type on the test cells with their intervals and its number of training cells, and what was said
    of each test cell.
    """
    assert classifier.split is not None
    assert classifier.test_probabilities is not None
    test, probabilities = classifier.split.test, classifier.test_probabilities
    codes = np.asarray(labels.remove_unused_categories().codes, dtype=np.int64)[test]
    donors = None if groups is None else groups[test]
    table = pd.concat([per_type(codes, probabilities), auprc_intervals(codes, probabilities, donors)], axis=1)
    table.insert(0, "type", classifier.types)
    table.insert(1, "n_train", classifier.n_train)
    if circles is not None:
        table["circle_auprc"] = _separation(circles, labels, test)
    write_csv(table, folder / TYPES_FILE)
    said = {
        "cell": names[test],
        "type": np.asarray(classifier.types)[codes],
        "predicted": classifier.named(probabilities),
        "probability": probabilities.max(axis=1),
    }
    write_csv(pd.DataFrame(said), folder / TEST_FILE)
    confidence, right = classifier.validated
    validated = {"cell": names[classifier.split.valid], "probability": confidence, "right": right.astype(bool)}
    write_csv(pd.DataFrame(validated), folder / VALIDATION_FILE)
    _save_probabilities(folder / PROBABILITIES_FILE, probabilities)


def _save_probabilities(path: Path, probabilities: np.ndarray) -> None:
    np.save(path, probabilities.astype(np.float32), allow_pickle=False)


def _separation(circles: np.ndarray, labels: pd.Categorical, test: np.ndarray) -> list[float]:
    """AUPRC, on test cells, of the cosine with the mean direction of the type's other cells on its circle; NaN without
    test cells.
    """
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
    probabilities, aligned = classifier.predict_counts(counts_of(data), data.gene_names())
    promised = 0.0 if config.most_wrong is None else classifier.threshold_for(config.most_wrong)
    threshold = max(config.threshold, promised)
    names = classifier.named(probabilities, threshold=threshold)
    certain = probabilities.max(axis=1)
    if config.vote_key is not None:
        names = majority(names, pd.Series(data.column(config.vote_key)))
        place = {name: number for number, name in enumerate(classifier.types)}
        numbers = np.array([place.get(name, -1) for name in names])
        of_voted = np.take_along_axis(probabilities, np.maximum(numbers, 0)[:, None], axis=1)[:, 0]
        certain = np.where(numbers < 0, certain, of_voted)
    values: dict[str, Any] = {
        keys.PREDICTED: pd.Categorical(names),
        keys.PREDICTED_PROBABILITY: certain.astype(np.float32),
    }
    summary: dict[str, Any] = {
        "n_cells": len(names),
        "n_types": len(classifier.types),
        "trained_on": str(classifier.provenance.get("dataset", "")),
        "trained_on_these_cells": classifier.provenance.get("cells") == fingerprint(data.names(keys.OBS_NAMES)),
        "genes_matched_by": aligned.by,
        "n_genes_missing": int((~aligned.there).sum()),
        "covered": round(classifier.covered(aligned), 4),
        "n_genes": len(classifier.genes.names) if classifier.genes else 0,
        "n_unassigned": int((names == UNASSIGNED).sum()),
        "threshold": threshold,
    }
    if config.broader:
        broad, n_matched = _broader(probabilities, names, classifier.types, threshold)
        values[keys.PREDICTED_BROAD] = pd.Categorical(broad)
        summary |= {"n_types_in_ontology": n_matched, "n_broader": int((broad != names).sum())}
    if config.label_key:
        labels = pd.Series(data.column(config.label_key)).astype(object)
        summary |= _compared(labels, probabilities, classifier.types)
        if config.vote_key is not None:
            known = labels.isin(classifier.types).to_numpy()
            summary["top1_of_votes"] = float((names == labels.astype(str).to_numpy())[known].mean())
    return Outcome(values, summary=summary)


def majority(names: np.ndarray, groups: pd.Series) -> np.ndarray:
    """The most common name in each cell's group, the first by name of several; cells without a group keep their own.

    Parameters
    ----------
    names
        Shape (n_cells,). ``unassigned`` has no vote unless nothing else was said in the group.
    groups
        Group of each cell, NaN where there is none.
    """
    voted = names.copy()
    for members in groups.reset_index(drop=True).groupby(groups.to_numpy(), observed=True).groups.values():
        said = pd.Series(names[members])
        votes = said[said != UNASSIGNED].value_counts()
        if len(votes):
            voted[members] = sorted(votes.index[votes == votes.max()])[0]
    return voted


def _broader(
    probabilities: np.ndarray, names: np.ndarray, types: list[str], threshold: float
) -> tuple[np.ndarray, int]:
    """The predicted type where it is sure enough, else a broader term, else ``unassigned``; and how many types have a
    term.
    """
    least = threshold or DEFAULT_LEAST
    ontology = load_ontology()
    terms = ontology.match(types)
    if not any(terms):
        raise DataError(
            f"None of the model's types is known to the Cell Ontology ({', '.join(types[:4])}, ...).",
            hint="Turn 'Offer broader types' off, or train on labels with the ontology's names or ids (CL:0000084).",
        )
    broad = broader_type(probabilities, graph_of(ontology, terms), ontology, threshold=least)
    sure = probabilities.max(axis=1) >= least
    # a vote is not undone
    sure |= names != np.asarray(types, dtype=object)[probabilities.argmax(axis=1)]
    sure &= names != UNASSIGNED
    return np.where(sure, names, np.where(broad == "", UNASSIGNED, broad)), sum(term is not None for term in terms)


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


def counts_of(data: Reading) -> BlockedMatrix:
    """Raw counts, without which no classifier is trained."""
    data.require(keys.COUNTS, f"'{data.name}' has no raw counts; a classifier reads counts.")
    return data.matrix(keys.COUNTS)
