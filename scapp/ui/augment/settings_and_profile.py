"""Sections of the Augmentations page."""

from typing import Any

import numpy as np
import pandas as pd
import streamlit as st

from scapp.clear.augment.augmentations import AUGMENTATIONS, Augmentation
from scapp.clear.augment.config import AugmentationConfig
from scapp.clear.augment.preview import (
    Sample,
    certain,
    change,
    stages,
)
from scapp.clear.config import PRESETS, clear_config
from scapp.core import keys
from scapp.plotting.augment import plot_before_after, plot_top_genes, profile_table
from scapp.ui.augment import words
from scapp.ui.clear.start_and_runs import PRESET_NAMES, carry_augmentation
from scapp.ui.kit import state
from scapp.ui.kit.boundary import boundary, escape
from scapp.ui.kit.forms import config_form
from scapp.ui.kit.routing import page_file
from scapp.ui.kit.widgets import show_figure, show_table
from scapp.ui.map import coloured_maps
from scapp.ui.map.clusters_tab import suggested_labels
from scapp.ui.teach.write_tab import record_copies
from scapp.workspace.datasets.dataset import Dataset

ALL_STEPS = "the whole chain"


def settings_section(dataset: Dataset) -> tuple[AugmentationConfig, bool, int]:
    """Where the settings start from, all of them, and the seed; whether genes are scaled is the preset's choice."""
    preset = st.segmented_control(
        "Start from the augmentations of",
        list(PRESETS),
        default="recommended",  # what the next page trains with unless told otherwise
        required=True,
        format_func=PRESET_NAMES.__getitem__,
        key=f"augment.{dataset.id}.preset",
        persist_state="session",
    )
    start = clear_config(preset)
    prefix = f"augment.{dataset.id}.{preset}"
    values: dict[str, Any] = {}
    columns = st.columns(2)
    for place, augmentation in enumerate(AUGMENTATIONS):
        names = [f"{augmentation.id}_probability", f"{augmentation.id}_share"]
        names += ["noise_sd"] if augmentation.has_strength else []
        with columns[place % 2], st.expander(_summary(augmentation, prefix, start.augmentation)):
            st.write(augmentation.sentence)
            st.caption(f"Too weak: {augmentation.weak} Too strong: {augmentation.strong}")
            found = config_form(AugmentationConfig, key=prefix, start=start.augmentation, only=names, flat=True)
            values |= {name: found[name] for name in names}
    with st.container(horizontal=True, vertical_alignment="bottom"):
        seed = st.number_input(
            "Seed", 0, 2**31 - 1, key=f"augment.{dataset.id}.seed", persist_state="session", width=140
        )
        st.button(
            "Again",
            key="augment.again",
            on_click=_next_seed,
            args=(dataset.id,),
            help="The next seed: other genes, the same settings.",
        )
    if start.scale_input:
        st.caption(words.SCALED_PREVIEW)
    return AugmentationConfig.build(values), start.scale_input, int(seed)


def _summary(augmentation: Augmentation, prefix: str, start: AugmentationConfig) -> str:
    """Title and what is set, as the widgets have it."""
    names = (f"{augmentation.id}_probability", f"{augmentation.id}_share")
    often, share = (float(st.session_state.get(f"{prefix}.{name}", getattr(start, name))) for name in names)
    if min(often, share) <= 0:
        return f"{augmentation.title} · off"
    return f"**{augmentation.title}** · in {100 * often:.0f}% of views, {100 * share:.0f}%"


def _next_seed(id: str) -> None:
    st.session_state[f"augment.{id}.seed"] = int(st.session_state.get(f"augment.{id}.seed") or 0) + 1


def cell_choice(dataset: Dataset) -> int:
    """A cell by its name, at random, or from the map."""
    names = _names(dataset.slots[keys.OBS_NAMES].fingerprint, dataset)
    key = f"augment.{dataset.id}.cell"
    st.session_state.setdefault(key, str(names[0]))
    left, middle = st.columns([3, 4], vertical_alignment="bottom")
    with left:
        typed = st.text_input("Cell (its name in the file)", key=key, persist_state="session")
    with middle, st.container(horizontal=True, vertical_alignment="bottom"):
        st.button("A random cell", key="augment.random", on_click=_random_cell, args=(dataset.id, names))
        with st.popover("Pick it on the map"), boundary():
            _map_choice(dataset, names)
    places = np.flatnonzero(names == typed.strip())
    if not len(places):
        st.warning(escape(f"There is no cell '{typed}'. Names are like '{names[0]}'; showing the first cell."))
        return 0
    return int(places[0])


@st.cache_resource(max_entries=4, show_spinner=False)
def _names(fingerprint: str, _dataset: Dataset) -> np.ndarray:
    return np.asarray(_dataset.names(keys.OBS_NAMES).to_numpy(dtype=str))


def _random_cell(id: str, names: np.ndarray) -> None:
    st.session_state[f"augment.{id}.cell"] = str(names[np.random.default_rng().integers(len(names))])


