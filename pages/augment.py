"""Augmentations: what each does to a cell, and where copies of cells go."""

import streamlit as st

from scapp.core import keys
from scapp.ui.augment import copies, settings_and_profile, words
from scapp.ui.augment.sample import sample_of
from scapp.ui.kit import state
from scapp.ui.kit.boundary import boundary
from scapp.ui.kit.frame import page
from scapp.ui.kit.routing import guard

guard()
with page("Augmentations") as header:
    state.dataset_switcher()
    with header.title:
        dataset = state.prepared_or_stop()
    st.markdown(words.AUGMENTATIONS)
    config, scale, seed = settings_and_profile.settings_section(dataset)
    if config.thin_probability > 0 and (scale or keys.COUNTS not in dataset):
        why = "This preset scales genes" if scale else "This dataset holds no raw counts"
        st.warning(f"{why}, so molecules cannot be thinned. Set 'Thinning: how often' to 0.")
        st.stop()
    cell = settings_and_profile.cell_choice(dataset)
    with boundary():
        settings_and_profile.profile_section(
            dataset, sample_of(dataset, [cell], config, scale=scale), config, seed, cell
        )
    with boundary():
        copies.copies_section(dataset, config, seed, scale=scale)
    settings_and_profile.train_button(dataset, config)
