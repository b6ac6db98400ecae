import numpy as np
import pandas as pd
import pytest
from scipy import sparse

from scapp.core.errors import ConfigError
from scapp.data.config import DoubletConfig, SimulationConfig
from scapp.data.qc.quality_metrics import doublet_scores, qc_metrics
from scapp.data.simulated.simulate import simulate

COUNTS = sparse.csr_matrix(np.array([[8, 1, 1, 0], [0, 0, 0, 0], [5, 0, 0, 5]], dtype=np.float32))


@pytest.mark.parametrize("names", [["Actb", "mt-Nd1", "Rps3", "ERCC-00002"], ["ACTB", "MT-ND1", "RPL10", "ERCC-00002"]])
def test_metrics_by_hand_for_human_and_mouse_names(names):
    cells, genes = qc_metrics(COUNTS, pd.Index(names), pd.DataFrame(index=names))
    assert cells["total_counts"].tolist() == [10, 0, 10]
    assert cells["n_genes_by_counts"].tolist() == [3, 0, 2]
    assert cells["pct_counts_mt"].tolist() == [10, 0, 0]
    assert cells["pct_counts_ribo"].tolist() == [10, 0, 0]
    assert cells["pct_counts_ercc"].tolist() == [0, 0, 50]
    assert genes["mt"].tolist() == [False, True, False, False]
    assert genes["n_cells_by_counts"].tolist() == [2, 1, 1, 1]


def test_symbols_are_found_beside_ensembl_ids():
    ids = pd.Index(["ENSG1", "ENSG2", "ENSG3", "ENSG4"])
    var = pd.DataFrame({"feature_name": ["ACTB", "MT-ND1", None, "X"]}, index=ids)
    cells, _ = qc_metrics(COUNTS, ids, var)
    assert cells["pct_counts_mt"].tolist() == [10, 0, 0]
    assert "pct_counts_ercc" not in cells


def test_doublets_score_higher_than_singlets():
    study = simulate(
        SimulationConfig(n_cells=500, n_genes=300, n_types=4, type_strength=2, marker_share=0.4, doublet_rate=0.1)
    )
    scores = doublet_scores(study.layers["counts"], DoubletConfig())
    truth = study.obs["is_doublet"].to_numpy()
    assert scores.shape == (500,)
    assert scores[truth].mean() > 1.5 * scores[~truth].mean()


def test_small_samples_are_refused_by_name():
    study = simulate(SimulationConfig(n_cells=80, n_genes=100))
    samples = pd.Series(["a"] * 60 + ["b"] * 20)
    with pytest.raises(ConfigError, match="'b' has 20 cells"):
        doublet_scores(study.layers["counts"], DoubletConfig(), samples)
