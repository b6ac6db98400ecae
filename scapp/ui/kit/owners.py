"""Whose workspace a page works in: the one place where that is decided."""

from pathlib import Path

import streamlit as st

from scapp.core.environment import Environment, environment
from scapp.core.errors import AccessError
from scapp.ui.kit.media_owners import OWNER
from scapp.workspace.classroom import Classroom, Member

HOLDER = "holder"
"""Who knows the token: the workspace's owner, who also holds the class where there is one."""


def owner() -> str:
    """Who sees the page, as the middleware said when their browser connected; empty for nobody that it knows."""
    return str(st.user.get(OWNER) or "")


def workspace_of(owner: str, here: Environment) -> Path:
    """The folder that belongs to somebody.

    Raises
    ------
    AccessError
        They have none, or no longer.
    """
    if here.mode == "single" or owner == HOLDER:
        return here.workspace
    folder = Classroom(here.workspace).workspace(owner)
    if folder is None:
        raise AccessError(
            "This class has ended, and what was made in it is deleted.",
            hint="Reload the page to join another class with its code.",
        )
    return folder


def closed_folders() -> list[Path]:
    """Folders from which nobody may import by path: where a class is held, everybody's workspaces."""
    here = environment()
    return [here.workspace.resolve()] if here.mode == "class" else []


def is_holder() -> bool:
    """Whether who sees the page holds a class."""
    return environment().mode == "class" and owner() == HOLDER


def member() -> Member | None:
    """The member of a class that sees the page; None for anybody else."""
    here = environment()
    return Classroom(here.workspace).member(owner()) if here.mode == "class" else None
