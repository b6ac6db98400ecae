"""Suggested types as an annotation."""

import numpy as np
import pandas as pd
import pytest

from scapp.core import keys
from scapp.core.errors import DataError
from scapp.data.config import KEEP_EVERYTHING, BloodConfig
from scapp.data.panels import panel
from scapp.data.simulated.blood import simulate_blood
from tests.conftest import run_step


@pytest.fixture
def blood(workspace, tmp_path):
    """A made-up study of blood with its true types as the groups, and their marker genes."""
    path = tmp_path / "blood.h5ad"
    simulate_blood(BloodConfig(n_cells=600, donors_per_group=2)).write_h5ad(path)
    made = run_step(workspace, "import", {"path": str(path)}, None, tmp_path / "import")["dataset"]
    made = run_step(workspace, "prepare", {**KEEP_EVERYTHING, "n_top_genes": 300}, made, tmp_path / "qc")["dataset"]
    run_step(workspace, "markers", {"groupby": "cell_type"}, made, tmp_path / "markers")
    return workspace.open(made)


def suggest(workspace, dataset, folder, **values):
    summary = run_step(workspace, "suggest", {"source": "cell_type", **values}, dataset.id, folder)
    return summary, workspace.open(dataset.id)


def test_clusters_get_the_names_of_the_panel_that_fits(workspace, blood, tmp_path):
    summary, named = suggest(workspace, blood, tmp_path / "names")
    assert summary["panel"] == "blood"
    assert summary["fit"].startswith("'Blood and immune' clearly fits")
    written = named.read(keys.obs(summary["column"]))
    truth = pd.Categorical(named.read(keys.obs("cell_type")))
    table = pd.crosstab(truth.astype(str), written.astype(str))
    # every group has one name, and the unmistakable ones have theirs
    assert ((table > 0).sum(axis=1) == 1).all()
    for kind in ("B cell", "NK cell", "Platelet"):
        assert table.loc[kind].idxmax() == kind
    known = set(panel("blood").types) | set(panel("blood").broader.values())
    unnamed = [name for name in written.categories if name not in known]
    assert all(name.startswith("cluster ") for name in unnamed)
    assert summary["n_named"] == len(truth.categories) - len(unnamed)


def test_a_panel_that_does_not_fit_names_nothing_unless_it_is_asked_for(workspace, prepared, tmp_path):
    run_step(workspace, "markers", {"groupby": "cell_type"}, prepared.id, tmp_path / "markers")
    summary, dataset = suggest(workspace, prepared, tmp_path / "auto")
    assert (summary["panel"], summary["column"], summary["n_named"]) == ("", "", 0)
    # written all the same, so that names of earlier clusters do not stay
    written = dataset.read(keys.suggested("cell_type"))
    assert all(name.startswith("cluster ") for name in written.categories)
    assert not summary["askable"]
    summary, dataset = suggest(workspace, prepared, tmp_path / "asked", panel="gut")
    assert summary["panel"] == "gut"
    assert summary["n_named"] == 0  # made-up genes are in no panel


def test_names_rest_on_the_clusters_that_the_genes_were_found_for(workspace, blood, tmp_path):
    with pytest.raises(DataError, match="no marker genes yet"):
        run_step(workspace, "suggest", {"source": "batch"}, blood.id, tmp_path / "none")
    names = {str(name): str(name) for name in pd.Categorical(blood.read(keys.obs("cell_type"))).categories}
    run_step(workspace, "name_clusters", {"source": "cell_type", "column": "mine", "names": names}, blood.id, tmp_path)
    run_step(workspace, "markers", {"groupby": "mine"}, blood.id, tmp_path / "markers2")
    names = dict(zip(names, np.roll(list(names), 1), strict=True))
    run_step(workspace, "name_clusters", {"source": "cell_type", "column": "mine", "names": names}, blood.id, tmp_path)
    with pytest.raises(DataError, match="'mine' has changed"):
        suggest(workspace, blood, tmp_path / "stale", source="mine")
