"""Home: what scapp is, a file or an example to begin with, the datasets, the pages."""

import streamlit as st

from scapp.data.examples import EXAMPLES
from scapp.ui.home import dataset_list, words
from scapp.ui.kit import state
from scapp.ui.kit.boundary import boundary
from scapp.ui.kit.live import run_panel
from scapp.ui.kit.routing import guard, link, page_file
from scapp.ui.upload import import_form

guard()
st.title("scapp")
with boundary():
    st.markdown(words.WHAT_IS_SCAPP)
    current = state.current_dataset()
    own, *places = st.columns(len(EXAMPLES) + 1)
    with own.container(border=True, height="stretch"):
        st.markdown(words.OWN_DATA)
        if st.button("Choose a file", type="primary", key="home.own"):
            state.open_dataset(None)
            st.switch_page(page_file("upload"))
    for place, example in zip(places, EXAMPLES, strict=True):
        with place.container(border=True, height="stretch"):
            st.markdown(f"**{example.title}**  \n{example.description}")
            import_form.example_buttons(example.id, key="home.example")

    st.header("Your datasets")
    dataset_list.dataset_list()
    if waiting := import_form.import_in_progress():
        run_panel(waiting, key="home.import")

    st.header("Pages")
    # rows of three: titles must not be cut off
    cards = [*st.columns(3), *st.columns(3), *st.columns(3)]
    for card, (page, title, text) in zip(cards, words.STEPS, strict=True):
        with card.container(border=True, height="stretch"):
            link(page, f"**{title}**", dataset=current.id if current else None)
            st.caption(text)
