"""A study as the panels of the CLEAR paper's Figure 5: each a figure, what it says, and the data behind it.

The page shows one at a time, the report all of them; both begin here, so that they say the same.
"""

import copy
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from string import ascii_uppercase
from typing import Any

import numpy as np
import pandas as pd
import plotly.graph_objects as go

from scapp.analysis.de.design import Study
from scapp.analysis.de.donor_tests import compare_donors, donor_means
from scapp.analysis.de.findings import (
    changes_of,
    donor_differences,
    gene_changes,
    pathway_changes,
    set_changes,
    ties,
    usual_test,
)
from scapp.analysis.de.gene_sets import GeneMatcher, curated, score_titles
from scapp.analysis.de.gene_tables import ranking_of, strongest, unique_labels
from scapp.core import keys
from scapp.core.errors import count, listed
from scapp.plotting.de.design_figures import condition_colours, plot_share_points
from scapp.plotting.de.pathway_figures import plot_pathways, plot_scores
from scapp.plotting.de.volcano import means_by_sample, plot_gene_samples
from scapp.plotting.map.marker_figures import expression_by_group, plot_dots
from scapp.plotting.map.points import plot_genes, plot_map
from scapp.plotting.palette import palette
from scapp.reports.comparisons import Comparison, comparisons_of, pathways_of, types_compared
from scapp.steps.de.set_design import read_study
from scapp.steps.group_colours import colours_of
from scapp.steps.step import Reading
from scapp.workspace.datasets.dataset import Dataset
from scapp.workspace.datasets.history import out_of_date

CYTOKINES = ("IL1B", "IL2", "IL6", "IL10", "TNF")
"""Of the paper's Figure 5E."""
MHC = ("mhc_ii", "mhc_i")
ISG = "isg"
PER_TYPE = 2
PER_SET = 7
MOST_GENES = 30
MOST_CELLS = 20_000
"""Cells of a map that a figure draws; a browser holds few figures of more."""
N_PATHWAYS = 16
N_LARGEST = 3
MAP_HEIGHT = 520
ROW_HEIGHT = 14
MOST_SETS = 3
NO_MAP = "There is no map yet."
NO_TYPES = "There is no column of several cell types in the design."
BARS = "Red went up, blue went down; pale bars have an adjusted p above 0.05."
BY_SHARES = {"rank": "rank tests of donors' shares", "t": "t-tests on the logits of donors' shares"}
BY_SCORES = {"rank": "rank tests of donors' mean scores", "t": "t-tests on donors' mean scores"}


@dataclass(frozen=True)
class Drawn:
    """What a panel shows.

    Parameters
    ----------
    said
        What is seen in these data, as plain sentences; what is missing, where there is no figure.
    figure
        None where there is nothing to draw.
    table
        The data behind the figure.
    slots
        Results that it was drawn from.
    """

    said: list[str]
    figure: go.Figure | None = None
    table: pd.DataFrame = field(default_factory=pd.DataFrame)
    slots: tuple[str, ...] = ()


@dataclass(frozen=True)
class Panel:
    """One panel.

    Parameters
    ----------
    letter
        Its letter in the figure.
    title
        What it shows.
    tab
        The tab of the page that has its settings.
    draw
        Draws it.
    comparison
        The comparison of conditions that it shows; empty where it shows none, or several.
    """

    letter: str
    title: str
    tab: str
    draw: Callable[[], Drawn]
    comparison: str = ""


