"""Latent circles: how MLS-CC sees each type."""

from scapp.ui.circles import circle_page
from scapp.ui.kit import state
from scapp.ui.kit.frame import page
from scapp.ui.kit.routing import guard

guard()
with page("Latent circles") as header:
    state.dataset_switcher()
    with header.title:
        dataset = state.dataset_or_stop()
    circle_page.circles_section(dataset)
