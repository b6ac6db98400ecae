"""What every visit begins with: page configuration and navigation only."""

import streamlit as st

from scapp.core.errors import AccessError
from scapp.core.files import is_writable
from scapp.ui.home.words import READ_ONLY
from scapp.ui.kit import state
from scapp.ui.kit.boundary import show_error
from scapp.ui.kit.look import STYLE
from scapp.ui.kit.owners import member
from scapp.ui.kit.routing import mark_routed, pages
from scapp.ui.kit.server import spare_modules

spare_modules()
st.set_page_config(page_title="scapp", page_icon="🔬", layout="wide")
try:
    root = state.root()
except AccessError as error:
    show_error(error.message, error.hint)
    st.stop()
if not is_writable(root):
    st.warning(READ_ONLY)
st.html(STYLE)
page = st.navigation(pages(state.done_pages()), expanded=True)
if (here := member()) is not None:
    st.sidebar.caption(f"Class · this browser is number {here.number}")
mark_routed()
page.run()
