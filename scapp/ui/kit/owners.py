"""Whose workspace a page works in: the one place where that is decided."""

from pathlib import Path

import streamlit as st

from scapp.core.environment import Environment
from scapp.core.errors import AccessError
from scapp.ui.kit.media_owners import OWNER
from scapp.workspace.classroom import Classroom, Member

HOLDER = "holder"
"""Who knows the token: the workspace's owner, who also holds the class where there is one."""


def owner() -> str:
    """Who sees the page, as the middleware said when their browser connected; empty for nobody that it knows."""
    return str(st.user.get(OWNER) or "")


def workspace_of(owner: str, environment: Environment) -> Path:
    """The folder that belongs to somebody.

    Raises
    ------
    AccessError
        They have none, or no longer.
    """
    if environment.mode == "single" or owner == HOLDER:
        return environment.workspace
    folder = Classroom(environment.workspace).workspace(owner)
    if folder is None:
        raise AccessError(
            "This class has ended, and what was made in it is deleted.",
            hint="Reload the page to join another class with its code.",
        )
    return folder


def closed_folders() -> list[Path]:
    """Folders from which nobody may import by path: where a class is held, everybody's workspaces."""
    environment = Environment()
    return [environment.workspace.resolve()] if environment.mode == "class" else []


def is_holder() -> bool:
    """Whether who sees the page holds a class."""
    return Environment().mode == "class" and owner() == HOLDER


def member() -> Member | None:
    """The member of a class that sees the page; None for anybody else."""
    environment = Environment()
    return Classroom(environment.workspace).member(owner()) if environment.mode == "class" else None
