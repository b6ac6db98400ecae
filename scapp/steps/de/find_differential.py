"""Differential expression as a step: each cell type and condition by itself, tables with what was compared."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property, partial
from typing import Any

import numpy as np
import pandas as pd

from scapp.analysis.de.config import LEAST_DONORS, DifferentialConfig
from scapp.analysis.de.design import ALL_CELLS, TOGETHER, Study
from scapp.analysis.de.differential import LEAST_COUNTS, cell_test, expressed, pseudobulk, pseudobulk_test
from scapp.analysis.de.gene_tables import passing, strength
from scapp.core import keys
from scapp.core.errors import ConfigError, DataError, listed
from scapp.core.step_context import StepContext
from scapp.data.blocks.blocked_matrix import BlockedMatrix, at_hand
from scapp.data.symbols import gene_symbols
from scapp.steps.de.set_design import read_study
from scapp.steps.map.log_values import require_log_values
from scapp.steps.step import Inputs, Outcome, Reading

LEAST_CELLS = 2
LEAST_PAIRS = 3
N_TOP = 20


@dataclass(frozen=True)
class _Comparison:
    """One test to make: cells of a type, of the reference and of a condition."""

    title: str
    compared: str
    cells: np.ndarray
    reference_side: np.ndarray
    compared_side: np.ndarray


def find_differential(inputs: Inputs, config: DifferentialConfig, context: StepContext) -> Outcome:
    """A table of genes for each type and condition, and what it rests on; see ``analysis.differential``.

    Raises
    ------
    ConfigError
        A type or condition that is not in the study.
    DataError
        No comparison has cells on both sides, or the test that was asked for cannot be made in any.
    """
    data = inputs.data
    study, study_config = read_study(data)
    comparisons = list(_comparisons(study, config))
    context.report(0, len(comparisons), "loading the data")
    material = _Material(data, study, config)
    values: dict[str, Any] = {}
    rows, left_out = [], []
    first_error: DataError | None = None
    for number, comparison in enumerate(comparisons):
        context.raise_if_stopped()
        what = f"{comparison.title}: {comparison.compared} against {study.conditions[0]}"
        report = partial(_report, context, number, len(comparisons), what)
        try:
            table, about = material.compare(comparison, report)
        except DataError as error:
            if len(comparisons) == 1:
                raise
            left_out.append(f"{what}: {error.message}")
            first_error = first_error or error
            continue
        name = about["name"]
        while keys.differential(name) in values:
            name += "'"  # names that differ by a slash alone
        about["name"] = name
        values[keys.differential(name)] = table
        values[keys.about_differential(name)] = {**about, "condition_key": str(study_config.condition_key)}
        rows.append(_row(table, about))
    if not rows:
        assert first_error is not None
        raise DataError(f"No comparison could be made. {' '.join(left_out[:3])}", hint=first_error.hint)
    n_exploratory = sum(bool(row["exploratory"]) for row in rows)
    numbers = {"n_pseudobulk": len(rows) - n_exploratory, "n_exploratory": n_exploratory}
    return Outcome(values, summary={"rows": rows, "left_out": left_out, **numbers})


def _report(context: StepContext, number: int, total: int, what: str, done: int, of: int, words: str) -> None:
    context.raise_if_stopped()
    context.report(number + done / of, total, f"{what} · {words}")


def _comparisons(study: Study, config: DifferentialConfig) -> Iterator[_Comparison]:
    unknown = [name for name in config.cell_types if name not in study.types]
    unknown += [name for name in config.compared if name not in study.conditions[1:]]
    if unknown:
        raise ConfigError(
            f"The study has no {listed(unknown)}; types are {listed(study.types)}, and {listed(study.conditions[1:])}"
            f" can be compared with {study.conditions[0]}.",
            hint="Choose among these.",
        )
    if not config.cell_types:
        groups = [(ALL_CELLS, study.known)]
    elif config.together:
        groups = [(TOGETHER.join(config.cell_types), study.cells_of(config.cell_types))]
    else:
        groups = [(name, study.cells_of([name])) for name in config.cell_types]
    condition = np.asarray(study.condition.codes)
    for title, cells in groups:
        for name in config.compared or study.conditions[1:]:
            yield _Comparison(
                title, name, cells, cells & (condition == 0), cells & (condition == study.conditions.index(name))
            )


class _Material:
    """What all comparisons of a step read."""

    def __init__(self, data: Reading, study: Study, config: DifferentialConfig) -> None:
        self.study = study
        self.config = config
        self.genes = data.names(keys.VAR_NAMES)
        self.symbols = gene_symbols(self.genes, data.frame("var")).to_numpy()
        self.counts = at_hand(data.matrix(keys.COUNTS)) if self._may_sum(data) else None
        self._data = data
        samples = study.samples()
        self.samples = samples.set_index(samples["sample"].astype(str))
        self.covariates = self._covariates(data)

    def _may_sum(self, data: Reading) -> bool:
        if self.config.method == "pseudobulk":
            if keys.COUNTS not in data:
                raise DataError(
                    "Pseudobulk sums raw counts, and this dataset came without them.",
                    hint="Import the raw counts on the Upload & QC page, or choose a test of cells (exploratory).",
                )
            if self.study.sample is None:
                raise DataError(
                    "Pseudobulk sums the cells of each donor, and no donor column was chosen.",
                    hint="Choose it under 'Study design', or choose a test of cells (exploratory).",
                )
        return self.config.method in ("auto", "pseudobulk") and keys.COUNTS in data and self.study.sample is not None

    def _covariates(self, data: Reading) -> pd.DataFrame:
        """What each sample is like, in the order of ``samples``."""
        found = pd.DataFrame(index=self.samples.index)
        for name in self.config.covariates:
            values = data.column(name)
            assert values is not None
            if self.study.sample is None:
                raise ConfigError(
                    "Covariates describe donors, and no donor column was chosen.", hint="Choose it first."
                )
            if isinstance(values.dtype, pd.CategoricalDtype) or values.dtype.kind not in "iuf":
                values = values.astype(object)
            known = pd.DataFrame({"sample": self.study.sample, "value": values.to_numpy()})[self.study.known]
            levels = known.groupby("sample", observed=True)["value"].agg(["nunique", "first", "count", "size"])
            bad = [str(s) for s in levels.index[(levels["nunique"] != 1) | (levels["count"] < levels["size"])]]
            if bad:
                raise ConfigError(
                    f"'{name}' does not say one thing of each donor: {listed(bad)} have several values, or none.",
                    hint="A covariate must be the same in all cells of a donor, such as sex, age or batch.",
                )
            found[name] = levels["first"].set_axis(levels.index.astype(str)).reindex(found.index).to_numpy()
        return found.infer_objects()

    @cached_property
    def log_values(self) -> BlockedMatrix:
        """Read when the first test of cells needs it."""
        require_log_values(self._data)
        return at_hand(self._data.matrix(keys.X))

    def compare(self, c: _Comparison, report: Any) -> tuple[pd.DataFrame, dict[str, Any]]:
        """Table and description of one comparison."""
        sizes = int(c.reference_side.sum()), int(c.compared_side.sum())
        if min(sizes) < LEAST_CELLS:
            raise DataError(
                f"{sizes[0]:,} cells of {self.study.conditions[0]} and {sizes[1]:,} of {c.compared}: nothing to"
                " compare.",
                hint="Choose a cell type that both conditions have.",
            )
        method, reason = self._method(c)
        covariates: list[str] = []
        if method == "pseudobulk":
            table, notes, donors, covariates = self._by_donor(c, report)
        else:
            report(0, 2, f"testing {sum(sizes):,} cells")
            table, notes, donors = self._by_cell(c, method), [], self._donors(c, least=1)
        table.insert(1, "symbol", self.symbols[self.genes.get_indexer(table["gene"])])
        table["strength"] = strength(table)
        size = table["statistic"].abs().fillna(0)
        table = table.iloc[np.lexsort((-size, table["p_value"].fillna(2)))].reset_index(drop=True)
        reference = self.study.conditions[0]
        about = {
            "name": f"{c.title}: {c.compared} vs {reference} ({method})".replace("/", "|"),
            "cell_type": c.title,
            "reference": reference,
            "compared": c.compared,
            "method": method,
            "reason": reason,
            "n_cells_reference": sizes[0],
            "n_cells_compared": sizes[1],
            "n_donors_reference": len(donors[0]),
            "n_donors_compared": len(donors[1]),
            "n_genes": len(table),
            "covariates": ", ".join(covariates),
            "notes": "\n".join(notes),
        }
        return table, about

    def _donors(self, c: _Comparison, *, least: int) -> tuple[list[str], list[str]]:
        """Samples of either side with at least so many cells."""
        if self.study.sample is None:
            return [], []
        names = np.asarray(self.study.sample.categories, dtype=str)
        sides = []
        for cells in (c.reference_side, c.compared_side):
            size = np.bincount(np.asarray(self.study.sample.codes)[cells], minlength=len(names))
            sides.append([str(name) for name in names[size >= least]])
        return sides[0], sides[1]

    def _method(self, c: _Comparison) -> tuple[str, str]:
        """Which test, and why where it is not the one to believe."""
        donors = self._donors(c, least=self.config.min_cells)
        if self.config.method == "auto":
            if self.counts is not None and min(map(len, donors)) >= LEAST_DONORS:
                return "pseudobulk", ""
            if self.study.sample is None:
                why = "no donor column was chosen"
            elif self.counts is None:
                why = "the dataset came without raw counts"
            else:
                why = f"only {len(donors[0])} and {len(donors[1])} donors have {self.config.min_cells} cells or more"
            return "wilcoxon", f"Exploratory: {why}, so cells are compared instead of donors."
        if self.config.method == "pseudobulk":
            return "pseudobulk", ""
        return (
            self.config.method,
            "Exploratory: cells of one donor are not independent, so far too many genes look different.",
        )

    def _by_donor(
        self, c: _Comparison, report: Any
    ) -> tuple[pd.DataFrame, list[str], tuple[list[str], list[str]], list[str]]:
        assert self.counts is not None
        assert self.study.sample is not None
        donors, within, notes = self._pairs(self._donors(c, least=self.config.min_cells))
        used = [*donors[0], *donors[1]]
        there = self._donors(c, least=1)
        few = [name for name in (*there[0], *there[1]) if name not in used]
        if few:
            notes.append(
                f"Left out, with fewer than {self.config.min_cells} cells or without a partner: {listed(few)}."
            )
        codes = self.study.sample_codes(c.reference_side | c.compared_side)
        sums = pseudobulk(self.counts, codes, len(self.study.sample.categories))
        rows = [self.study.sample.categories.get_loc(name) for name in used]
        sums = sums[rows]
        shares = expressed(self.counts, c.reference_side, c.compared_side)
        tested = self._often_enough(shares) & (sums.sum(axis=0) >= LEAST_COUNTS)
        if not tested.any():
            raise DataError(
                f"No gene is seen in {self.config.min_share:g}% of the cells.", hint="Lower 'Expressed in at least'."
            )
        covariates = self.covariates.loc[used].copy()
        if within:
            donor = self.samples.loc[used, "donor"].astype(str)
            told = [name for name in covariates if (covariates[name].groupby(donor).nunique() <= 1).all()]
            if told:
                notes.append(f"Left out, because comparing within donors already allows for it: {listed(told)}.")
            covariates = covariates.drop(columns=told).assign(donor=donor)
        table, warned = pseudobulk_test(
            pd.DataFrame(sums[:, tested], index=used, columns=self.genes[tested]),
            np.arange(len(used)) >= len(donors[0]),
            covariates,
            report=report,
        )
        return self._with_shares(table, shares), notes + warned, donors, [str(name) for name in covariates]

    def _pairs(self, samples: tuple[list[str], list[str]]) -> tuple[tuple[list[str], list[str]], bool, list[str]]:
        """Samples to compare, whether each donor is compared with itself, and what to know of it.

        Where most donors have both conditions but some lack cells of the type in one, the pairs are kept if there are
        three.
        """
        if self.config.pairing == "no":
            return samples, False, []
        donor_of = self.samples["donor"].astype(str)
        sides = [dict(zip(donor_of.loc[side], side, strict=True)) for side in samples]
        both = [donor for donor in sides[0] if donor in sides[1]]
        if self.config.pairing == "yes" or (len(both) == len(sides[0]) == len(sides[1]) >= LEAST_DONORS):
            return samples, True, []
        if len(both) >= LEAST_PAIRS:
            return ([sides[0][d] for d in both], [sides[1][d] for d in both]), True, []
        if both:
            note = (
                f"{len(both)} donors have both conditions here and others do not: donors are compared as if they were"
                " independent."
            )
            return samples, False, [note]
        return samples, False, []

    def _by_cell(self, c: _Comparison, method: str) -> pd.DataFrame:
        shares = expressed(self.log_values, c.reference_side, c.compared_side)
        tested = self._often_enough(shares)
        if not tested.any():
            raise DataError(
                f"No gene is seen in {self.config.min_share:g}% of the cells.", hint="Lower 'Expressed in at least'."
            )
        cells = c.reference_side | c.compared_side
        values = self.log_values.select(np.flatnonzero(cells), np.flatnonzero(tested))
        table = cell_test(values, self.genes[tested], c.compared_side[cells], method=method)
        return self._with_shares(table, shares)

    def _often_enough(self, shares: tuple[np.ndarray, np.ndarray]) -> np.ndarray:
        """Genes that either side shows in enough of its cells."""
        return np.maximum(*shares) >= max(self.config.min_share / 100, 1e-12)

    def _with_shares(self, table: pd.DataFrame, shares: tuple[np.ndarray, np.ndarray]) -> pd.DataFrame:
        positions = self.genes.get_indexer(table["gene"])
        return table.assign(share_reference=shares[0][positions], share_compared=shares[1][positions])


def _row(table: pd.DataFrame, about: dict[str, Any]) -> dict[str, Any]:
    found = passing(table).sort_values("strength", ascending=False)
    up, down = found[found["log2_fold_change"] > 0], found[found["log2_fold_change"] < 0]
    return {
        **{name: value for name, value in about.items() if name not in ("reason", "notes")},
        "exploratory": bool(about["reason"]),
        "n_up": len(up),
        "n_down": len(down),
        "top_up": up["symbol"].head(N_TOP).tolist(),
        "top_down": down["symbol"].head(N_TOP).tolist(),
    }
