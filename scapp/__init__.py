"""scapp: contrastive learning on single-cell RNA-seq, by point and click, from Python and from the command line.

``scapp.pp``, ``scapp.tl`` and ``scapp.pl`` work on AnnData objects, as scanpy's do; ``scapp.datasets`` makes
some. ``scapp.Session`` runs the steps of the web app on a workspace. Each is loaded when it is first used.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from scapp._version import __version__

if TYPE_CHECKING:
    from scapp import datasets, pl, pp, tl
    from scapp.jobs.session import Session

__all__ = ["Session", "__version__", "datasets", "pl", "pp", "tl"]


def __getattr__(name: str) -> Any:
    if name == "Session":
        return import_module("scapp.jobs.session").Session
    if name in ("datasets", "pl", "pp", "tl"):
        return import_module(f"scapp.{name}")
    raise AttributeError(f"module 'scapp' has no attribute '{name}'")
