"""The map itself: made, shown, coloured."""

import numpy as np
import streamlit as st

from scapp.analysis.map.config import MapConfig
from scapp.analysis.map.selection import selected
from scapp.analysis.markers.suggested_names import UNNAMED
from scapp.core import keys
from scapp.core.provenance import Provenance
from scapp.jobs.launch import submit
from scapp.ui.kit import downloads, state
from scapp.ui.kit.boundary import boundary, escape
from scapp.ui.kit.forms import config_form
from scapp.ui.kit.live import latest_of, run_panel
from scapp.ui.kit.routing import link
from scapp.ui.map import coloured_maps, selection_panel, words
from scapp.ui.map.coloured_maps import ANTIBODIES, GENES, Colouring, MapRecord
from scapp.workspace.datasets.dataset import Dataset
from scapp.workspace.runs.run import ACTIVE, Run

MAP_HEIGHT = 540
"""Pixels: controls, map and its legend fit into a window of 900."""


def representation_choice(dataset: Dataset) -> str:
    """Which representation; CLEAR first where there is one."""
    names = sorted(keys.representations(dataset.slots), key=lambda name: (name != "clear", name != "pca", name))
    if not names:
        st.info(
            "This dataset holds no representation. Filter and normalise it on the Upload & QC page, which makes PCA."
        )
        link("upload", "Go to Upload & QC", dataset=dataset.id)
        st.stop()
    chosen: str = st.selectbox(
        "Representation",
        names,
        format_func=lambda name: "CLEAR (the chosen run)" if name == "clear" else coloured_maps.pretty(name),
        key=f"map.representation.{dataset.id}",
        persist_state="session",
        help="What neighbours, map and clusters are computed from."
        + ("" if "clear" in names else " CLEAR is offered here once it has been trained."),
        width=240,
    )
    return chosen


def is_made(dataset: Dataset, name: str) -> bool:
    """Whether a representation has a map."""
    return keys.umap(name) in dataset or keys.drawn("tsne", name) in dataset


def has_map(dataset: Dataset | None) -> bool:
    """Whether any map was made on a dataset."""
    return dataset is not None and any(is_made(dataset, name) for name in keys.representations(dataset.slots))


def latest_run(dataset: Dataset, name: str) -> Run | None:
    """The newest run that makes the map of a representation."""
    return latest_of("map", dataset, representation=name)


def settings_section(dataset: Dataset, name: str, run: Run | None) -> None:
    """Settings of the map, and the button while no run makes it."""
    active = run is not None and run.observe().state in ACTIVE
    made = is_made(dataset, name)
    values = config_form(MapConfig, key=f"map.{dataset.id}", start=MapConfig(representation=name), flat=made)
    st.caption(words.MAP)
    if not active and st.button(
        "Make the map again" if made else "Make the map", type="secondary" if made else "primary", key="map.go"
    ):
        submit(state.root(), "map", MapConfig.build({**values, "representation": name}), dataset)
        st.rerun()


def map_run_section(dataset: Dataset, name: str, run: Run | None, *, followed: str = "") -> None:
    """A map that is being made, but for a run that is followed elsewhere; what is to be known of one that is there."""
    made = is_made(dataset, name)
    if made and _of_parent(dataset, name):
        st.info(
            "These maps and clusters were made among all cells of the dataset that these cells were taken from. "
            "Make the map again to see these cells by themselves."
        )
    elif made and _outdated(dataset, name):
        st.warning("The representation has changed since this map was made. Make the map again to see it.")
    if run is not None and run.id != followed:
        run_panel(run, key=f"map.{name}")


def _outdated(dataset: Dataset, name: str) -> bool:
    """Whether any map was made from other values than the representation has now."""
    slot = keys.representation(name)
    return any(
        record.inputs.get(slot) not in (None, dataset.slots[slot].fingerprint) for record in _makers(dataset, name)
    )


def _of_parent(dataset: Dataset, name: str) -> bool:
    """Whether a map was taken over with the cells."""
    return any(record.step == "subset" for record in _makers(dataset, name))


def _makers(dataset: Dataset, name: str) -> list[Provenance]:
    """The steps that wrote the maps of a representation."""
    drawn = [keys.drawn(method, name) for method in coloured_maps.METHODS if keys.drawn(method, name) in dataset]
    return [dataset.manifest.provenance[dataset.slots[map_slot].provenance] for map_slot in drawn]


def maps_of(dataset: Dataset, name: str) -> list[MapRecord]:
    """Maps that can be shown: those of the representation first, then those that came with the file."""
    return [record for record in coloured_maps.available(dataset) if record.representation in (name, "")]


def _map_choice(dataset: Dataset, name: str, found: list[MapRecord]) -> MapRecord:
    chosen: MapRecord = st.segmented_control(
        "Map",
        found,
        default=found[0],
        required=True,
        format_func=lambda record: record.title,
        key=f"map.which.{dataset.id}.{name}.{len(found)}",
        persist_state="session",
    )
    return chosen


