"""Scores of gene sets, and libraries of sets, as steps."""

import hashlib
import re
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd

from scapp.analysis.de.config import GeneSetLibraryConfig, ScoreConfig
from scapp.analysis.de.gene_set_scores import module_scores, rank_scores
from scapp.analysis.de.gene_sets import (
    GeneMatcher,
    GeneSet,
    chosen_sets,
    curated,
    matched,
    read_gmt,
    typed_set,
    write_gmt,
)
from scapp.core import files, keys
from scapp.core.errors import ConfigError, DataError
from scapp.core.step_context import StepContext
from scapp.data.public import download
from scapp.data.symbols import gene_symbols
from scapp.steps.de.matched_sets import matcher_of
from scapp.steps.map.log_values import require_log_values
from scapp.steps.step import Inputs, Outcome

PREFIX = {"score_genes": "score", "rank": "rank_score"}
MOST_SETS = 60
LONGEST = 40
LEAST_CONTROLS = 100
ENRICHR = "https://maayanlab.cloud/Enrichr/geneSetLibrary?mode=text&libraryName="


def score(inputs: Inputs, config: ScoreConfig, context: StepContext) -> Outcome:
    """A column of scores for each set, and a table of what they stand for; see ``analysis.scores``.

    Raises
    ------
    DataError
        No set was chosen, or none has a gene in this dataset.
    """
    data = inputs.data
    require_log_values(data)
    sets = list(chosen_sets(config.library, config.sets)) if config.sets else []
    sets += [typed_set(name, text) for name, text in config.typed.items()]
    if not sets or len(sets) > MOST_SETS:
        raise DataError(f"{len(sets)} gene sets were chosen.", hint=f"Choose 1 to {MOST_SETS} sets, or type a list.")
    twice = pd.Series([column_of(s, config.method) for s in sets]).duplicated()
    if twice.any():
        raise ConfigError(
            f"Two of the sets are called '{sets[int(twice.argmax())].title}'.", hint="Give your own list another name."
        )
    context.report(0, len(sets), "loading the data")
    values, names = data.matrix(keys.X), data.names(keys.VAR_NAMES)
    symbols = gene_symbols(names, data.frame("var"))
    matcher = matcher_of(data)
    positions = matched(sets, matcher)
    pool = _controls(matcher, len(names))
    usable = [gene_set for gene_set in sets if 0 < len(positions[gene_set.id]) < len(names)]
    without = [gene_set.title for gene_set in sets if gene_set not in usable]
    of_sets = [positions[gene_set.id] for gene_set in usable]
    report = partial(_report_cells, context)
    if config.method == "rank":
        scores = rank_scores(values, of_sets, report=report)
    else:
        scores = module_scores(values, of_sets, pool=pool, seed=config.seed, report=report)
    columns = {column_of(s, config.method): scores[:, place].copy() for place, s in enumerate(usable)}
    rows = [
        {
            "column": column_of(gene_set, config.method),
            "set": gene_set.id,
            "title": gene_set.title,
            "method": config.method,
            "n_genes": len(gene_set.genes),
            "n_found": len(positions[gene_set.id]),
            "genes_found": " ".join(symbols[positions[gene_set.id]]),
            "citation": gene_set.citation,
        }
        for gene_set in usable
    ]
    table = pd.DataFrame(rows)
    if keys.GENE_SET_SCORES in data:
        before = data.read(keys.GENE_SET_SCORES)
        table = pd.concat([table, before[~before["column"].isin(columns)]], ignore_index=True)
    written = {keys.obs(column): scores for column, scores in columns.items()}
    return Outcome(
        {**written, keys.GENE_SET_SCORES: table},
        summary={"columns": list(columns), "n_sets": len(columns), "without": without},
    )


def _report_cells(context: StepContext, done: int, total: int) -> None:
    context.raise_if_stopped()
    context.report(done, total, "scoring the cells")


def _controls(matcher: GeneMatcher, n_genes: int) -> np.ndarray | None:
    """Genes of no curated set: where interferon genes rise, a set that has them as controls would seem to fall."""
    special = matcher.positions([gene for gene_set in curated() for gene in gene_set.genes])
    pool = np.setdiff1d(np.arange(n_genes), special)
    return pool if len(pool) >= LEAST_CONTROLS else None


def column_of(gene_set: GeneSet, method: str) -> str:
    """Name of the column of a set's scores."""
    name = re.sub(r"\W+", "_", gene_set.id)
    if len(name) > LONGEST:
        # names that differ at their end alone must stay different
        name = f"{name[:LONGEST]}_{hashlib.blake2b(gene_set.id.encode(), digest_size=3).hexdigest()}"
    return f"{PREFIX[method]}_{name}"


def fetch_library(inputs: Inputs, config: GeneSetLibraryConfig, context: StepContext) -> Outcome:
    """Download a library of gene sets from Enrichr, and keep it as a GMT file.

    Raises
    ------
    DataError
        It cannot be reached, or what came is no GMT file.
    """
    said = partial(context.report, text=f"downloading {config.name}")

    def report(done: float, total: float) -> None:
        context.raise_if_stopped()
        said(done, total)

    fetched = download(ENRICHR + config.name, inputs.folder / "download", report)
    sets = read_gmt(fetched.read_text(encoding="utf-8"))
    folder = Path(config.folder or inputs.folder)
    folder.mkdir(parents=True, exist_ok=True)
    with files.replacing(folder / f"{config.name}.gmt") as temporary:
        temporary.write_text(write_gmt(sets), encoding="utf-8")
    return Outcome(summary={"n_sets": len(sets), "library": config.name})
