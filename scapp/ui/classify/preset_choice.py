"""What a classifier's settings start from."""

import streamlit as st

from scapp.classify.config import ClassifierConfig, Preset

NAMES: dict[Preset, str] = {"recommended": "Recommended", "thesis": "Thesis (as written)"}


def preset_choice(key: str) -> Preset:
    """The preset that a form starts from."""
    chosen: Preset = st.segmented_control(
        "Preset",
        list(NAMES),
        default="recommended",
        required=True,
        format_func=NAMES.__getitem__,
        key=key,
        persist_state="session",
        help=ClassifierConfig.model_fields["preset"].description,
    )
    return chosen
