"""Start of the web app: who may reach it, and the script that it shows."""

import streamlit as st

from scapp.core.environment import Environment
from scapp.core.installation import PACKAGE
from scapp.ui.kit.access import access_of, announcing, middleware

access = access_of(Environment())
app = st.App(PACKAGE / "ui" / "start.py", lifespan=announcing(access), middleware=middleware(access))
