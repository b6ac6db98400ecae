"""What every visit begins with: page configuration and navigation only."""

import streamlit as st

from scapp.core.files import is_writable
from scapp.ui.home.words import READ_ONLY
from scapp.ui.kit import state
from scapp.ui.kit.look import STYLE
from scapp.ui.kit.routing import mark_routed, pages

st.set_page_config(page_title="scapp", page_icon="🔬", layout="wide")
if not is_writable(state.root()):
    st.warning(READ_ONLY)
st.html(STYLE)
page = st.navigation(pages(state.done_pages()), expanded=True)
mark_routed()
page.run()