class Panels:
    """The panels of a dataset's study.

    Parameters
    ----------
    dataset
        With a design.

    Attributes
    ----------
    study, config
        The design.
    focus
        The cell type that is looked into: that of the newest comparison, else the usual one.

    Raises
    ------
    DataError
        No study design was chosen.
    """

    def __init__(self, dataset: Dataset) -> None:
        self._dataset = dataset
        self.study, self.config = read_study(Reading(dataset))
        self.focus = next(iter(self.types_compared()), self.study.usual_focus())
        genes = Reading(dataset).gene_names()
        self._names = list(map(str, genes.names))
        self._symbols = list(map(str, genes.symbols))
        self._matcher = GeneMatcher(genes)

    @property
    def _comparisons(self) -> dict[str, Comparison]:
        """Condition of the design -> its comparison with the reference."""
        reference, *others = self.study.conditions
        found = comparisons_of(self._dataset, self.focus, reference)
        return {name: found[name] for name in others if name in found}

    def within(self, focus: str) -> "Panels":
        """The same with another cell type to look into."""
        other = copy.copy(self)
        other.focus = focus
        return other

    def types_compared(self) -> list[str]:
        """Cell types of the comparisons that the design still holds, the newest first."""
        return [name for name in types_compared(self._dataset) if self.study.cells_titled(name).any()]

    def panels(self) -> dict[str, Panel]:
        """Letter -> panel, in order."""
        reference, *others = self.study.conditions
        focus = self.focus
        found: list[tuple[str, str, Callable[[], Drawn], str]] = [
            ("Conditions on the map", "Composition", self._conditions, ""),
            ("Cell types on the map", "Composition", self._types, ""),
            ("Cell-type composition", "Composition", self._composition, ""),
            ("Marker genes of the cell types", "Markers", self._markers, ""),
            (f"Cytokines in {listed(self._beside())}", "Markers", self._cytokines, ""),
            (f"Genes that change in {focus}", "Genes", self._genes, ""),
            (f"MHC scores in {focus}", "Gene-set scores", partial(self._scores, mhc=True), ""),
            (f"{self._other_scores()} in {focus}", "Gene-set scores", partial(self._scores, mhc=False), ""),
        ]
        comparisons = self._comparisons
        for name in others:
            title = f"Pathways in {focus}, {name} against {reference}"
            made = comparisons[name].name if name in comparisons else ""
            found.append((title, "Pathways", partial(self._pathways, name), made))
        return {letter: Panel(letter, *each) for letter, each in zip(_letters(len(found)), found, strict=True)}

    def is_outdated(self, drawn: Drawn) -> bool:
        """Whether the design or the data have changed since what a panel shows was computed."""
        return bool(set(drawn.slots) & set(out_of_date(self._dataset.manifest)))

    # The map

    def _on_map(self, groups: pd.Categorical, title: str, colours: list[str], *, names: bool) -> Drawn:
        drawn = self._map()
        if drawn is None:
            return Drawn([NO_MAP])
        key, points = drawn
        cells = _some(self.study.known)
        figure = plot_map(
            points[cells],
            pd.Series(groups[cells]),
            title=title,
            colours=colours,
            axes=_axes(key),
            height=MAP_HEIGHT,
            names=names,
        )
        table = pd.DataFrame({"x": points[cells, 0], "y": points[cells, 1], title: groups[cells]})
        return Drawn([], figure, table, (f"obsm/{key}",))

    def _map(self) -> tuple[str, np.ndarray] | None:
        """That of CLEAR where there is one, else the newest; one that is in step with the data before others."""
        slots = self._dataset.slots
        made, old = keys.maps(slots), set(out_of_date(self._dataset.manifest))
        if not made:
            return None
        newest = max(made, key=lambda slot: (slot not in old, slot.endswith("_clear"), slots[slot].version))
        return newest.removeprefix("obsm/"), np.asarray(self._dataset.read(newest))[:, :2]

    def _conditions(self) -> Drawn:
        study = self.study
        drawn = self._on_map(
            study.condition, str(self.config.condition_key), condition_colours(len(study.conditions)), names=False
        )
        cells = study.condition[study.known].value_counts()
        samples = study.samples()["condition"].value_counts()
        said = [
            f"{name}: {count(int(cells[name]), 'cell')}"
            + (f" of {count(int(samples[name]), 'donor')}." if len(samples) else ".")
            for name in study.conditions
        ]
        return replace(drawn, said=[*drawn.said, *said])

    def _types(self) -> Drawn:
        study = self.study
        if len(study.types) < 2:
            return Drawn([NO_TYPES])
        column = self.config.cell_type_key
        colours = list(type_colours(study, column, self._dataset.slots, self._dataset.read).values())
        drawn = self._on_map(study.cell_type, str(column), colours, names=True)
        shares = pd.Series(study.cell_type[study.known]).value_counts(normalize=True)
        largest = [f"{name} ({share:.0%})" for name, share in shares.head(N_LARGEST).items()]
        return replace(drawn, said=[*drawn.said, f"{len(study.types)} cell types; the largest are {listed(largest)}."])

    # Composition and markers

    def _composition(self) -> Drawn:
        if len(self.study.types) < 2:
            return Drawn([NO_TYPES])
        shares, tests = self._dataset.read(keys.COMPOSITION), self._dataset.read(keys.COMPOSITION_TESTS)
        kind = usual_test(tests)
        said = donor_differences(tests, kind, what="share")
        if tests[f"p_{kind}"].notna().any():
            said.append(f"By {BY_SHARES[kind]}, adjusted over the cell types.")
        if self.study.sample is None:
            said = ["Shares by donor, and tests, need a donor column."]
        figure = plot_share_points(shares, self.study.conditions)
        return Drawn(said, figure, shares, (keys.COMPOSITION,))

    def _markers(self) -> Drawn:
        column = self.config.cell_type_key
        if column is None:
            return Drawn([NO_TYPES])
        if keys.markers(column) not in self._dataset:
            return Drawn(["No marker genes of the cell types have been found yet."])
        best = strongest(self._dataset.read(keys.markers(column)), PER_TYPE, min_log2_fold=1.0)
        genes = list(dict.fromkeys(best["gene"].astype(str)))[:MOST_GENES]
        if not genes:
            return Drawn(["No gene marks a cell type at an adjusted p of 0.05 and a twofold change."])
        places = [self._names.index(gene) for gene in genes]
        symbol_of = dict(zip(genes, (self._symbols[place] for place in places), strict=True))
        symbols = best["gene"].astype(str).map(symbol_of).dropna()
        of_type = symbols.groupby(best["group"].astype(str), sort=False).agg(listed)
        known = self.study.known
        data = expression_by_group(
            self._values(places)[known], self.study.cell_type[known], [self._symbols[place] for place in places]
        )
        said = ["; ".join(f"{name}: {marked}" for name, marked in of_type.items()) + "."]
        return Drawn(said, plot_dots(data), data, (keys.markers(column),))

    def _cytokines(self) -> Drawn:
        drawn = self._map()
        if drawn is None:
            return Drawn([NO_MAP])
        key, points = drawn
        places = [int(place) for symbol in CYTOKINES for place in self._matcher.positions([symbol])]
        if not places:
            return Drawn([f"None of {listed(CYTOKINES)} is among the genes of this dataset."])
        names, symbols = [self._names[place] for place in places], self._labels(places)
        cells = np.logical_or.reduce([self.study.cells_titled(title) for title in self._beside()])
        values = self._values(places)
        seen = [f"{symbol} {(values[cells, i] > 0).mean():.0%}" for i, symbol in enumerate(symbols)]
        can_tell = cells.any() and self._dataset.source.get("units") != "scaled"
        said = [f"Cells that express them: {', '.join(seen)}."] if can_tell else []
        slots = [f"obsm/{key}"]
        for name, found in self._comparisons.items():
            table = self._dataset.read(keys.differential(found.name))
            said.append(f"{self.focus}, {name}: {changes_of(table, dict(zip(names, symbols, strict=True)))}.")
            slots.append(keys.differential(found.name))
        drawn_cells = _some(cells)
        figure = plot_genes(points[drawn_cells], values[drawn_cells], symbols, axes=_axes(key))
        table = pd.DataFrame(values[drawn_cells], columns=symbols)
        table.insert(0, "condition", self.study.condition[drawn_cells])
        return Drawn(said, figure, table, tuple(slots))

    def _beside(self) -> list[str]:
        """The type that is looked into, with the other monocytes where it is one of them."""
        monocytes = self.study.monocytes()
        if self.focus not in monocytes:
            return [self.focus]
        return [self.focus, *(name for name in monocytes if name != self.focus)]

    # Within one cell type

    def _genes(self) -> Drawn:
        comparisons = self._comparisons
        if not comparisons:
            return Drawn([f"The conditions have not been compared within {self.focus} yet."])
        tables = {name: self._dataset.read(keys.differential(each.name)) for name, each in comparisons.items()}
        said, sets = [], self._sets_scored()
        members = {title: [self._names[place] for place in places] for title, places in sets.items()}
        for name, each in comparisons.items():
            said += [gene_changes(tables[name], each.about), set_changes(tables[name], members)]
        said = [sentence for sentence in said if sentence]
        strength = pd.concat(tables.values()).groupby("gene")["strength"].max().sort_values(ascending=False)
        chosen = [list(strength.index[strength.index.isin(genes)][:PER_SET]) for genes in members.values()]
        genes = list(dict.fromkeys(gene for part in chosen for gene in part)) or list(strength.index)
        slots = tuple(keys.differential(each.name) for each in comparisons.values())
        cells = self.study.cells_titled(self.focus)
        places = [self._names.index(gene) for gene in genes[:MOST_GENES]]
        if self.study.sample is None:
            symbols = self._labels(places)
            data = expression_by_group(self._values(places)[cells], self.study.condition[cells], symbols)
            return Drawn([*said, "A heatmap by donor needs a donor column."], plot_dots(data), data, slots)
        means, samples = gene_means(self.study, self._values(places), cells)
        symbols = self._labels(places)
        table = samples.assign(**dict(zip(symbols, means.T, strict=True)))
        return Drawn(said, plot_gene_samples(means, symbols, samples, row_height=ROW_HEIGHT), table, slots)

    def _other_scores(self) -> str:
        """Title of the scores that are not of MHC genes."""
        scored = (
            set(self._dataset.read(keys.GENE_SET_SCORES)["set"]) if keys.GENE_SET_SCORES in self._dataset else {ISG}
        )
        others = "Interferon and other scores" if scored - {*MHC, ISG} else "Interferon scores"
        return others if ISG in scored else "Other scores"

    def _sets_scored(self) -> dict[str, list[int]]:
        """Title -> positions of the genes of the curated sets that cells were scored for."""
        if keys.GENE_SET_SCORES not in self._dataset:
            return {}
        scored = set(self._dataset.read(keys.GENE_SET_SCORES)["set"].astype(str))
        wanted = [each for each in curated() if each.id in scored]
        return {each.title: [int(place) for place in self._matcher.positions(each.genes)] for each in wanted}

    def _scores(self, *, mhc: bool) -> Drawn:
        nothing = "No cell has been scored for " + ("MHC genes" if mhc else "interferon-stimulated genes") + " yet."
        cells = self.study.cells_titled(self.focus)
        if keys.GENE_SET_SCORES not in self._dataset or not cells.any():
            return Drawn([nothing])
        scored = self._dataset.read(keys.GENE_SET_SCORES)
        of_set = dict(zip(scored["column"].astype(str), scored["set"].astype(str), strict=True))
        values = scores_of(self._dataset.slots, self._dataset.read)
        titles = [title for column, title in score_titles(scored).items() if (of_set[column] in MHC) == mhc]
        wanted = [title for title in titles if title in values]
        if not wanted:
            return Drawn([nothing])
        shown = {title: values[title][cells] for title in wanted[:MOST_SETS]}
        donors, tests = score_tests(values, self.study, cells)
        said = ["Tests compare donors, and need a donor column."]
        if tests is not None:
            kind = usual_test(tests)
            said = donor_differences(tests[tests["feature"].isin(list(shown))], kind, what="score")
            if tests[f"p_{kind}"].notna().any():
                said.append(
                    f"By {BY_SCORES[kind]}, adjusted over {count(len(values), 'scored set')}; points are donors."
                )
        if len(wanted) > len(shown):
            said.append(f"The {len(shown)} that were scored last are drawn, of {len(wanted)}.")
        donors = donors[donors["feature"].isin(list(shown))]
        return Drawn(said, plot_scores(shown, self.study.condition[cells], donors), donors, (keys.GENE_SET_SCORES,))

    def _pathways(self, condition: str) -> Drawn:
        comparison = self._comparisons.get(condition)
        if comparison is None:
            return Drawn([f"{condition} has not been compared within {self.focus} yet."])
        found = pathways_of(self._dataset, comparison.name)
        if not found:
            return Drawn(["No pathways of this comparison have been found yet."])
        slot = keys.enrichment(found[0])
        table = self._dataset.read(slot)
        tied = ties(ranking_of(self._dataset.read(keys.differential(comparison.name))))
        said = [pathway_changes(table), *([tied] if tied else []), BARS]
        return Drawn(said, plot_pathways(table, n_sets=N_PATHWAYS), table, (slot,))

    def _labels(self, places: Sequence[int]) -> list[str]:
        """Symbols of genes; those of one symbol with their names."""
        return unique_labels([self._symbols[place] for place in places], [self._names[place] for place in places])

    def _values(self, places: Sequence[int]) -> np.ndarray:
        """log1p values, shape (n_cells, n_genes)."""
        return np.column_stack([self._dataset.gene(place) for place in places])


