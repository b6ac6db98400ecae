"""Augmentations: what each does to a cell, and where copies of cells go."""

import streamlit as st

from scapp.core import keys
from scapp.ui import augmented_copies, augmenting, explain, state
from scapp.ui.augmented_sample import sample_of
from scapp.ui.boundary import boundary
from scapp.ui.routing import guard
from scapp.ui.widgets import image_format_choice

guard()
st.title("Augmentations")
image_format_choice()
with boundary():
    state.dataset_switcher()
    dataset = state.prepared_or_stop()
    st.markdown(explain.AUGMENTATIONS)
    config, scale, seed = augmenting.settings_section(dataset)
    if config.thin_probability > 0 and (scale or keys.COUNTS not in dataset):
        why = "This preset scales genes" if scale else "This dataset holds no raw counts"
        st.warning(f"{why}, so molecules cannot be thinned. Set 'Thinning: how often' to 0.")
        st.stop()
    cell = augmenting.cell_choice(dataset)
    with boundary():
        augmenting.profile_section(dataset, sample_of(dataset, [cell], config, scale=scale), config, seed, cell)
    with boundary():
        augmented_copies.copies_section(dataset, config, seed, scale=scale)
    augmenting.train_button(dataset, config)
