"""A study of conditions and donors as one self-contained page: design, composition, genes, scores, pathways."""

import html

import numpy as np
import pandas as pd

from scapp.analysis.de.composition import mean_shares
from scapp.analysis.de.design import Study, design_faults, design_notes
from scapp.analysis.de.enrichment import running_sum
from scapp.analysis.de.gene_sets import curated_licence
from scapp.analysis.de.gene_tables import passing, ranking_of
from scapp.core import keys
from scapp.core.errors import DataError
from scapp.plotting.de.design_figures import plot_design, plot_shares
from scapp.plotting.de.pathway_figures import plot_pathways, plot_running_sum, plot_scores
from scapp.plotting.de.volcano import plot_gene_samples, plot_ma, plot_volcano
from scapp.reports.dataset_report import history_html
from scapp.reports.html_parts import figure_html, page, table_html
from scapp.reports.methods_text import methods_text
from scapp.reports.study_panels import Drawn, Panel, Panels, gene_means, score_tests, scores_of, type_colours
from scapp.steps.de.matched_sets import sets_of
from scapp.steps.de.set_design import COLUMNS
from scapp.steps.step import Reading
from scapp.workspace.datasets.dataset import Dataset
from scapp.workspace.datasets.history import out_of_date

MAX_P, MIN_FOLD = 0.05, 0.25
N_ROWS, N_GENES, N_CURVES, N_SETS, MOST_TYPES, N_LEADING, MOST_CELLS = 50, 30, 3, 12, 4, 12, 20_000
OUTDATED = "<p><b>Out of date</b>: the design or the data have changed since this was computed.</p>"
NUMBERS = {
    **dict.fromkeys(
        ("p_value", "p_value_adjusted", "p_rank", "p_rank_adjusted", "p_t", "p_t_adjusted", "smallest_p_rank"), ".2e"
    ),
    **dict.fromkeys(
        (
            "log2_fold_change",
            "standard_error",
            "statistic",
            "mean",
            "share_reference",
            "share_compared",
            "log2_ratio",
            "cliffs_delta",
            "mean_reference",
            "mean_compared",
            "difference",
            "score",
            "normalised_score",
        ),
        ".3g",
    ),
}
FACTS = (
    "cell_type",
    "reference",
    "compared",
    "method",
    "reason",
    "n_donors_reference",
    "n_donors_compared",
    "n_cells_reference",
    "n_cells_compared",
    "n_genes",
    "covariates",
    "notes",
)


def study_report_html(dataset: Dataset) -> str:
    """HTML that needs nothing from elsewhere: the findings first, as the panels of a figure, then the tables.

    Raises
    ------
    DataError
        No study design was chosen.
    """
    panels = Panels(dataset)
    study, config = panels.study, panels.config
    drawn = {panel: panel.draw() for panel in panels.panels().values()}
    shown = {slot for found in drawn.values() for slot in found.slots}
    results = keys.differentials(dataset.slots)
    sections = [
        f"<h1>{html.escape(dataset.name)}: {html.escape(listed_conditions(study))}</h1>",
        (
            f"<p>{int(study.known.sum()):,} cells of {len(study.samples()) or 'unknown'} samples × {dataset.n_genes:,}"
            " genes.</p>"
        ),
        _faults(study),
        "<h2>Findings</h2>",
        *(part for panel, found in drawn.items() for part in _panel(panel, found, panels.is_outdated(found))),
        *_composition(dataset, study),
        *(part for name in results for part in _differential(dataset, study, name)),
        *_scores(dataset, study, results, panels.focus),
        *(
            part
            for name in keys.names_in(dataset.slots, "uns")
            if name.startswith("enrichment_")
            for part in _pathways(dataset, name, f"uns/{name}" in shown)
        ),
        *_design(study, {name: getattr(config, name) for name in COLUMNS}),
        f"<h2>Methods</h2><pre>{html.escape(methods_text(dataset))}</pre>",
        *_parameters(dataset),
        f"<p>{html.escape(curated_licence())}</p>",
        history_html(dataset),
    ]
    return page(f"{dataset.name}: study", sections)


