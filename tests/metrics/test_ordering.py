"""Order against stages: by hand and where nothing can be said."""

import numpy as np
import pytest
from scipy import sparse, stats

from scapp.metrics.ordering import GENES_AT_ONCE, monotone_curve, order_agreement, rank_correlations


def test_by_hand():
    found = order_agreement(np.array([0.1, 0.4, 0.2, 0.9]), np.array([0, 1, 2, 3]))
    # ranks 1 3 2 4 against 1 2 3 4: 1 - 6 * 2 / (4 * 15); five pairs agree and one does not
    assert found["spearman"] == pytest.approx(0.8)
    assert found["kendall"] == pytest.approx(4 / 6)
    assert found["n_cells"] == 4
    backwards = order_agreement(-np.arange(5.0), np.arange(5))
    assert backwards["spearman"] == pytest.approx(-1)
    assert backwards["kendall"] == pytest.approx(-1)


def test_cells_without_stage_or_out_of_reach_do_not_count():
    found = order_agreement(np.array([0.0, 1, 2, np.inf, 5]), np.array([0, 1, 2, 1, -1]))
    assert found["n_cells"] == 3
    assert found["reached"] == 0.75
    assert found["spearman"] == pytest.approx(1)


@pytest.mark.parametrize("stage", [[0, 0, 0], [0, 1, -1], [-1, -1, -1]])
def test_too_little_to_order(stage):
    found = order_agreement(np.arange(3.0), np.array(stage))
    assert np.isnan(found["spearman"])
    assert np.isnan(found["kendall"])


def test_correlations_of_genes_are_those_of_scipy():
    random = np.random.default_rng(0)
    values = random.poisson(1.0, (40, GENES_AT_ONCE + 3)).astype(float)
    values[:, 1] = 2
    time = random.random(40)
    time[:5] = np.nan
    found = rank_correlations(sparse.csr_matrix(values), time)
    for gene in (0, 2, GENES_AT_ONCE, GENES_AT_ONCE + 2):
        assert found[gene] == pytest.approx(stats.spearmanr(values[5:, gene], time[5:]).statistic)
    assert np.isnan(found[1])
    assert np.isnan(rank_correlations(sparse.csr_matrix(values), np.zeros(40))).all()


def test_the_rising_curve_by_hand():
    time, stage = np.array([0.3, 0.0, np.inf, 0.5, 0.4, 0.9]), np.array([2, 0, 3, 1, -1, 3])
    curve = monotone_curve(time, stage)
    assert curve["cell"].tolist() == [1, 0, 3, 5]
    assert curve["order"].tolist() == [1, 2, 3, 4]
    # 2 before 1 falls: neighbours that fall are pooled into their mean
    assert curve["curve"].tolist() == [0, 1.5, 1.5, 3]
    backwards = monotone_curve(np.arange(4.0), np.array([3, 2, 1, 0]))
    assert backwards["curve"].tolist() == [1.5] * 4


def test_equal_times_share_their_rank_and_their_place_on_the_curve():
    curve = monotone_curve(np.array([0.0, 0, 1]), np.array([0, 1, 1]))
    assert curve["order"].tolist() == [1.5, 1.5, 3]
    assert curve["curve"].tolist() == [0.5, 0.5, 1]
    assert not len(monotone_curve(np.array([np.nan]), np.array([0])))