@st.fragment
def map_section(dataset: Dataset, name: str, found: list[MapRecord]) -> None:
    """The map with its colours, and what is selected on it. A fragment: selecting does not redraw the page."""
    with boundary(), downloads.beside():
        by, searched, only, *which = st.columns([3, 3, 3, 3] if len(found) > 1 else [4, 3, 4])
        record = found[0]
        for column in which:
            with column:
                record = _map_choice(dataset, name, found)
        with by:
            chosen = _colour_choice(dataset, record)
        with searched:
            gene = _gene_search(dataset)
        faithful = coloured_maps.faithful_words(dataset, record)
        if gene is not None or chosen == GENES:
            with only:
                genes = _gene_choice(dataset) if gene is None else [gene]
            _gene_maps(dataset, record, genes)
            st.caption(faithful)
            return
        with only:
            colour = _antibody_colour(dataset) if chosen == ANTIBODIES else coloured_maps.colouring(dataset, chosen)
            groups = _only(dataset, colour)
        shown = _members(dataset, colour, groups)
        key = f"map.{dataset.id}.{record.key}.{colour.title}"
        keep = f"map.{dataset.id}.{record.key}"
        event = coloured_maps.draw(
            dataset, record, colour, key=key, keep=keep, shown=shown, select=True, height=MAP_HEIGHT, names=True
        )
        select = words.SELECT if colour.values is not None and groups is not None else words.SELECT_ONLY
        st.caption(f"{faithful} {select}".strip())
        selection = coloured_maps.drawn_selection(event, record, chosen, tuple(groups or ()))
        selection_panel.selection_section(dataset, selection)


def _colour_choice(dataset: Dataset, record: MapRecord) -> str:
    groups, scales = coloured_maps.colour_options(dataset, record.representation)
    key, last = f"map.colour.{dataset.id}", f"map.coloured.{dataset.id}"
    # on another representation's map, its own clusters take the place of those of the one before
    before = st.session_state.get(last)
    if before not in (None, record.representation) and str(st.session_state.get(key)).endswith(f"_{before}") and groups:
        st.session_state[key] = groups[0]
    st.session_state[last] = record.representation
    if names := _names_of_now(dataset, record.representation):
        st.session_state.setdefault(key, names)
    options = [*groups, *scales, GENES, *([ANTIBODIES] if coloured_maps.antibodies(dataset) else [])]
    chosen: str = st.selectbox("Colour by", options, key=key, persist_state="session")
    return chosen


def _names_of_now(dataset: Dataset, representation: str) -> str | None:
    """The annotation of suggested names, where they are those of the clusters of now."""
    names = keys.suggested(f"leiden_{representation}")
    if not dataset.is_current(names, keys.clusters("leiden", representation)):
        return None
    known = any(not name.startswith(UNNAMED) for name in state.read(dataset, names).categories)
    return names.removeprefix("obs/") if known else None


def _antibody_colour(dataset: Dataset) -> Colouring:
    key = f"map.antibody.{dataset.id}"
    name = st.selectbox("Antibody", coloured_maps.antibodies(dataset), key=key, persist_state="session")
    return coloured_maps.antibody_colouring(dataset, name)


def _only(dataset: Dataset, colour: Colouring) -> list[str] | None:
    """Groups that alone are drawn; None where the colours are on a scale."""
    if colour.values is None or not hasattr(colour.values, "cat"):
        return None
    groups = [str(name) for name in colour.values.cat.categories]
    key = f"map.only.{dataset.id}.{colour.title}"
    return st.multiselect("Show only", groups, key=key, placeholder="all groups")


def _members(dataset: Dataset, colour: Colouring, groups: list[str] | None) -> np.ndarray:
    if not groups or colour.values is None:
        return np.ones(dataset.n_cells, dtype=bool)
    return selected(
        coloured_maps.Selection(column=colour.title, groups=tuple(groups)), dataset.n_cells, None, colour.values
    )


def _gene_search(dataset: Dataset) -> str | None:
    """A gene to colour by at once; it goes before the annotation."""
    gene: str | None = st.selectbox(
        "Gene",
        state.genes(dataset).labels,
        index=None,
        key=f"map.gene.{dataset.id}",
        persist_state="session",
        placeholder="type a gene",
        help="Colours the map by this gene until the field is emptied. To compare several, colour by 'genes'.",
    )
    return gene


def _gene_choice(dataset: Dataset) -> list[str]:
    return coloured_maps.gene_choice(dataset, key=f"map.genes.{dataset.id}", default=state.genes(dataset).labels[:1])


def _gene_maps(dataset: Dataset, record: MapRecord, genes: list[str]) -> None:
    """Several genes side by side; one alone is large and can be selected on."""
    if len(genes) == 1:
        colour = coloured_maps.gene_colouring(dataset, genes[0])
        key = f"map.{dataset.id}.{record.key}.{genes[0]}"
        event = coloured_maps.draw(dataset, record, colour, key=key, select=True, height=MAP_HEIGHT)
        st.caption(words.SELECT_ONLY)
        selection_panel.selection_section(dataset, coloured_maps.drawn_selection(event, record))
        return
    if not genes:
        st.info("Type the symbol or the id of a gene; up to nine are shown side by side.")
    columns = st.columns(2 if len(genes) in (2, 4) else 3)
    for index, gene in enumerate(genes):
        with columns[index % len(columns)]:
            st.markdown(f"**{escape(gene)}**")
            colour = coloured_maps.gene_colouring(dataset, gene)
            coloured_maps.draw(dataset, record, colour, key=f"genes.{dataset.id}.{record.key}.{gene}", height=320)
