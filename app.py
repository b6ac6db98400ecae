"""Start of the web app: who may reach it, and the script that it shows."""

import streamlit as st

from scapp.core.environment import Environment
from scapp.core.installation import PACKAGE
from scapp.ui.kit.access import access_of, middleware
from scapp.ui.kit.server import life

environment = Environment()
access = access_of(environment)
app = st.App(PACKAGE / "ui" / "start.py", lifespan=life(access, environment.workspace), middleware=middleware(access))
