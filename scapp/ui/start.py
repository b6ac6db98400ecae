"""What every visit begins with: page configuration and navigation only."""

import streamlit as st

from scapp.ui.kit import state
from scapp.ui.kit.live import keep_runs_going
from scapp.ui.kit.routing import mark_routed, pages

st.set_page_config(page_title="scapp", page_icon="🔬", layout="wide")
keep_runs_going(state.root())
page = st.navigation(pages())
mark_routed()
page.run()