def _map_choice(dataset: Dataset, names: np.ndarray) -> None:
    found = coloured_maps.available(dataset)
    if not found:
        st.info("There is no map yet: make one on the Clusters & map page.")
        return
    st.caption("Draw a box or lasso: the cell in its middle is taken.")
    label = suggested_labels(dataset)
    colour = coloured_maps.colouring(dataset, label) if label else coloured_maps.Colouring("", None)
    polygons = coloured_maps.draw(dataset, found[0], colour, key=f"augment.map.{dataset.id}", select=True, height=420)
    selection = coloured_maps.drawn_selection(polygons, found[0])
    if selection is None:
        return
    middle = np.mean([corner for polygon in selection.polygons for corner in polygon], axis=0)
    cell = int(np.linalg.norm(coloured_maps.points(dataset, found[0]) - middle, axis=1).argmin())
    st.button(
        escape(f"Take {names[cell]}"),
        key="augment.take",
        on_click=_take,
        args=(dataset.id, str(names[cell])),
        type="primary",
    )


def _take(id: str, name: str) -> None:
    st.session_state[f"augment.{id}.cell"] = name


def profile_section(dataset: Dataset, sample: Sample, config: AugmentationConfig, seed: int, cell: int) -> None:
    """The cell before and after each step: numbers, bars, scatter."""
    st.header("One cell, before and after")
    label = suggested_labels(dataset)
    if label:
        st.caption(f"{escape(label)}: **{escape(str(state.grouping(dataset, label).iloc[cell]))}**")
    always = st.toggle(
        "Let every augmentation that is on happen",
        True,
        key=f"augment.{dataset.id}.certain",
        persist_state="session",
        help="In training each happens with its probability; here one wants to see it.",
    )
    found = stages(sample, 0, certain(config) if always else config, seed)
    if not found:
        st.info("No augmentation happened to this cell: click 'Again', or raise how often one of them happens.")
        return
    before = sample.profiles[0]
    rows, last = [], before
    for stage in found:
        rows.append(_change_row(stage.title, last, stage.profile))
        last = stage.profile
    rows.append(_change_row(ALL_STEPS, before, last))
    table = pd.DataFrame(rows)
    show_table(
        table,
        key="augment.changes",
        name="augmentation_changes",
        alt="Genes changed, added and lost by each augmentation",
    )
    st.caption("Shares are of all genes; added: zero before and not after; lost: the other way round.")
    choices = [*(stage.title for stage in found), ALL_STEPS]
    chosen = st.segmented_control(
        "Shown below",
        choices,
        default=ALL_STEPS,
        required=True,
        key=f"augment.{dataset.id}.shown.{len(choices)}.{'.'.join(stage.id for stage in found)}",
    )
    place = choices.index(chosen)
    whole = chosen == ALL_STEPS
    start = before if whole or place == 0 else found[place - 1].profile
    end = last if whole else found[place].profile
    profiles = profile_table(start, end, _gene_labels(dataset))
    left, right = st.columns([3, 2])
    with left:
        show_figure(
            plot_top_genes(profiles),
            key="augment.bars",
            name="augmented_top_genes",
            alt="Strongest genes before and after",
        )
    with right:
        show_figure(
            plot_before_after(profiles),
            key="augment.scatter",
            name="augmented_profile",
            alt="Each gene before and after",
        )
    show_table(profiles.round(4), key="augment.profile", name="augmented_profile", alt="The profile before and after")


def _change_row(title: str, before: np.ndarray, after: np.ndarray) -> dict[str, Any]:
    found = change(before, after)
    return {
        "step": title,
        "changed (%)": round(100 * found.changed, 1),
        "added (%)": round(100 * found.added, 1),
        "lost (%)": round(100 * found.lost, 1),
        "sum of values": round(float(after.sum()), 1),
    }


def _gene_labels(dataset: Dataset) -> list[str]:
    chosen = np.asarray(state.read(dataset, keys.var(keys.HIGHLY_VARIABLE)), dtype=bool)
    symbols = np.asarray(state.genes(dataset).symbols, dtype=object)[chosen]
    twice = pd.Series(symbols).duplicated(keep=False).to_numpy()
    names = np.asarray(state.genes(dataset).names, dtype=object)[chosen]
    return [
        f"{symbol} · {name}" if again else str(symbol)
        for symbol, name, again in zip(symbols, names, twice, strict=True)
    ]


def train_button(dataset: Dataset, config: AugmentationConfig) -> None:
    """On to training with these augmentations, or into a lesson."""
    with st.container(horizontal=True):
        pressed = st.button("Next: train with these augmentations", type="primary", key="augment.next")
        record_copies(config)
    if pressed:
        carry_augmentation(dataset, st.session_state.get(f"augment.{dataset.id}.preset") or "paper", config)
        st.switch_page(page_file("clear"), query_params={"dataset": dataset.id})
