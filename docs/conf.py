"""The documentation site: ``make docs``."""

import argparse
import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jupytext

from docs.lesson_pages import gallery_page, lesson_page
from scapp import __version__
from scapp.cli.main import parser
from scapp.teach.lesson import built_in

project = "scapp"
author = "The scapp developers"
copyright = "The scapp developers"
version = release = __version__

extensions = [
    "myst_nb",
    "numpydoc",
    "sphinx.ext.autodoc",
    "sphinx.ext.autosummary",
    "sphinx_copybutton",
]
exclude_patterns = ["_build", "design/*.md", "generated/commands.md"]
source_suffix = {".md": "myst-nb", ".rst": "restructuredtext"}
myst_heading_anchors = 3

# figures that work without a network
os.environ["PLOTLY_RENDERER"] = "notebook"
# Tutorials are carried out when the site is built, and a failure is an error.
nb_execution_mode = "force"
nb_execution_timeout = 600
nb_execution_raise_on_error = True
nb_merge_streams = True
nb_output_stderr = "remove"  # progress bars and notes of libraries

autosummary_generate = True
autodoc_member_order = "bysource"
autodoc_typehints = "none"
numpydoc_show_class_members = False

html_theme = "sphinx_book_theme"
html_title = f"scapp {__version__}"
html_theme_options = {"show_toc_level": 2, "use_download_button": True}
html_show_sourcelink = False


def commands(found: argparse.ArgumentParser) -> Iterator[argparse.ArgumentParser]:
    """Every command that has no commands of its own."""
    inner = [action for action in found._actions if isinstance(action, argparse._SubParsersAction)]
    if not inner:
        yield found
    for action in inner:
        for each in action.choices.values():
            yield from commands(each)


def write_commands(app: Any) -> None:
    """What each command prints with ``--help``."""
    os.environ["COLUMNS"] = "110"
    place = Path(app.srcdir) / "generated" / "commands.md"
    place.parent.mkdir(exist_ok=True)
    place.write_text("\n".join(f"## {each.prog}\n\n```text\n{each.format_help()}```\n" for each in commands(parser())))


def write_scripts(app: Any) -> None:
    """Each tutorial as a script, in cells that editors know."""
    folder = Path(app.srcdir) / "generated" / "scripts"
    folder.mkdir(parents=True, exist_ok=True)
    for path in sorted((Path(app.srcdir) / "tutorials").glob("*.md")):
        jupytext.write(jupytext.read(path), folder / f"{path.stem}.py", fmt="py:percent")


def write_lessons(app: Any) -> None:
    """The lessons that come with the app, and the runs that went wrong."""
    folder = Path(app.srcdir) / "generated" / "lessons"
    folder.mkdir(parents=True, exist_ok=True)
    for lesson in built_in():
        (folder / f"{lesson.id}.md").write_text(lesson_page(lesson))
    (folder / "gallery.md").write_text(gallery_page())


def without_mathjax(app: Any, page: str, template: str, context: dict[str, Any], doctree: Any) -> None:
    """Plotly's figures ask a server elsewhere for what draws formulae; there are none in them."""
    if "body" in context:
        context["body"] = re.sub(r'<script src="https://[^"]*mathjax[^"]*">\s*</script>', "", context["body"])


def setup(app: Any) -> None:
    """Called by Sphinx."""
    app.connect("builder-inited", write_commands)
    app.connect("builder-inited", write_scripts)
    app.connect("builder-inited", write_lessons)
    app.connect("html-page-context", without_mathjax)