def _panel(panel: Panel, drawn: Drawn, outdated: bool) -> list[str]:
    """A panel that there is something to say of."""
    if drawn.figure is None and not drawn.slots:
        return []
    said = "".join(f"<li>{html.escape(sentence)}</li>" for sentence in drawn.said)
    return [
        f"<h3>{html.escape(panel.letter)} · {html.escape(panel.title)}</h3>",
        OUTDATED if outdated else "",
        f"<ul>{said}</ul>",
        "" if drawn.figure is None else figure_html(drawn.figure),
    ]


def _faults(study: Study) -> str:
    """What makes every comparison doubtful, repeated above each table of results."""
    return "".join(f"<p class='fault'>{html.escape(fault)}</p>" for fault in design_faults(study))


def listed_conditions(study: Study) -> str:
    """The comparison in a few words."""
    return f"{', '.join(study.conditions[1:])} against {study.conditions[0]}"


def _design(study: Study, columns: dict[str, str | None]) -> list[str]:
    chosen = pd.DataFrame(
        [(k.removesuffix("_key"), v or "none") for k, v in columns.items()], columns=["what", "column"]
    )
    notes = "".join(f"<li>{html.escape(note)}</li>" for note in design_notes(study))
    return [
        "<h2>Study design</h2>",
        table_html(chosen),
        table_html(study.samples()),
        f"<ul>{notes}</ul>",
        figure_html(plot_design(study.cells_per_sample())),
    ]


def _composition(dataset: Dataset, study: Study) -> list[str]:
    if len(study.types) < 2:
        return []
    shares, tests = dataset.read(keys.COMPOSITION), dataset.read(keys.COMPOSITION_TESTS)
    column = str(dataset.read(keys.STUDY)["cell_type_key"]) or None
    colours = type_colours(study, column, dataset.slots, dataset.read)
    parts = [
        "<h2>Cell-type composition</h2>",
        figure_html(plot_shares(mean_shares(shares, study.conditions), colours=colours)),
    ]
    if study.sample is not None:
        parts += [
            (
                "<p>Tests count donors. <i>smallest_p_rank</i> is what the rank test gives when the two sides do not"
                " overlap at all. Shares sum to one: where one type rises, others must fall.</p>"
            ),
            _faults(study),
            table_html(_p_first(tests), formats=NUMBERS),
        ]
    return parts


def _gene_values(dataset: Dataset, genes: list[str]) -> np.ndarray:
    positions = dataset.names(keys.VAR_NAMES).get_indexer(genes)
    return np.column_stack([dataset.gene(int(position)) for position in positions])


def _differential(dataset: Dataset, study: Study, name: str) -> list[str]:
    table, about = dataset.read(keys.differential(name)), dataset.read(keys.about_differential(name))
    found = passing(table, max_p=MAX_P, min_log2_fold=MIN_FOLD)
    title = f"log2 fold change, {about['compared']} against {about['reference']}"
    cells = study.cells_titled(str(about["cell_type"]))
    facts = pd.DataFrame([(k, about[k]) for k in FACTS if str(about[k])], columns=["what", "value"])
    parts = [
        f"<h2>{html.escape(name)}</h2>",
        (
            f"<p>{len(found):,} of {len(table):,} tested genes pass (adjusted p ≤ {MAX_P}, |log2 fold change| ≥"
            f" {MIN_FOLD}).</p>"
        ),
        *_outdated(dataset, keys.differential(name)),
        table_html(facts),
        figure_html(plot_volcano(table, max_p=MAX_P, min_log2_fold=MIN_FOLD, x_title=title)),
        figure_html(
            plot_ma(
                table,
                max_p=MAX_P,
                min_log2_fold=MIN_FOLD,
                y_title=title,
                logarithmic=about["method"] == "pseudobulk",
            )
        ),
    ]
    if study.sample is not None and len(found) and cells.any() and keys.X in dataset:
        best = found.sort_values("strength", ascending=False).head(N_GENES)
        means, rows = gene_means(study, _gene_values(dataset, best["gene"].astype(str).tolist()), cells)
        parts.append(figure_html(plot_gene_samples(means, best["symbol"].astype(str).tolist(), rows)))
    return [*parts, _faults(study), table_html(table.head(N_ROWS), formats=NUMBERS)]


