"""Where this scapp stands: in a clone of its repository, or installed from a wheel."""

from pathlib import Path

PACKAGE = Path(__file__).resolve().parents[1]
IMPORTED_FROM = PACKAGE.parent
"""Folder from which the package is imported: processes that are started there run the same code."""


def app_folder() -> Path:
    """Folder of ``app.py``, ``pages/`` and ``.streamlit/``: the wheel carries them inside the package."""
    installed = PACKAGE / "_app"
    return installed if installed.is_dir() else IMPORTED_FROM
