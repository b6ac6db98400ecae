"""Names from data are text on every page: none becomes a link, an image or a heading."""

import re

import anndata as ad
import numpy as np
import pandas as pd
import pytest
from google.protobuf.message import Message

from scapp.data.config import KEEP_EVERYTHING
from scapp.steps.catalogue import step
from scapp.steps.config import ImportRequest
from scapp.ui.kit.routing import ROOT
from tests.conftest import run_step
from tests.pages.conftest import TINY, runs
from tests.pages.test_classify import QUICK, finished

BEACON = "![n](http://attacker.example/x)"
MARKUP = re.compile(r"(?<!\\)!?\[n(?<!\\)\]\(")
PLAIN_FIELDS = {
    "selectbox": ("options", "raw_value"),
    "multiselect": ("options", "raw_values"),
    "text_input": ("default", "value", "placeholder"),
    "text_area": ("default", "value", "placeholder"),
    "plotly_chart": None,
    "arrow_data_frame": ("data",),
    "code": ("code_text",),
    "text": ("body",),
    "json": None,
    "iframe": None,
    "bidi_component": None,
}
"""Fields that browsers show as text, or (of figures) as the little that plotly understands; None for all of them."""
PAGES = sorted(path.stem for path in (ROOT / "pages").glob("*.py") if path.stem != "__init__")
DE_TABS = ("Study design", "Composition", "Markers", "Genes", "Gene-set scores", "Pathways", "Report")
TABS = {
    "map": ("map.tab", ("Map", "Clusters", "Marker genes", "Cell types", "Compare maps")),
    "classify": ("classify.tab", ("Train", "Evaluate", "Annotate this dataset", "Compare")),
    "de": ("study.tab", DE_TABS),
}


def hostile(name):
    return f"{BEACON}{name}"


@pytest.fixture
def dataset(workspace, blood_file, tmp_path):
    adata = ad.read_h5ad(blood_file)[::2].copy()
    obs = adata.obs
    for column in ("cell_type", "condition", "donor_id"):
        obs[column] = pd.Categorical(obs[column].astype(str).map(hostile))
    obs[hostile("column")] = pd.Categorical(np.where(np.arange(len(obs)) % 2, hostile("a"), hostile("b")))
    adata.obs_names = [hostile(name) for name in adata.obs_names]
    adata.var_names = [hostile(name) if i % 3 == 0 else name for i, name in enumerate(adata.var_names)]
    path = tmp_path / "![n](x).h5ad"
    adata.write_h5ad(path)

    def do(name, values, id):
        return run_step(workspace, name, values, id, tmp_path / name)

    request = ImportRequest(path=str(path), name=hostile("name")).model_dump()
    id = do("import", request, None)["dataset"]
    id = do("prepare", {**KEEP_EVERYTHING, "n_top_genes": 200}, id)["dataset"]
    do("map", {"representation": "pca"}, id)
    do("cluster", {"representation": "pca", "method": "kmeans", "n_clusters": 3}, id)
    do("markers", {"groupby": "cell_type"}, id)
    do("score", {"typed": {hostile("list"): "ISG15 IFI6"}}, id)
    study = {"condition_key": "condition", "donor_key": "donor_id", "cell_type_key": "cell_type"}
    levels = sorted(obs["condition"].cat.categories)
    do("study", {**study, "order": levels}, id)
    types = obs["cell_type"].value_counts().index[:1].tolist()
    do("de", {"cell_types": types, "compared": levels[1:2]}, id)
    stored = workspace.open(id)
    for name, values in (("clear", TINY), ("classify", {**QUICK, "component": "mls"})):
        finished(workspace, stored, name, step(name).config.build(values).model_dump(mode="json"))
    return workspace.open(id)


def strings(message, without):
    """Every text in an element, but for the fields that are shown as plain text."""
    for field, value in message.ListFields():
        if field.name in without:
            continue
        repeated = value if isinstance(value, (list, tuple)) or hasattr(value, "__iter__") else [value]
        for item in [value] if isinstance(value, (str, bytes, Message)) else repeated:
            if isinstance(item, Message):
                yield from strings(item, without)
            elif isinstance(item, str):
                yield item


def markup(at):
    """Texts in which a name from the data would be taken for markdown."""
    found = []
    for node in at._tree:
        message = getattr(node, "proto", None)
        kind = getattr(node, "type", "")
        without = PLAIN_FIELDS.get(kind, ())
        if isinstance(message, Message) and without is not None:
            found += [f"{kind}: {text[:200]}" for text in strings(message, (*without, "id")) if MARKUP.search(text)]
    return found


def test_no_page_takes_a_name_for_markup(app, workspace, dataset):
    assert runs(workspace).list(step="classify")
    found = []
    for page in PAGES:
        at = app(page, dataset=dataset.id)
        seen = markup(at)
        key, tabs = TABS.get(page, ("", ()))
        for tab in tabs:
            at.session_state[key] = tab
            at.run()
            assert not at.error, [error.value for error in at.error]
            seen += [f"[{tab}] {text}" for text in markup(at)]
        found += [f"{page} {text}" for text in dict.fromkeys(seen)]
    assert not found, "\n".join(found)