def scores_of(slots: Collection[str], read: Callable[[str], Any]) -> dict[str, np.ndarray]:
    """Title -> score of each cell, shape (n_cells,), of every set that cells were scored for, the last ones first."""
    titles = score_titles(read(keys.GENE_SET_SCORES))
    return {title: np.asarray(read(keys.obs(column))) for column, title in titles.items() if keys.obs(column) in slots}


def score_tests(
    values: Mapping[str, np.ndarray], study: Study, cells: np.ndarray
) -> tuple[pd.DataFrame, pd.DataFrame | None]:
    """Means of donors, and the tests of all scored sets, which are one family wherever some of them are shown.

    Parameters
    ----------
    values
        As ``scores_of`` gives them.
    study
        The design.
    cells
        Those that are looked at; bool, shape (n_cells,).

    Returns
    -------
    ``feature``, ``sample``, ``condition``, ``value``, without rows where there are no donors; and what
    ``donor_tests.compare_donors`` gives, None where there are no donors.
    """
    if study.sample is None:
        return pd.DataFrame(columns=["feature", "sample", "condition", "value"]), None
    order = list(study.sample.categories)
    donors = donor_means(dict(values), study.sample_codes(cells), study.samples(), order)
    return donors, compare_donors(donors, study.conditions)


def gene_means(study: Study, values: np.ndarray, cells: np.ndarray) -> tuple[np.ndarray, pd.DataFrame]:
    """Means of genes by donor, for ``plot_gene_samples``. Only for studies with donors.

    Parameters
    ----------
    study
        The design.
    values
        log1p values, shape (n_cells, n_genes).
    cells
        Those that are looked at; bool, shape (n_cells,).

    Returns
    -------
    Shape (n_samples, n_genes), and the samples, in their order.
    """
    assert study.sample is not None
    samples = study.samples()
    order = [study.sample.categories.get_loc(name) for name in samples["sample"]]
    return means_by_sample(values, study.sample_codes(cells), len(study.sample.categories))[order], samples


def type_colours(
    study: Study, column: str | None, slots: Collection[str], read: Callable[[str], Any]
) -> dict[str, str]:
    """Type -> colour; one for all cells where there are no types."""
    if column is None:
        return dict(zip(study.types, palette(len(study.types)), strict=True))
    return colours_of(column, slots, read)


def _some(cells: np.ndarray) -> np.ndarray:
    """Positions of the chosen cells, of many a random part."""
    found = np.flatnonzero(cells)
    if len(found) > MOST_CELLS:
        found = np.sort(np.random.default_rng(0).choice(found, MOST_CELLS, replace=False))
    return found


def _axes(key: str) -> str:
    return "t-SNE" if key.startswith("X_tsne_") else "UMAP"


def _letters(number: int) -> list[str]:
    """A, B, ... Z, AA, AB, ..."""
    single = list(ascii_uppercase)
    return (single + [first + second for first in single for second in single])[:number]
