"""The design of a study on the page: chosen once, read by every tab."""

import json
from typing import Any

import pandas as pd
import streamlit as st

from scapp.analysis.de.config import StudyConfig
from scapp.analysis.de.design import (
    Study,
    design_faults,
    design_notes,
    levels_of,
    make_study,
    suggested_design,
    usual_reference,
)
from scapp.core import keys
from scapp.core.errors import DataError
from scapp.jobs.launch import run_now
from scapp.plotting.de.design_figures import plot_design
from scapp.reports import study_panels
from scapp.steps.de.set_design import COLUMNS, config_of
from scapp.ui.de import words
from scapp.ui.kit import state
from scapp.ui.kit.boundary import escape
from scapp.ui.kit.downloads import download_csv
from scapp.ui.kit.forms import config_form
from scapp.ui.kit.widgets import show_figure, show_table
from scapp.workspace.datasets.dataset import Dataset


def chosen_config(dataset: Dataset) -> StudyConfig | None:
    """The design that was chosen for a dataset, if any."""
    return config_of(state.read(dataset, keys.STUDY)) if keys.STUDY in dataset else None


@st.cache_resource(max_entries=8, show_spinner=False)
def _study(paths: tuple[str, ...], names: tuple[str, ...], config: str) -> Study:
    columns = {name: state.element(path) for name, path in zip(names, paths, strict=True)}
    return make_study(pd.DataFrame(columns), StudyConfig.build(json.loads(config)))


def study_of(dataset: Dataset, config: StudyConfig) -> Study:
    """A design read from a dataset's annotations, kept for the server's sessions.

    Raises
    ------
    ScappError
        The columns hold no comparison.
    """
    names = tuple(dict.fromkeys(name for column in COLUMNS if (name := getattr(config, column)) is not None))
    missing = [name for name in names if keys.obs(name) not in dataset]
    if missing:
        raise DataError(f"The column '{missing[0]}' is gone.", hint="Choose the study design again.")
    paths = tuple(str(dataset.folder / "elements" / dataset.slots[keys.obs(name)].element) for name in names)
    return _study(paths, names, config.to_json())


def study_or_stop(dataset: Dataset) -> tuple[Study, StudyConfig] | None:
    """The chosen design, or a sentence that asks for it."""
    config = chosen_config(dataset)
    if config is None:
        st.info("Choose the columns first: tab 'Study design', button 'Use this design'.")
        return None
    record = dataset.manifest.provenance[dataset.slots[keys.STUDY].provenance]
    now = {slot: dataset.slots[slot].fingerprint for slot in record.inputs if slot in dataset}
    if now != record.inputs:
        st.warning(
            "Annotations have changed since the design was chosen. Click 'Use this design' again, in the first tab."
        )
    study = study_of(dataset, config)
    for fault in design_faults(study):
        st.warning(escape(fault))
    return study, config


def design_form(dataset: Dataset) -> tuple[Study, StudyConfig] | None:
    """Choose columns and conditions; None, with a sentence that says what is missing, until they make a comparison."""
    columns = state.categorical_columns(dataset)
    before = chosen_config(dataset)
    start = before or suggested_design(columns)
    values = config_form(StudyConfig, key=f"study.{dataset.id}", start=start, columns=columns)
    if values["condition_key"] is None:
        st.info("Choose the column that says what is compared. It needs two values or more, such as healthy and ill.")
        return None
    levels = levels_of(pd.Series(state.read(dataset, keys.obs(values["condition_key"]))))
    if len(levels) < 2:
        st.info(
            f"'{escape(values['condition_key'])}' has one value only: there is nothing to compare. Choose another"
            " column."
        )
        return None
    order = _order(dataset, values["condition_key"], levels, before)
    config = StudyConfig.build({**values, "order": tuple(order)})
    if len(order) < 2:
        st.info("Choose at least one condition to compare with the reference.")
        return None
    return study_of(dataset, config), config


def design_section(dataset: Dataset) -> None:
    """Choose columns and conditions; see who there is, and what the design can show."""
    st.markdown(words.DESIGN)
    chosen = design_form(dataset)
    if chosen is None:
        return
    study, config = chosen
    if chosen_config(dataset) == config:
        st.caption("This design is in use on all tabs.")
    elif st.button("Use this design", type="primary", key="study.go"):
        run_now(state.root(), "study", config, dataset)
        st.rerun()
    show_notes(study)
    table = study.cells_per_sample()
    show_figure(
        plot_design(table), key="study.cells", name="cells_per_donor_and_type", alt="Cells of each type and donor"
    )
    download_csv(table.rename_axis("sample").reset_index(), key="study.cells", name="cells_per_donor_and_type")
    samples = study.samples()
    if len(samples):
        show_table(samples, key="study.samples", name="samples", alt="Donors and their conditions")


def show_notes(study: Study) -> None:
    """What to know of a design before anything is tested."""
    notes = design_notes(study)
    for note in notes:
        st.warning(escape(note))
    if not notes:
        st.success("No problems found with this design: every condition has several donors.")


def _order(dataset: Dataset, column: str, levels: list[str], before: StudyConfig | None) -> list[str]:
    """Reference first, then the others in the user's order."""
    kept = list(before.order) if before is not None and before.condition_key == column else []
    reference = kept[0] if kept and kept[0] in levels else usual_reference(levels)
    left, right = st.columns([1, 2])
    chosen = left.selectbox(
        "Reference",
        levels,
        index=levels.index(reference),
        key=f"study.reference.{dataset.id}.{column}",
        persist_state="session",
        help="The condition that the others are compared with.",
    )
    others = [name for name in levels if name != chosen]
    default = [name for name in kept[1:] if name in others] if kept and kept[0] == chosen else others
    compared = right.multiselect(
        "Compared with it, in this order",
        others,
        default=default,
        key=f"study.order.{dataset.id}.{column}.{chosen}",
        persist_state="session",
        help="Leave out conditions that do not belong to the question.",
    )
    return [str(chosen), *map(str, compared)]


def type_colours(dataset: Dataset, study: Study, config: StudyConfig) -> dict[str, str]:
    """Type -> colour; one for all cells where there are no types."""
    return study_panels.type_colours(study, config.cell_type_key, dataset.slots, lambda slot: state.read(dataset, slot))


def type_choice(study: Study, *, key: str, default: list[str] | None = None, label: str = "Cell types") -> list[str]:
    """Some cell types; none means all cells."""
    if len(study.types) < 2:
        return []
    options: dict[str, Any] = {"default": default, "placeholder": "all cells"}
    chosen: list[str] = st.multiselect(label, study.types, key=key, persist_state="session", **options)
    return chosen
