"""Design of a study: which cell is of which condition, donor and type, and what such a design can show."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from scapp.analysis.de.config import LEAST_DONORS, StudyConfig
from scapp.core import keys
from scapp.core.errors import ConfigError, DataError, listed

MOST_CONDITIONS = 60
FEW_CELLS = 10
ALL_CELLS = "all cells"
TOGETHER = " + "
"""Between types that are tested as one group."""
REFERENCE_WORDS = (
    "healthy",
    "control",
    "ctrl",
    "normal",
    "untreated",
    "unstimulated",
    "vehicle",
    "wt",
    "wildtype",
    "young",
    "baseline",
    "hc",
    "hd",
)
MONOCYTES = re.compile(r"(?<!non)(?<!non[-_ ])(?<![a-z])mono(cyte)?s?(?![a-z])", re.IGNORECASE)
"""Types that the CLEAR paper's Figure 5 looks into, as people write them."""


def suggested_design(columns: Sequence[str]) -> StudyConfig:
    """Columns that usually say what a study needs; what is not recognised is left empty.

    Parameters
    ----------
    columns
        Names of those that group cells.
    """
    condition = keys.suggest(columns, keys.CONDITIONS)
    free = [name for name in columns if name != condition]
    return StudyConfig(
        condition_key=condition,
        donor_key=keys.suggest(free, keys.SUGGESTED_DONORS),
        cell_type_key=keys.suggest(free, (*keys.TYPE_COLUMNS, *keys.SUGGESTED_LABELS)),
        batch_key=keys.suggest(free, ("batch",)),
    )


def usual_reference(levels: Sequence[str]) -> str:
    """The level that others are usually compared with, else the first."""
    return next((name for name in levels if name.lower() in REFERENCE_WORDS), levels[0])


@dataclass(frozen=True)
class Study:
    """Cells of a study.

    Parameters
    ----------
    condition
        Of each cell, the reference first; -1 where it has none or one that was left out, shape (n_cells,).
    sample
        A donor under a condition, named by the donor where it has only one; None without donors.
    donor, cell_type, batch
        None where no column was named.
    """

    condition: pd.Categorical
    sample: pd.Categorical | None
    donor: pd.Categorical | None
    cell_type: pd.Categorical
    batch: pd.Categorical | None

    @property
    def conditions(self) -> list[str]:
        """In order, the reference first."""
        return [str(name) for name in self.condition.categories]

    @property
    def types(self) -> list[str]:
        """Cell types."""
        return [str(name) for name in self.cell_type.categories]

    @property
    def known(self) -> np.ndarray:
        """Cells that have a condition, and a donor where there are donors; bool, shape (n_cells,)."""
        known = np.asarray(self.condition.codes) >= 0
        return known if self.sample is None else known & (np.asarray(self.sample.codes) >= 0)

    def samples(self) -> pd.DataFrame:
        """A row per sample, by condition: ``sample``, ``donor``, ``condition``, ``n_cells``; empty without donors."""
        columns = ["sample", "donor", "condition", "n_cells"]
        if self.sample is None or self.donor is None:
            return pd.DataFrame(columns=columns)
        cells = pd.DataFrame({"sample": self.sample, "donor": self.donor, "condition": self.condition})[self.known]
        found = cells.groupby(["sample", "donor", "condition"], observed=True, sort=False).size()
        table = found.rename("n_cells").reset_index()
        # as pandas groups categories, the order is not that of the conditions
        return table.sort_values(["condition", "sample"], kind="stable").reset_index(drop=True)[columns]

    def cells_per_sample(self) -> pd.DataFrame:
        """Cells of each type (columns) in each sample, or in each condition where there are no donors (rows)."""
        rows = self.condition if self.sample is None else self.sample
        table = pd.crosstab(
            pd.Series(rows.codes[self.known]), pd.Series(self.cell_type.codes[self.known]), dropna=False
        )
        table = table.reindex(index=range(len(rows.categories)), columns=range(len(self.types)), fill_value=0)
        table = table.set_axis([str(name) for name in rows.categories], axis=0).set_axis(self.types, axis=1)
        return table if self.sample is None else table.loc[self.samples()["sample"].astype(str)]

    def cells_of(self, types: Sequence[str] = ()) -> np.ndarray:
        """Known cells of some types, of all where none is named; bool, shape (n_cells,)."""
        if not types:
            return self.known
        wanted = [code for code, name in enumerate(self.types) if name in types]
        return self.known & np.isin(np.asarray(self.cell_type.codes), wanted)

    def usual_focus(self) -> str:
        """The type that the CLEAR paper looks into (CD14 monocytes, else any monocytes), else that of most cells."""
        counts = np.bincount(np.asarray(self.cell_type.codes)[self.known & (self.cell_type.codes >= 0)])
        order = [self.types[code] for code in np.argsort(-counts, kind="stable")]
        monocytes = self.monocytes()
        wanted = [name for name in monocytes if "cd14" in name.lower()] or monocytes or order
        return next((name for name in order if name in wanted), ALL_CELLS)

    def monocytes(self) -> list[str]:
        """Types that are called monocytes."""
        return [name for name in self.types if MONOCYTES.search(name)]

    def cells_titled(self, title: str) -> np.ndarray:
        """Known cells that a comparison's title stands for: a type, several joined by `` + ``, or all; bool, shape
        (n_cells,).
        """
        if title == ALL_CELLS and title not in self.types:
            return self.known
        return self.cells_of([title] if title in self.types else title.split(TOGETHER))

    def sample_codes(self, cells: np.ndarray) -> np.ndarray:
        """Sample of the cells that are chosen (bool), -1 for all others, shape (n_cells,). Only for studies with
        donors.
        """
        assert self.sample is not None
        return np.where(cells, np.asarray(self.sample.codes), -1)

    def paired(self, reference: str, compared: str) -> bool:
        """Whether the two conditions have the same donors, two at least."""
        table = self.samples()
        sides = [set(table.loc[table["condition"] == name, "donor"].astype(str)) for name in (reference, compared)]
        return len(sides[0]) >= LEAST_DONORS and sides[0] == sides[1]


