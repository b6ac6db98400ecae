"""Runs that went wrong: what happened, how it is recognised, and the same run repaired."""

from typing import Any

import streamlit as st

from scapp.clear.config import ClearConfig
from scapp.core.config import describe
from scapp.data.examples import example
from scapp.reports.lesson_figures import WHICH, figure_of
from scapp.teach import prepared
from scapp.teach.gallery import Mistake, mistakes
from scapp.teach.lesson import Runs, filled
from scapp.ui.kit.boundary import escape
from scapp.ui.kit.downloads import download_csv
from scapp.ui.kit.widgets import show_figure
from scapp.ui.teach import live_training, words, write_tab

VIEWS = {"film": "Epoch by epoch", "loss": "Loss", "map": "Map at the end"}


def gallery_section() -> None:
    """One of them, chosen by its name."""
    st.markdown(words.GALLERY)
    found = {mistake.id: mistake for mistake in mistakes()}
    left, right = st.columns([4, 8])
    with left:
        chosen = found[
            st.selectbox(
                "What went wrong",
                list(found),
                format_func=lambda id: found[id].title,
                key="gallery.mistake",
                persist_state="session",
            )
        ]
        st.markdown(filled(chosen.happened))
        st.markdown(f"**How to recognise it.** {filled(chosen.recognise)}")
        st.markdown(f"**Repair it.** {filled(chosen.repair)}")
        st.caption(
            f"{example(chosen.example).title}. Went wrong: {in_words(chosen.wrong)}."
            f" Repaired: {in_words(chosen.repaired)}."
        )
    with right:
        with st.container(horizontal=True, vertical_alignment="bottom"):
            view = st.segmented_control(
                "Show",
                list(VIEWS),
                default="film",
                required=True,
                format_func=VIEWS.__getitem__,
                key="gallery.view",
                persist_state="session",
            )
            colours = ["cell_type", "batch"] if chosen.example == "simulated" else ["cell_type"]
            colour = st.selectbox("Colour by", colours, key=f"gallery.colour.{chosen.example}", width=200)
        activity = Runs.model_validate({"kind": "runs", "mistake": chosen.id, "shows": view, "colour": colour})
        shown = figure_of(activity, {})
        assert shown is not None
        show_figure(shown.figure, key=f"gallery.{chosen.id}.{view}", name=f"{chosen.id}_{shown.name}", alt=shown.alt)
        measures(chosen)
    _curves(chosen)
    with left, st.container(horizontal=True):
        live_training.try_it(chosen)
        recorded = activity.model_dump(mode="json", exclude_defaults=True)
        write_tab.record_button({"kind": "runs", **recorded}, chosen.title, key=f"gallery.{chosen.id}")


def in_words(settings: dict[str, Any]) -> str:
    """Settings that are changed from the preset, in the app's words."""
    flat = {**settings, **settings.get("augmentation", {})}
    said = [
        f"{setting.title} {setting.labels.get(str(flat[setting.name]), flat[setting.name])}"
        for setting in describe(ClearConfig)
        if setting.name in flat
    ]
    return ", ".join(escape(text) for text in said) if said else "the preset's settings"


def measures(mistake: Mistake) -> None:
    """What was measured of both runs."""
    facts = prepared.fact(f"runs.{mistake.id}")
    for column, name in zip(st.columns(len(mistake.shown)), mistake.shown, strict=True):
        said = {which: words.measure(name, facts[which][name]) for which in WHICH}
        column.metric(
            words.MEASURES[name],
            f"{said['wrong']} → {said['repaired']}",
            help=f"Went wrong → repaired. {words.MEASURE_HELP[name]}",
        )


def _curves(mistake: Mistake) -> None:
    for which in WHICH:
        curve = prepared.run(f"{mistake.id}.{which}").curve
        download_csv(curve, key=f"gallery.{mistake.id}.{which}", name=f"loss_{mistake.id}_{which}")
