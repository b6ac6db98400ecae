"""A dataset as one self-contained page: what was done, maps, marker genes, methods."""

import html

import numpy as np
import pandas as pd

from scapp.analysis.de.gene_tables import strongest
from scapp.core import keys
from scapp.plotting.map.marker_figures import expression_by_group, plot_dots
from scapp.plotting.map.points import plot_map
from scapp.plotting.map.rivers import plot_sweep
from scapp.reports.html_parts import figure_html, page
from scapp.reports.methods_text import methods_text
from scapp.steps.group_colours import colours_of
from scapp.workspace.datasets.dataset import Dataset

MOST_MAPS, MOST_COLUMNS, MOST_GENES, MOST_GROUPS = 4, 3, 40, 60


def report_html(dataset: Dataset) -> str:
    """HTML that needs nothing from elsewhere; figures can be zoomed and saved."""
    title = html.escape(dataset.name)
    sections = [
        f"<h1>{title}</h1><p>{dataset.n_cells:,} cells × {dataset.n_genes:,} genes.</p>",
        *_maps(dataset),
        *_markers(dataset),
        *_sweeps(dataset),
        f"<h2>Methods</h2><pre>{html.escape(methods_text(dataset))}</pre>",
        history_html(dataset),
    ]
    return page(dataset.name, sections)


def grouping_of(dataset: Dataset, column: str) -> pd.Series:
    """A column that groups cells, as categories named by text."""
    values = pd.Series(dataset.read(keys.obs(column)))
    values = values if isinstance(values.dtype, pd.CategoricalDtype) else values.astype(str).astype("category")
    return values.cat.rename_categories([str(name) for name in values.cat.categories])


def _maps(dataset: Dataset) -> list[str]:
    """Maps made here, each coloured by its clusters and by names and labels."""
    sections = []
    for slot in keys.maps(dataset.slots)[:MOST_MAPS]:
        key = slot.removeprefix("obsm/")
        name = key.split("_", 2)[2]
        wanted = [f"leiden_{name}", "cell_type", *_written_by_hand(dataset), "sample", "condition"]
        columns = [column for column in dict.fromkeys(wanted) if keys.obs(column) in dataset][:MOST_COLUMNS]
        sections.append(f"<h2>{html.escape(key.removeprefix('X_'))}</h2>")
        for column in columns:
            values = grouping_of(dataset, column)
            if len(values.cat.categories) > MOST_GROUPS:
                continue
            hues = [*colours_of(column, dataset.slots, dataset.read).values()]
            figure = plot_map(np.asarray(dataset.read(slot)), values, title=column, colours=hues)
            sections.append(f"<h3>Coloured by {html.escape(column)}</h3>{figure_html(figure)}")
    return sections


def _written_by_hand(dataset: Dataset) -> list[str]:
    records = dataset.manifest.provenance
    return [
        column
        for column in dataset.columns("obs")
        if records[dataset.slots[keys.obs(column)].provenance].step in ("annotate", "name_clusters")
    ]


def _markers(dataset: Dataset) -> list[str]:
    sections = []
    for key in keys.names_in(dataset.slots, "uns"):
        column = key.removeprefix("markers_")
        if not key.startswith("markers_"):
            continue
        table = dataset.read(f"uns/{key}")
        best = strongest(table, 5, min_log2_fold=1.0)
        rows = best.groupby("group", observed=True, sort=False)["gene"].agg(lambda genes: ", ".join(map(str, genes)))
        listing = "".join(
            f"<tr><td>{html.escape(str(g))}</td><td>{html.escape(text)}</td></tr>" for g, text in rows.items()
        )
        sections.append(
            f"<h2>Marker genes of {html.escape(column)}</h2><table><tr><th>group</th><th>strongest"
            f" genes</th></tr>{listing}</table>"
        )
        if keys.obs(column) in dataset and len(best):
            genes = list(dict.fromkeys(strongest(table, 3, min_log2_fold=1.0)["gene"].astype(str)))[:MOST_GENES]
            positions = dataset.names(keys.VAR_NAMES).get_indexer(genes)
            values = np.column_stack([dataset.gene(int(position)) for position in positions])
            data = expression_by_group(values, pd.Categorical(grouping_of(dataset, column)), genes)
            sections.append(figure_html(plot_dots(data)))
    return sections


def _sweeps(dataset: Dataset) -> list[str]:
    found = [key for key in keys.names_in(dataset.slots, "uns") if key.startswith("sweep_")]
    return [
        "<h2>Resolutions on"
        f" {html.escape(key.removeprefix('sweep_'))}</h2>{figure_html(plot_sweep(dataset.read(f'uns/{key}')))}"
        for key in found
    ]


def history_html(dataset: Dataset) -> str:
    """When each step was done, and how long it took."""
    rows = "".join(
        f"<tr><td>{html.escape(record.created[:16].replace('T', ' '))}</td>"
        f"<td>{html.escape(record.step)}</td><td>{record.seconds or 0:.1f}</td></tr>"
        for record in dataset.manifest.provenance.values()
    )
    return f"<h2>Steps</h2><table><tr><th>at (UTC)</th><th>step</th><th>seconds</th></tr>{rows}</table>"
