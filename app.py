"""Start of the web app: page configuration and navigation only."""

import streamlit as st

from scapp.ui.kit.routing import mark_routed, pages

st.set_page_config(page_title="scapp", page_icon="🔬", layout="wide")
page = st.navigation(pages())
mark_routed()
page.run()
