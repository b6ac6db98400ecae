"""The report of a study."""

import streamlit as st

from scapp.core import keys
from scapp.ui.de import words
from scapp.ui.export import files_and_script
from scapp.workspace.datasets.dataset import Dataset


def report_section(dataset: Dataset) -> None:
    """Write the report, and download it."""
    st.markdown(words.REPORT)
    if keys.STUDY in dataset:
        files_and_script.written_file(dataset, "study", label="Write the report")
    else:
        st.info("Choose the columns first: tab 'Study design', button 'Use this design'.")
