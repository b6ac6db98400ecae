"""``de``: cell-type composition, differential expression and pathways, across conditions and donors."""

import argparse
import sys
import tempfile
from pathlib import Path
from typing import Any

import pandas as pd

from scapp.analysis.de.config import CURATED, DifferentialConfig, EnrichConfig, StudyConfig
from scapp.analysis.de.design import levels_of
from scapp.analysis.de.gene_sets import load_library
from scapp.cli.console import checked_folder, load, run
from scapp.cli.options import add_reading, add_settings, command, given
from scapp.cli.qc import prepared
from scapp.core import files, keys
from scapp.core.csv_text import write_csv
from scapp.core.errors import ConfigError, DataError, listed
from scapp.data.locations import safe_file_name
from scapp.jobs.chains.de import GUIDED_STUDY, GuidedStudyConfig
from scapp.jobs.chains.walking import walk
from scapp.jobs.session import Session
from scapp.reports.comparisons import pathways_of
from scapp.steps.de.matched_sets import sets_of
from scapp.steps.step import Reading
from scapp.workspace.datasets.dataset import Dataset


def add_commands(commands: Any) -> None:
    """Declare the command."""
    de = command(commands, "de", _de, "compare conditions: composition, genes, pathways, and a report; writes a folder")
    add_reading(de)
    de.add_argument("-o", "--output", type=Path, required=True, metavar="DIR")
    de.add_argument("--condition", required=True, metavar="COL", help="column that says what is compared")
    de.add_argument("--reference", required=True, metavar="A", help="condition that the others are compared with")
    de.add_argument(
        "--compare", action="append", metavar="B", help="condition to compare; again for more. Default: all"
    )
    de.add_argument("--cell-type-key", metavar="COL", help="column of cell types; each is then tested by itself")
    de.add_argument("--cell-type", action="append", metavar="X", help="only this type; again for more")
    de.add_argument("--donor-key", metavar="COL", help="column of donors or animals; without it tests are exploratory")
    de.add_argument(
        "--batch-key", metavar="COL", help="column of batches, to warn where they go along with the condition"
    )
    de.add_argument("--covariate", action="append", metavar="COL", help="column that says one thing of each donor")
    de.add_argument("--gene-sets", metavar="GMT", help="file of gene sets; default: scapp's own")
    de.add_argument(
        "--guided",
        action="store_true",
        help=(
            "the guided study (CLEAR paper, Figure 5) of one cell type: also a map, markers and scores, and a table for"
            " each panel"
        ),
    )
    add_settings(de, DifferentialConfig)


def _de(arguments: argparse.Namespace) -> dict[str, Any]:
    output = checked_folder(arguments.output)
    if arguments.cell_type and not arguments.cell_type_key:
        raise ConfigError("--cell-type was given without --cell-type-key.", hint="Name the column of cell types.")
    if arguments.guided and arguments.gene_sets:
        raise ConfigError("--guided takes scapp's own gene sets.", hint="Leave out --gene-sets, or --guided.")
    if arguments.guided and len(arguments.cell_type or []) > 1:
        raise ConfigError(
            "--guided looks into one cell type, and several were named.", hint="Give --cell-type once, or leave it out."
        )
    library = str(Path(arguments.gene_sets).resolve()) if arguments.gene_sets else CURATED
    load_library(library)  # a file that is no GMT is told of before anything long begins
    with tempfile.TemporaryDirectory() as folder:
        session = Session(folder)
        imported = load(session, arguments)
        if not arguments.guided:
            sets_of(Reading(imported), library)
        dataset = prepared(session, imported, arguments.input)
        design = _design(dataset, arguments)
        if arguments.guided:
            return _guided(session, dataset, design, arguments, output)
        found = run(session, "study", design, dataset.id)
        for note in found["notes"]:
            _note(note)
        dataset = session.workspace.open(dataset.id)
        config = _config(arguments, dataset)
        found = run(session, "de", config, dataset.id)
        for what in found["left_out"]:
            _note(f"left out: {what}")
        rows = [_with_pathways(session, dataset.id, row, library) for row in found["rows"]]
        written = _write(session.workspace.open(dataset.id), rows, output)
        return {"rows": rows, "files": written}


