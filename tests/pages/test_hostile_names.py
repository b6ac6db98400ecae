"""Names from data are text on every page: none becomes a link, an image or a heading."""

import anndata as ad
import numpy as np
import pandas as pd
import pytest

from benchmarks.campaigns.attack import TABS, markup
from scapp.data.config import KEEP_EVERYTHING
from scapp.steps.catalogue import step
from scapp.steps.config import ImportRequest
from scapp.ui.kit.routing import ROOT
from tests.conftest import run_step
from tests.pages.conftest import TINY, runs
from tests.pages.test_classify import QUICK, finished

BEACON = "![n](http://attacker.example/x)"
PAGES = sorted(path.stem for path in (ROOT / "pages").glob("*.py") if path.stem != "__init__")


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
