"""The house keeps its walls: what the web process loads, and what each module may grow to."""

import ast
import subprocess
import sys
import tomllib
from collections import defaultdict
from pathlib import Path

import pytest

from scapp.plotting import tokens
from scapp.steps.catalogue import STEPS
from scapp.ui.kit.routing import PAGES, ROOT, page_file

HEAVY = ("torch", "scanpy", "umap", "numba")


def sources():
    return [ROOT / "app.py", *(ROOT / "pages").glob("*.py"), *(ROOT / "scapp").rglob("*.py")]


def test_the_web_process_loads_no_heavy_library():
    """Import app, every page's imports, and all of ui, in a fresh process."""
    modules = [
        p.relative_to(ROOT).with_suffix("") for p in (ROOT / "scapp" / "ui").rglob("*.py") if p.stem != "__init__"
    ]
    imports = [".".join(module.parts) for module in modules]
    for page in [ROOT / "app.py", *(page_file(p.id) for p in PAGES)]:
        imports += [node.module for node in ast.walk(ast.parse(page.read_text())) if isinstance(node, ast.ImportFrom)]
    code = (
        f"import importlib, sys\nfor name in {imports!r}: importlib.import_module(name)\nprint([m for m in {HEAVY!r} if"
        " m in sys.modules])"
    )
    finished = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT, check=True)
    assert finished.stdout.strip() == "[]"


def test_steps_that_pages_carry_out_load_no_heavy_library():
    names = [step.function.split(":")[0] for step in STEPS if step.at_once]
    code = (
        f"import importlib, sys\nfor name in {names!r}: importlib.import_module(name)\n"
        f"print([m for m in {HEAVY!r} if m in sys.modules])"
    )
    finished = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT, check=True)
    assert finished.stdout.strip() == "[]"


def test_steps_read_through_one_door():
    """``Reading`` records what was read; a dataset in the hands of a step would be a second door."""
    for path in (ROOT / "scapp" / "steps").rglob("*.py"):
        if path.name not in ("catalogue.py", "engine.py", "step.py"):
            text = path.read_text()
            assert "inputs.stored" not in text, path
            assert "import Dataset" not in text, path


def test_app_is_configuration_and_navigation_only():
    assert len((ROOT / "app.py").read_text().splitlines()) < 60


@pytest.mark.parametrize("page", PAGES, ids=lambda p: p.id)
def test_every_page_begins_with_the_guard_and_catches_in_one_place(page):
    tree = ast.parse(page_file(page.id).read_text())
    statements = [node for node in tree.body if not isinstance(node, (ast.Import, ast.ImportFrom))][1:]
    assert ast.unparse(statements[0]) == "guard()"
    assert any(
        isinstance(node, ast.With) and ast.unparse(node.items[0]).startswith(("boundary()", "page("))
        for node in statements
    )


def test_nothing_is_unpickled():
    for path in sources():
        text = path.read_text()
        for word in ("pickle.load", "allow_pickle=True", "weights_only=False", "torch.load", "joblib.load"):
            assert word not in text, f"{path}: {word}"


def test_every_step_can_be_loaded():
    pytest.importorskip("torch")
    for step in STEPS:
        assert callable(step.load())
        step.config()


def test_version_and_changelog_agree():
    from scapp import __version__

    changelog = (ROOT / "CHANGELOG.md").read_text()
    first = next(line for line in changelog.splitlines() if line.startswith("## "))
    assert __version__ in first


def test_docs_tables_are_up_to_date():
    """The tables in docs/methods.md and docs/formats.md are generated: python -m docs.generate."""
    from docs.generate import FORMATS_PAGE, METHODS, render

    for page in (METHODS, FORMATS_PAGE):
        text = page.read_text()
        assert "<!-- end -->" in text
        assert render(text) == text, page.name


FEATURES = {
    "home",
    "upload",
    "analyse",
    "qc",
    "augment",
    "clear",
    "map",
    "classify",
    "circles",
    "de",
    "evaluate",
    "export",
    "teach",
}
ANYWHERE = {"__init__", "__main__", "config", "words"}


def test_a_name_means_one_thing():
    """A feature's noun is the same in every room; any other module name is used once."""
    modules = [path for path in (ROOT / "scapp").rglob("*.py") if path.stem not in FEATURES | ANYWHERE]
    places = defaultdict(list)
    for path in modules:
        places[path.stem].append(str(path.relative_to(ROOT)))
    assert {stem: found for stem, found in places.items() if len(found) > 1} == {}


def test_each_page_has_its_noun_in_ui():
    # Upload & QC is one page, and Analyse leads from it to the map
    assert {page.id for page in PAGES} == FEATURES - {"qc", "analyse"}
    folders = {path.name for path in (ROOT / "scapp" / "ui").iterdir() if path.is_dir()} - {"__pycache__"}
    assert folders == FEATURES | {"kit", "scatter"}


def test_tests_mirror_packages():
    def folders(root):
        found = {path.parent.relative_to(root) for path in root.rglob("*.py")}
        return {path for path in found if path.parts[:1] != ("ui",)}

    assert folders(ROOT / "scapp") - {Path()} <= folders(Path(__file__).parent) | UNTESTED_ALONE


UNTESTED_ALONE = {Path("classify/stages"), Path("plotting/classify")}
"""Tested through the classifier, and with the other figures."""


def test_the_theme_has_the_sizes_and_colours_of_the_figures():
    theme = tomllib.loads((ROOT / ".streamlit" / "config.toml").read_text())["theme"]
    assert theme["baseFontSize"] == tokens.BODY
    assert {name: theme[name]["primaryColor"] for name in ("light", "dark")} == tokens.ACCENT