def make_study(obs: pd.DataFrame, config: StudyConfig) -> Study:
    """Read a design from annotations.

    Parameters
    ----------
    obs
        Annotations of the cells, with the columns that ``config`` names.
    config
        Columns, and the order of the conditions.

    Raises
    ------
    ConfigError
        No condition was chosen, or one of ``order`` is not there.
    DataError
        Fewer than two conditions, or so many that the column measures something.
    """
    if config.condition_key is None:
        raise ConfigError("No condition was chosen.", hint="Choose the column that says what is compared.")
    same = [name for name in ("donor_key", "cell_type_key") if getattr(config, name) == config.condition_key]
    if same:
        what = {"donor_key": "donors", "cell_type_key": "cell types"}[same[0]]
        raise ConfigError(
            f"'{config.condition_key}' was chosen for the conditions and for the {what}.",
            hint=f"Choose another column for the {what}, or none.",
        )
    condition = categories_of(obs[config.condition_key])
    there = [str(name) for name in condition.categories]
    unknown = [name for name in config.order if name not in there]
    if unknown:
        raise ConfigError(
            f"'{config.condition_key}' has no {listed(unknown)}; it has {listed(there)}.",
            hint="Choose conditions that are there.",
        )
    order = list(dict.fromkeys(config.order)) or there
    if len(order) < 2:
        raise DataError(
            f"'{config.condition_key}' has {len(order)} condition ({listed(order)}); a comparison needs two.",
            hint="Choose another column, or import data of several conditions together.",
        )
    if len(order) > MOST_CONDITIONS:
        raise DataError(
            f"'{config.condition_key}' has {len(order):,} levels; at most {MOST_CONDITIONS} conditions can be"
            " compared.",
            hint="Choose a column that names groups rather than measures something, or leave conditions out.",
        )
    condition = condition.set_categories(order)
    donor = None if config.donor_key is None else categories_of(obs[config.donor_key])
    if config.cell_type_key is None:
        cell_type = pd.Categorical([ALL_CELLS] * len(obs))
    else:
        cell_type = categories_of(obs[config.cell_type_key])
    batch = None if config.batch_key is None else categories_of(obs[config.batch_key])
    sample = None if donor is None else _samples(donor, condition)
    study = Study(condition, sample, donor, cell_type, batch)
    # a type of other conditions alone is none of this study, and would count among those that are tested
    seen = np.bincount(cell_type.codes[study.known & (cell_type.codes >= 0)], minlength=len(cell_type.categories))
    return replace(study, cell_type=cell_type.set_categories(list(cell_type.categories[seen > 0])))


def levels_of(values: pd.Series | None) -> list[str]:
    """Names of the groups of a column that have cells, in their order."""
    return [] if values is None else [str(name) for name in categories_of(values).categories]


def categories_of(values: pd.Series) -> pd.Categorical:
    """Groups named by text, in their own order; unused ones are gone. Whole numbers that were stored with a point (0.0,
    10.0, NaN) are named without.
    """
    if values.dtype.kind == "f" and (values.dropna() % 1 == 0).all():
        values = values.astype("Int64").astype(object).where(values.notna(), None)
    made = pd.Categorical(values)
    made = made.rename_categories([str(name) for name in made.categories])
    return made.remove_unused_categories()


