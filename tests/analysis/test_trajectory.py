"""Pseudotime: a simulated line, the root, scanpy's own numbers, and what cannot be ordered."""

import anndata as ad
import numpy as np
import pandas as pd
import pytest
import scanpy as sc
from scipy import stats

from scapp.analysis import trajectory
from scapp.analysis.trajectory import SLOWEST, path_time, pseudotime, root_of
from scapp.core.errors import ConfigError, DataError
from scapp.metrics.ordering import order_agreement

RNG = np.random.default_rng(0)
TIME = np.sort(RNG.uniform(0, 1, 200))
LINE = np.column_stack([10 * TIME, 3 * np.sin(3 * TIME), RNG.normal(0, 0.2, 200)]).astype(np.float32)
STAGE = pd.Categorical.from_codes((TIME * 4).astype(int).clip(0, 3), list("abcd"))


def test_a_line_is_ordered():
    found = pseudotime(LINE, root=0, groups=STAGE)
    assert abs(stats.spearmanr(found.pseudotime, TIME).statistic) > 0.95
    assert found.pseudotime[0] == 0
    assert found.pseudotime.max() == pytest.approx(1)
    assert order_agreement(found.pseudotime, np.asarray(STAGE.codes))["kendall"] > 0.8
    assert found.groups == ("a", "b", "c", "d")
    assert found.paga is not None
    assert found.paga[0, 1] > found.paga[0, 3]


def test_the_numbers_are_scanpys():
    adata = ad.AnnData(LINE.copy())
    sc.pp.neighbors(adata, n_neighbors=15, use_rep="X", random_state=0)
    adata.uns["iroot"] = 7
    sc.tl.diffmap(adata, n_comps=15, random_state=0)
    sc.tl.dpt(adata)
    np.testing.assert_allclose(pseudotime(LINE, root=7).pseudotime, adata.obs["dpt_pseudotime"], rtol=1e-4)


def test_the_root_is_the_end_of_its_group():
    assert root_of(LINE, STAGE, "a") in range(5)
    assert root_of(LINE, STAGE, "d") in range(195, 200)
    everything = pd.Categorical(["x"] * 200)
    assert root_of(LINE, everything, "x") in (*range(5), *range(195, 200))
    with pytest.raises(ConfigError, match="No cell is of 'z'"):
        root_of(LINE, STAGE, "z")


def test_parts_that_are_not_connected_are_out_of_reach():
    apart = np.concatenate([LINE[:100], LINE[:100] + 1000])
    found = pseudotime(apart, root=0)
    assert np.isfinite(found.pseudotime[:100]).all()
    assert np.isinf(found.pseudotime[100:]).all()
    near = np.concatenate([LINE[:100], LINE[:100] + 15])
    connected = pseudotime(near, root=0, connect=True)
    assert np.isfinite(connected.pseudotime).all()
    assert connected.n_neighbors > found.n_neighbors == 15


def test_a_part_that_hangs_by_a_thread_is_tied_with_more_neighbours():
    """A bridge of ten cells between two clouds of three hundred: reached, but the crossing alone would decide the
    order.
    """
    clouds = np.random.default_rng(0).normal(0, 1, (600, 3))
    clouds[300:, 0] += 14
    bridge = np.column_stack([np.arange(2.5, 12.5), np.zeros((10, 2))])
    cells = np.concatenate([clouds, bridge]).astype(np.float32)
    loose = pseudotime(cells, root=0, n_neighbors=4)
    assert np.isfinite(loose.pseudotime).all()
    tied = pseudotime(cells, root=0, n_neighbors=4, connect=True)
    assert loose.n_neighbors == 4 < tied.n_neighbors
    adata = ad.AnnData(cells.copy())
    sc.pp.neighbors(adata, n_neighbors=tied.n_neighbors, use_rep="X", random_state=0)
    sc.tl.diffmap(adata, random_state=0)
    assert adata.uns["diffmap_evals"][1] <= SLOWEST
    assert pseudotime(LINE, root=0, connect=True).n_neighbors == 15


def test_widening_ends(monkeypatch):
    monkeypatch.setattr(trajectory, "MOST_NEIGHBORS", 20)
    apart = np.concatenate([LINE[:100], LINE[:100] + 1000])
    found = pseudotime(apart, root=0, connect=True)
    assert found.n_neighbors == 20
    assert np.isinf(found.pseudotime[100:]).all()


def test_few_cells_one_group_and_no_root():
    with pytest.raises(DataError, match="needs 5 cells"):
        pseudotime(LINE[:4], root=0)
    with pytest.raises(ConfigError, match="no cell number 500"):
        pseudotime(LINE, root=500)
    small = pseudotime(LINE[::25], root=0, groups=pd.Categorical(["x"] * 8))
    assert small.paga is None
    assert len(small.pseudotime) == 8


def test_the_shortest_path_orders_a_line_and_reaches_every_part():
    found = path_time(LINE, root=0)
    assert stats.spearmanr(found, TIME).statistic > 0.95
    assert found[0] == 0
    assert found.max() == 1
    apart = path_time(np.concatenate([LINE[:100], LINE[:100] + 1000]), root=0)
    assert np.isfinite(apart).all()
    assert apart[100:].min() > apart[:100].max()
    steps = path_time(np.array([[0.0], [1], [3], [7]]), root=0, n_neighbors=1)
    np.testing.assert_allclose(steps, np.array([0, 1, 3, 7]) / 7, rtol=1e-6)
    twice = path_time(np.array([[0.0], [0], [0], [1], [1], [5]]), root=0, n_neighbors=1)
    np.testing.assert_allclose(twice, [0, 0, 0, 0.2, 0.2, 1], atol=1e-6)
    assert (path_time(np.zeros((4, 2)), root=0) == 0).all()
