"""Home: what scapp is, the datasets, examples."""

import streamlit as st

from scapp.data.examples import EXAMPLES
from scapp.ui import datasets, explain, importing, state
from scapp.ui.boundary import boundary
from scapp.ui.live import run_panel
from scapp.ui.routing import guard, link

guard()
st.title("scapp")
with boundary():
    st.markdown(explain.WHAT_IS_SCAPP)
    current = state.current_dataset()
    # two rows: titles must not be cut off
    cards = [*st.columns(4), *st.columns(4)]
    for card, (page, title, text) in zip(cards, explain.STEPS, strict=True):
        with card.container(border=True, height="stretch"):
            link(page, f"**{title}**", dataset=current.id if current else None)
            st.write(text)

    st.header("Examples")
    st.write(explain.EXAMPLE_INTRO)
    for column, example in zip(st.columns(len(EXAMPLES)), EXAMPLES, strict=True):
        with column.container(border=True, height="stretch"):
            st.markdown(f"**{example.title}**")
            st.write(example.description)
            if st.button("Open this example", key=f"home.example.{example.id}"):
                importing.start_example(example.id)
                st.switch_page("pages/upload_qc.py")

    st.header("Your datasets")
    datasets.dataset_list()
    if waiting := importing.import_in_progress():
        run_panel(waiting, key="home.import")