def _samples(donor: pd.Categorical, condition: pd.Categorical) -> pd.Categorical:
    known = (donor.codes >= 0) & (condition.codes >= 0)
    pairs = pd.DataFrame({"donor": donor.codes[known], "condition": condition.codes[known]}).drop_duplicates()
    once = not pairs["donor"].duplicated().any()
    codes = np.full(len(donor), -1)
    codes[known] = donor.codes[known].astype(int) * len(condition.categories) + condition.codes[known]
    pairs = pairs.sort_values(["condition", "donor"])
    numbers = (pairs["donor"].astype(int) * len(condition.categories) + pairs["condition"]).to_numpy()
    names = [
        str(donor.categories[d]) if once else f"{donor.categories[d]} · {condition.categories[c]}"
        for d, c in zip(pairs["donor"], pairs["condition"], strict=True)
    ]
    place = pd.Series(np.arange(len(numbers)), index=numbers)
    return pd.Categorical.from_codes(place.reindex(codes).fillna(-1).astype(int), names)


def design_faults(study: Study) -> list[str]:
    """What makes every comparison of a study doubtful, in plain words: it is repeated beside each result."""
    if study.sample is None:
        return [
            "No donor column was chosen. Cells of one donor are not independent of each other, so whatever is tested"
            " here is exploratory: it says what differs between these cells, not between conditions."
        ]
    faults = []
    per_condition = study.samples().groupby("condition", observed=False).size()
    alone = [str(name) for name, n in per_condition.items() if n < LEAST_DONORS]
    if alone:
        faults.append(
            f"{listed(alone)}: fewer than {LEAST_DONORS} donors. What differs there may be that donor rather than the"
            " condition; no test of donors is possible."
        )
    cells = _batches_of(study)
    if cells is not None and within_one(cells["batch"], cells["condition"]):
        faults.append(
            "Every batch holds one condition only: what differs between conditions may be the batch, and no method can"
            " tell. Read every result with this in mind."
        )
    return faults


def design_notes(study: Study) -> list[str]:
    """What to know before anything is tested, in plain words; nothing where the design is sound."""
    notes = []
    lost = int((~study.known).sum())
    if lost:
        donor = "" if study.sample is None else " or no donor"
        notes.append(f"{lost:,} cells have no condition (or one that is left out){donor}, and are not looked at.")
    notes += design_faults(study)
    if study.sample is None:
        return notes + _empty_types(study)
    samples = study.samples()
    small = samples[samples["n_cells"] < FEW_CELLS]
    if len(small):
        notes.append(f"{listed(small['sample'])}: fewer than {FEW_CELLS} cells, too few to represent the donor.")
    mixed = samples["donor"].duplicated().any()
    reference = study.conditions[0]
    if mixed:
        whole = [name for name in study.conditions[1:] if study.paired(reference, name)]
        if whole:
            notes.append(
                f"The same donors have {reference} and {listed(whole)}: the design is paired, and each donor is"
                " compared with itself."
            )
        else:
            notes.append(
                "Some donors have more than one condition and others do not: donors are compared as if they were"
                " independent, unless you ask to compare within donors."
            )
    return notes + _lonely_batches(study) + _empty_types(study)


def _batches_of(study: Study) -> pd.DataFrame | None:
    if study.batch is None:
        return None
    return pd.DataFrame({"batch": study.batch, "condition": study.condition})[study.known].dropna()


def _lonely_batches(study: Study) -> list[str]:
    """Batches of one condition, where others hold several."""
    cells = _batches_of(study)
    if cells is None or within_one(cells["batch"], cells["condition"]):
        return []
    table = pd.crosstab(cells["batch"], cells["condition"])
    lonely = [str(name) for name in table.index if (table.loc[name] > 0).sum() == 1]
    if lonely:
        return [f"Batches {listed(lonely)} hold one condition only: there the condition cannot be told from the batch."]
    return []


def _empty_types(study: Study) -> list[str]:
    cells = pd.DataFrame({"type": study.cell_type, "condition": study.condition})[study.known]
    table = pd.crosstab(cells["type"], cells["condition"], dropna=False)
    missing = [str(name) for name in table.index if (table.loc[name] == 0).any() and table.loc[name].sum()]
    if missing:
        return [f"{listed(missing)}: no cell in some condition, so nothing can be compared there."]
    return []


def within_one(batches: pd.Series, condition: pd.Series) -> bool:
    """Whether every batch lies in one condition and there are several: what is removed with the one is the other."""
    table = pd.crosstab(np.asarray(batches), np.asarray(condition))
    return table.shape[1] > 1 and bool((table > 0).sum(axis=1).max() == 1)


def batch_notes(batch_key: str, batches: pd.Series, conditions: Mapping[str, pd.Series]) -> list[str]:
    """Where mixing batches may remove what an experiment is about.

    Parameters
    ----------
    batch_key
        Name of the batch column.
    batches
        Of each cell.
    conditions
        Name -> values per cell, of columns that may say what the experiment is about.
    """
    notes = []
    for name, condition in conditions.items():
        if name == batch_key:
            notes.append(f"'{name}' looks like a condition: what it does to cells would be removed as a batch effect.")
            continue
        if within_one(batches, condition):
            notes.append(
                f"Every batch of '{batch_key}' holds one '{name}' only: mixing these batches may remove what the"
                " experiment is about."
            )
    return notes
