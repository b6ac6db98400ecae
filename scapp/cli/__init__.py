"""The command line."""

from scapp.cli.main import main

__all__ = ["main"]
