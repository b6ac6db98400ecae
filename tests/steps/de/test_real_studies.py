"""Published studies, where the developers' data are there: what is known of them is found."""

from tests.conftest import shared_data
from tests.steps.de.test_study import Study

INTERFERON = ["ISG15", "IFI6", "IFIT1", "IFIT2", "IFIT3", "MX1", "CXCL10"]


def test_interferon_beta_raises_its_genes_in_monocytes_by_both_tests(tmp_path):
    study = Study(tmp_path, shared_data("kang_pbmc_ifnb_donors.h5ad"))
    study.step("study", condition_key="condition", donor_key="donor", cell_type_key="cell_type")
    for method in ("pseudobulk", "wilcoxon"):
        row = study.step("de", cell_types=["CD14+ Monocytes"], method=method)["rows"][0]
        table = study.data.read(f"uns/de_{row['name']}").set_index("symbol")
        assert (table.loc[INTERFERON, "log2_fold_change"] > 4).all()
        assert (table.loc[INTERFERON, "p_value_adjusted"] < 1e-4).all()
        place = table["strength"].rank(ascending=False)
        assert place[INTERFERON].max() <= 60
        found = study.step("enrich", result=row["name"])
        assert found["top_sets_up"][:2] == ["Interferon-stimulated genes (ISG)", "Type I interferon response"]


def test_panobinostat_raises_metallothioneins_with_donors_as_pairs(tmp_path):
    study = Study(tmp_path, shared_data("glioblastoma_panobinostat.h5ad"))
    summary = study.step("study", condition_key="condition", donor_key="donor")
    assert any("paired" in note for note in summary["notes"])
    row = study.step("de")["rows"][0]
    assert (row["method"], row["covariates"]) == ("pseudobulk", "donor")
    table = study.data.read(f"uns/de_{row['name']}").set_index("symbol")
    assert (table.loc[["MT1X", "MT2A", "MT1E"], "log2_fold_change"] > 1).all()
    assert (table.loc[["MT1X", "MT2A", "MT1E"], "p_value_adjusted"] < 1e-4).all()