def _scores(dataset: Dataset, study: Study, results: list[str], shown: str) -> list[str]:
    """Scores of types that the panels do not show, and the tests of all."""
    if keys.GENE_SET_SCORES not in dataset:
        return []
    values = scores_of(dataset.slots, dataset.read)
    kinds = [str(dataset.read(keys.about_differential(name))["cell_type"]) for name in results]
    parts = ["<h2>Gene-set scores</h2>"]
    for title in list(dict.fromkeys([shown, *kinds]))[:MOST_TYPES]:
        cells = study.cells_titled(title)
        if not cells.any():
            continue
        donors, tests = score_tests(values, study, cells)
        parts.append(f"<h3>{html.escape(title)}</h3>")
        if title != shown:
            of_type = {name: values[name][cells] for name in list(values)[:N_SETS]}
            parts.append(figure_html(plot_scores(of_type, study.condition[cells], donors)))
        if tests is not None:
            parts += [_faults(study), table_html(_p_first(tests), formats=NUMBERS)]
    return [*parts, table_html(dataset.read(keys.GENE_SET_SCORES).drop(columns=["column"]))]


def _pathways(dataset: Dataset, key: str, shown: bool) -> list[str]:
    table = dataset.read(f"uns/{key}")
    record = dataset.manifest.provenance[dataset.slots[f"uns/{key}"].provenance]
    parts = [
        f"<h2>Pathways: {html.escape(key.removeprefix('enrichment_'))}</h2>",
        *_outdated(dataset, f"uns/{key}"),
        "" if shown else figure_html(plot_pathways(table)),
        table_html(_short_pathways(table.head(N_ROWS), record.config), formats=NUMBERS),
    ]
    slot = keys.differential(str(record.config.get("result")))
    if record.config.get("method") == "gsea" and slot in dataset:
        ranking = ranking_of(dataset.read(slot))
        try:
            sets, titles = sets_of(Reading(dataset), str(record.config["library"]))
        except DataError as error:
            return [*parts, f"<p>Running sums are left out: {html.escape(error.message)}</p>"]
        for name in [str(name) for name in table["set"].head(N_CURVES) if str(name) in sets]:
            parts.append(figure_html(plot_running_sum(running_sum(ranking, sets[name]), titles[name])))
    return parts


def _outdated(dataset: Dataset, slot: str) -> list[str]:
    if slot not in out_of_date(dataset.manifest):
        return []
    return [OUTDATED]


def _p_first(tests: pd.DataFrame) -> pd.DataFrame:
    """Columns that matter first, so that they are seen on a narrow page."""
    first = ["feature", "compared", "reference", "p_rank", "p_rank_adjusted", "smallest_p_rank", "p_t", "p_t_adjusted"]
    return tests[[*first, *(name for name in tests if name not in first)]]


def _short_pathways(table: pd.DataFrame, config: dict[str, object]) -> pd.DataFrame:
    """Rows that fit a page: some leading genes, and p of zero as what it is."""
    shown = table.drop(columns="set")
    genes = shown["leading_genes"].astype(str).str.split()
    shown["leading_genes"] = [" ".join(names[:N_LEADING]) + (" …" if len(names) > N_LEADING else "") for names in genes]
    if config.get("method") == "gsea":
        least = 1 / int(str(config["n_permutations"]))
        for name in ("p_value", "p_value_adjusted"):
            shown[name] = [f"< {least:g}" if p == 0 else p for p in shown[name]]
    return shown


def _parameters(dataset: Dataset) -> list[str]:
    """Settings and versions of every step, as they were recorded."""
    records = list(dataset.manifest.provenance.values())
    rows = [
        (record.step, name, str(value))
        for record in records
        for name, value in record.config.items()
        if value not in (None, "", [], {})
    ]
    versions: dict[str, str] = {}
    for record in records:
        versions |= record.versions
    return [
        "<h2>Settings</h2><details><summary>All settings of all steps</summary>",
        table_html(pd.DataFrame(rows, columns=["step", "setting", "value"])),
        "</details><h2>Versions</h2>",
        table_html(pd.DataFrame(versions.items(), columns=["package", "version"])),
    ]