def _guided(
    session: Session, dataset: Dataset, design: StudyConfig, arguments: argparse.Namespace, output: Path
) -> dict[str, Any]:
    """The guided study: its steps, what each panel shows, a table for each, and the report."""
    from scapp.reports.de_report import study_report_html
    from scapp.reports.study_panels import Panels

    types = arguments.cell_type or [None]
    settings = {"genes": {**given(arguments, DifferentialConfig), "covariates": tuple(arguments.covariate or ())}}
    order = tuple(dict.fromkeys((design.order[0], *(arguments.compare or design.order[1:]))))
    told = {**design.model_dump(), "order": order, "focus": types[0], "settings": settings}
    steps = []
    for done in walk(session, GUIDED_STUDY, dataset, GuidedStudyConfig.build(told), run):
        print(f"{done.stage.title}: {done.said}", file=sys.stderr)
        steps.append(done.record)
        dataset = done.dataset
    panels, tables = [], {}
    for letter, panel in Panels(dataset).panels().items():
        drawn = panel.draw()
        panels.append({"panel": letter, "title": panel.title, "said": drawn.said})
        if len(drawn.table):
            tables[f"panel_{letter}"] = drawn.table
    return {"steps": steps, "panels": panels, "files": _written(tables, study_report_html(dataset), output)}


def _note(text: str) -> None:
    print(f"note: {text}", file=sys.stderr)


def _design(dataset: Dataset, arguments: argparse.Namespace) -> StudyConfig:
    reading = Reading(dataset)
    values = reading.column(arguments.condition)
    levels = levels_of(values)
    if arguments.reference not in levels:
        raise ConfigError(
            f"'{arguments.condition}' has no '{arguments.reference}'; it has {listed(levels)}.",
            hint="Give --reference one of these.",
        )
    others = [name for name in levels if name != arguments.reference]
    return StudyConfig(
        condition_key=arguments.condition,
        donor_key=arguments.donor_key,
        cell_type_key=arguments.cell_type_key,
        batch_key=arguments.batch_key,
        order=(arguments.reference, *others),
    )


def _config(arguments: argparse.Namespace, dataset: Dataset) -> DifferentialConfig:
    types: tuple[str, ...] = tuple(arguments.cell_type or ())
    if arguments.cell_type_key and not types:
        types = tuple(levels_of(Reading(dataset).column(arguments.cell_type_key)))
    return DifferentialConfig.build(
        {
            **given(arguments, DifferentialConfig),
            "cell_types": types,
            "compared": tuple(arguments.compare or ()),
            "covariates": tuple(arguments.covariate or ()),
        }
    )


def _with_pathways(session: Session, dataset: str, row: dict[str, Any], library: str) -> dict[str, Any]:
    """The row with its best pathways; a ranking that is too short for any set says so and stops nothing."""
    config = EnrichConfig(result=row["name"], library=library)
    try:
        found = run(session, "enrich", config, dataset)
    except DataError as error:
        if library != CURATED:
            raise
        _note(f"no pathways for {row['name']}: {error.message}")
        return {**row, "top_sets_up": [], "top_sets_down": []}
    return {**row, "top_sets_up": found["top_sets_up"], "top_sets_down": found["top_sets_down"]}


def _free(folder: Path, stem: str, taken: list[Path]) -> Path:
    """A file that no other table has: names that differ by signs alone become the same."""
    path, number = folder / f"{stem}.csv", 2
    while path in taken:
        path, number = folder / f"{stem}_{number}.csv", number + 1
    return path


def _write(dataset: Dataset, rows: list[dict[str, Any]], output: Path) -> list[str]:
    from scapp.reports.de_report import study_report_html

    tables = {"summary": pd.DataFrame(rows)}
    for name, slot in (("composition", keys.COMPOSITION), ("composition_tests", keys.COMPOSITION_TESTS)):
        tables[name] = dataset.read(slot)
    for row in rows:
        tables[f"genes_{row['name']}"] = dataset.read(keys.differential(row["name"]))
        for name in pathways_of(dataset, row["name"])[:1]:
            tables[f"pathways_{row['name']}"] = dataset.read(keys.enrichment(name))
    return _written(tables, study_report_html(dataset), output)


def _written(tables: dict[str, pd.DataFrame], report: str, output: Path) -> list[str]:
    """Write tables and report into a folder; their paths."""
    output.mkdir(exist_ok=True)
    written: list[Path] = []
    for name, table in tables.items():
        path = _free(output, safe_file_name(name[:100]), written)
        with files.replacing(path) as temporary:
            write_csv(table, temporary)
        written.append(path)
    path = output / "report.html"
    with files.replacing(path) as temporary:
        temporary.write_text(report, encoding="utf-8")
    return [str(each) for each in (*written, path)]
