"""Home: what scapp is, the datasets, examples."""

import streamlit as st

from scapp.data.examples import EXAMPLES
from scapp.ui.home import dataset_list, words
from scapp.ui.kit import state
from scapp.ui.kit.boundary import boundary
from scapp.ui.kit.live import run_panel
from scapp.ui.kit.routing import guard, link
from scapp.ui.upload import import_form

guard()
st.title("scapp")
with boundary():
    st.markdown(words.WHAT_IS_SCAPP)
    current = state.current_dataset()
    # two rows: titles must not be cut off
    cards = [*st.columns(4), *st.columns(4)]
    for card, (page, title, text) in zip(cards, words.STEPS, strict=True):
        with card.container(border=True, height="stretch"):
            link(page, f"**{title}**", dataset=current.id if current else None)
            st.write(text)

    st.header("Examples")
    st.write(words.EXAMPLE_INTRO)
    for column, example in zip(st.columns(len(EXAMPLES)), EXAMPLES, strict=True):
        with column.container(border=True, height="stretch"):
            st.markdown(f"**{example.title}**")
            st.write(example.description)
            import_form.example_buttons(example.id, key="home.example")

    st.header("Your datasets")
    dataset_list.dataset_list()
    if waiting := import_form.import_in_progress():
        run_panel(waiting, key="home.import")
