"""The simulated lineage and blood study hold the truth that they promise."""

import numpy as np
import pytest

from scapp.data.config import BloodConfig, LineageConfig
from scapp.data.simulated.blood import ALARMINS, CONDITIONS, CYTOKINES, ISG, MHC_II, PLANTED, SHARES, simulate_blood
from scapp.data.simulated.lineage import simulate_lineage


@pytest.fixture(scope="module")
def blood():
    return simulate_blood()


def fold(study, genes, condition, cell_type="CD14 monocyte"):
    """Median over genes of the log ratio of mean shares, a condition against healthy."""
    counts = study.layers["counts"]
    share = counts.multiply(1 / counts.sum(axis=1)).tocsr()
    here = (study.obs["cell_type"] == cell_type).to_numpy()
    positions = study.var_names.get_indexer(genes)
    means = [
        np.asarray(share[here & (study.obs["condition"] == c).to_numpy()][:, positions].mean(axis=0)).ravel()
        for c in (condition, "healthy")
    ]
    return float(np.median(np.log(means[0] / means[1])))


def test_donors_conditions_and_batches(blood):
    donors = blood.obs.groupby("donor_id", observed=True)
    assert donors.ngroups == 18
    assert (donors["condition"].nunique() == 1).all()
    assert (blood.obs.groupby("condition", observed=True)["donor_id"].nunique() == 6).all()
    assert (blood.obs.groupby("condition", observed=True)["batch"].nunique() == 2).all()
    assert blood.obs["condition"].cat.ordered
    assert blood.obs["condition"].cat.categories.tolist() == list(CONDITIONS)


def test_planted_changes_are_there_in_monocytes_only(blood):
    assert fold(blood, ISG, "moderate") > fold(blood, ISG, "severe") > 0.6
    assert fold(blood, MHC_II, "severe") < fold(blood, MHC_II, "moderate") < -0.3
    assert fold(blood, ALARMINS, "severe") > 0.6
    assert abs(fold(blood, ALARMINS, "moderate")) < 0.35
    assert abs(fold(blood, CYTOKINES, "severe")) < 0.3
    assert abs(fold(blood, ISG, "moderate", "CD4 T cell")) < 0.3


def test_planted_shares(blood):
    shares = blood.obs.groupby("condition", observed=True)["cell_type"].value_counts(normalize=True).unstack()
    for name in ("NK cell", "Dendritic cell", "CD16 monocyte"):
        assert shares.loc["severe", name] < shares.loc["healthy", name]
    assert shares.loc["severe", "Plasma cell"] > 3 * shares.loc["healthy", "Plasma cell"]
    assert set(shares.columns) == set(SHARES)


def test_the_truth_is_in_var(blood):
    for name, (genes, moderate, severe) in PLANTED.items():
        rows = blood.var.loc[list(genes)]
        assert (rows["planted_set"] == name).all()
        assert (rows["planted_moderate"] == moderate).all()
        assert (rows["planted_severe"] == severe).all()
    rest = blood.var[blood.var["planted_set"] == "none"]
    assert (rest["planted_severe"] == 0).all()
    assert len(rest) > 700
    assert blood.var_names.is_unique


def test_blood_is_the_same_for_the_same_seed():
    small = BloodConfig(n_cells=300, donors_per_group=2)
    first, again = simulate_blood(small), simulate_blood(small)
    np.testing.assert_array_equal(first.layers["counts"].toarray(), again.layers["counts"].toarray())
    assert first.obs["donor_id"].nunique() == 6


def test_lineage_genes_follow_time_and_fate():
    study = simulate_lineage(LineageConfig(n_cells=800, n_genes=300, mean_counts=5000))
    counts = study.layers["counts"].toarray()
    share = counts / counts.sum(axis=1, keepdims=True)
    time = study.obs["true_time"].to_numpy()
    late, early = share[time > 0.8].mean(axis=0), share[time < 0.2].mean(axis=0)
    rise = np.log(late + 1e-6) - np.log(early + 1e-6)
    pattern = study.var["pattern"]
    assert np.median(rise[pattern == "rises"]) > 0.5
    assert np.median(rise[pattern == "falls"]) < -0.5
    a, b = ((study.obs["fate"] == fate).to_numpy() & (time > 0.8) for fate in ("fate A", "fate B"))
    only = (pattern == "only fate A").to_numpy()
    assert (
        np.median(np.log(share[a][:, only].mean(axis=0) + 1e-6) - np.log(share[b][:, only].mean(axis=0) + 1e-6)) > 0.5
    )


def test_stages_are_ordered_and_follow_time():
    study = simulate_lineage(LineageConfig(n_cells=500, n_genes=50, n_stages=4))
    assert study.obs["stage"].cat.ordered
    means = study.obs.groupby("stage", observed=True)["true_time"].mean()
    assert means.is_monotonic_increasing
    assert len(means) == 4
    trunk = study.obs["fate"] == "progenitor"
    assert study.obs["true_time"][trunk].max() < study.obs["true_time"][~trunk].min() + 1e-9
