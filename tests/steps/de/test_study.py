"""The steps of a study of conditions, on a small made-up one: results, refusals, and the report."""

import json

import anndata as ad
import numpy as np
import pytest

from scapp.analysis.de.gene_sets import GeneSet, write_gmt
from scapp.core import keys
from scapp.core.errors import ConfigError, DataError
from scapp.data.config import KEEP_EVERYTHING, PrepareConfig
from scapp.reports.export import to_anndata
from scapp.reports.methods_text import methods_text
from scapp.reports.script import as_python, script_of
from scapp.steps.config import ImportRequest
from scapp.workspace.datasets.store import Workspace
from tests.conftest import run_step

DESIGN = {"condition_key": "condition", "donor_key": "donor_id", "cell_type_key": "cell_type", "batch_key": "batch"}
TYPE = "CD14 monocyte"
NAME = f"{TYPE}: severe vs healthy (pseudobulk)"


class Study:
    """A dataset, and steps on it."""

    def __init__(self, folder, path, prepare=True):
        self.folder, self.workspace = folder, Workspace(folder / "workspace")
        self.n = 0
        self.id = self.step("import", **ImportRequest(path=str(path)).model_dump())["dataset"]
        if prepare:
            self.id = self.step("prepare", **PrepareConfig(**KEEP_EVERYTHING, n_top_genes=200).model_dump())["dataset"]

    def step(self, name, /, **values):
        self.n += 1
        return run_step(self.workspace, name, values, getattr(self, "id", None), self.folder / f"step{self.n}")

    @property
    def data(self):
        return self.workspace.open(self.id)


@pytest.fixture
def study(blood_file, tmp_path):
    made = Study(tmp_path, blood_file)
    made.step("study", **DESIGN)
    return made


def test_the_design_and_what_it_says(study):
    summary = study.step("study", **DESIGN, order=["healthy", "severe"])
    assert summary["conditions"] == ["healthy", "severe"]
    assert summary["n_samples"] == 6
    assert any("Platelet: no cell in some condition" in note for note in summary["notes"])
    shares = study.data.read(keys.COMPOSITION)
    assert np.allclose(shares.groupby("sample", observed=True)["share"].sum(), 1)
    tests = study.data.read(keys.COMPOSITION_TESTS)
    assert set(tests["compared"]) == {"severe"}
    with pytest.raises(DataError, match="no annotation 'nonsense'"):
        study.step("study", condition_key="nonsense")


def test_auto_takes_pseudobulk_and_finds_what_was_planted(study):
    summary = study.step("de", cell_types=[TYPE])
    assert [row["method"] for row in summary["rows"]] == ["pseudobulk", "pseudobulk"]
    severe = next(row for row in summary["rows"] if row["compared"] == "severe")
    assert severe["name"] == NAME
    assert (severe["n_donors_reference"], severe["n_donors_compared"]) == (3, 3)
    table = study.data.read(keys.differential(NAME))
    known = study.data.var().loc[table["gene"], "planted_severe"].to_numpy()
    found = (table["p_value_adjusted"] <= 0.05).to_numpy()
    assert found[np.abs(known) >= 1].mean() > 0.8
    assert (np.sign(table["log2_fold_change"])[found & (known != 0)] == np.sign(known[found & (known != 0)])).all()
    assert table["p_value"].dropna().is_monotonic_increasing
    about = study.data.read(keys.about_differential(NAME))
    assert about["reason"] == ""
    assert int(about["n_genes"]) == len(table)


def test_types_are_tested_by_themselves_or_together_and_what_cannot_be_is_said(study):
    rows = study.step("de", cell_types=[TYPE, "Platelet"], compared=["severe"])
    assert [row["cell_type"] for row in rows["rows"]] == [TYPE]
    assert "0 of severe" in rows["left_out"][0]
    pooled = study.step("de", cell_types=[TYPE, "CD4 T cell"], compared=["severe"], together=True)["rows"]
    assert [row["cell_type"] for row in pooled] == [f"{TYPE} + CD4 T cell"]
    everything = study.step("de", compared=["severe"])["rows"]
    assert everything[0]["cell_type"] == "all cells"
    obs = study.data.obs(["condition", "cell_type"])
    assert everything[0]["n_cells_compared"] == (obs["condition"] == "severe").sum()
    with pytest.raises(DataError, match="0 of severe"):
        study.step("de", cell_types=["Platelet"], compared=["severe"])
    with pytest.raises(ConfigError, match="has no Nonsense"):
        study.step("de", cell_types=["Nonsense"])


def test_tests_of_cells_are_marked_exploratory(study):
    row = study.step("de", cell_types=[TYPE], compared=["severe"], method="wilcoxon")["rows"][0]
    assert row["exploratory"]
    about = study.data.read(keys.about_differential(row["name"]))
    assert "Exploratory" in about["reason"]
    few = study.step("de", cell_types=["CD16 monocyte"], compared=["severe"])["rows"][0]
    assert few["method"] == "wilcoxon"
    assert "have 10 cells or more" in study.data.read(keys.about_differential(few["name"]))["reason"]


def test_covariates_must_say_one_thing_of_each_donor(study):
    row = study.step("de", cell_types=[TYPE], compared=["severe"], covariates=["sex"])["rows"][0]
    assert row["covariates"] == "sex"
    with pytest.raises(ConfigError, match="'total_counts' does not say one thing"):
        study.step("de", cell_types=[TYPE], covariates=["total_counts"])


def test_without_donors_or_counts_pseudobulk_is_refused_with_the_reason(study, blood_file, tmp_path):
    study.step("study", condition_key="condition", cell_type_key="cell_type")
    with pytest.raises(DataError, match="no donor column was chosen"):
        study.step("de", cell_types=[TYPE], method="pseudobulk")
    row = study.step("de", cell_types=[TYPE], compared=["severe"])["rows"][0]
    assert row["method"] == "wilcoxon"
    adata = ad.read_h5ad(blood_file)
    scale = 1e4 / np.asarray(adata.layers["counts"].sum(axis=1))
    adata.X = adata.layers["counts"].multiply(scale).tocsr().log1p().astype(np.float32)
    del adata.layers["counts"]
    adata.X.data *= 1.01  # so that no counts can be recovered
    adata.write_h5ad(tmp_path / "logged.h5ad")
    logged = Study(tmp_path / "logged", tmp_path / "logged.h5ad")
    logged.step("study", **DESIGN)
    with pytest.raises(DataError, match="came without them"):
        logged.step("de", cell_types=[TYPE], method="pseudobulk")
    assert logged.step("de", cell_types=[TYPE], compared=["severe"])["rows"][0]["method"] == "wilcoxon"


def test_what_is_not_normalised_or_scaled_is_refused(blood_file, tmp_path):
    raw = Study(tmp_path / "raw", blood_file, prepare=False)
    with pytest.raises(DataError, match="No study design"):
        raw.step("de", cell_types=[TYPE])
    raw.step("study", **DESIGN)
    with pytest.raises(DataError, match="needs normalised values"):
        raw.step("de", cell_types=[TYPE], method="wilcoxon")
    adata = ad.read_h5ad(blood_file)
    dense = np.log1p(adata.layers["counts"].toarray())
    adata.X = ((dense - dense.mean(axis=0)) / dense.std(axis=0).clip(1e-6)).astype(np.float32)
    del adata.layers["counts"]
    adata.write_h5ad(tmp_path / "scaled.h5ad")
    scaled = Study(tmp_path / "scaled", tmp_path / "scaled.h5ad", prepare=False)
    scaled.step("study", **DESIGN)
    for step, values in (("de", {"cell_types": [TYPE]}), ("score", {"sets": ["isg"]})):
        with pytest.raises(DataError, match=r"scaled values|normalised values"):
            scaled.step(step, **values)


def test_scores_are_columns_with_a_table_that_says_what_they_are(study):
    found = study.step("score", sets=["isg", "cell_cycle_s"], typed={"My list": "ISG15 IFI6"})
    assert found["columns"] == ["score_isg", "score_cell_cycle_s", "score_my_list"]
    study.step("score", sets=["isg"], method="rank")
    table = study.data.read(keys.GENE_SET_SCORES).set_index("column")
    assert list(table.index) == ["rank_score_isg", "score_isg", "score_cell_cycle_s", "score_my_list"]
    assert table.loc["score_my_list", "n_found"] == 2
    obs = study.data.obs(["condition", "cell_type", "score_isg", "rank_score_isg"])
    mine = obs[obs["cell_type"] == TYPE].groupby("condition", observed=True)[["score_isg", "rank_score_isg"]].mean()
    assert (mine.loc["moderate"] > mine.loc["severe"]).all()
    assert (mine.loc["severe"] > mine.loc["healthy"]).all()
    with pytest.raises(DataError, match="0 gene sets"):
        study.step("score")
    with pytest.raises(ConfigError, match="Two of the sets"):
        study.step("score", sets=["isg"], typed={"isg": "MX1"})
    with pytest.raises(DataError, match="No gene of these sets"):
        study.step("score", typed={"x": "NOGENE"})


def test_pathways_and_a_users_own_sets(study, tmp_path):
    study.step("de", cell_types=[TYPE], compared=["severe"])
    found = study.step("enrich", result=NAME)
    assert "Interferon-stimulated genes (ISG)" in found["top_sets_up"]
    assert "MHC class II" in found["top_sets_down"]
    over = study.step("enrich", result=NAME, method="over-representation")
    assert over["top_sets_up"][0] == "Interferon-stimulated genes (ISG)"
    mine = tmp_path / "mine.gmt"
    mine.write_text(write_gmt([GeneSet("planted", "planted", ("isg15", "ifi6", "mx1", "mx2", "oas1", "rsad2"))]))
    own = study.step("enrich", result=NAME, library=str(mine))
    assert own["name"].endswith("gsea · mine")
    table = study.data.read(keys.enrichment(own["name"]))
    assert table["direction"].tolist() == ["up"]
    assert "ISG15" in table["leading_genes"].iloc[0].split()
    with pytest.raises(DataError, match="no comparison 'nonsense'"):
        study.step("enrich", result="nonsense")


def test_the_report_holds_every_part_escapes_names_and_needs_nothing_else(study):
    study.step("map", representation="pca")
    study.step("de", cell_types=[TYPE, "B cell/naive <b>"], compared=["severe"], min_cells=3)
    study.step("score", sets=["isg"])
    study.step("enrich", result=NAME)
    summary = study.step("export", flavour="study")
    html = (study.folder / f"step{study.n}" / summary["file"]).read_text()
    for words in (
        "Study design",
        "Findings",
        "Cell-type composition",
        NAME,
        "Gene-set scores",
        "Pathways",
        "Methods",
        "Settings",
        "Versions",
        "PyDESeq2",
        "pydeseq2",
        "ISG15",
    ):
        assert words in html, words
    assert "B cell|naive &lt;b&gt;: severe" in html
    own = html.split("</script>", 1)[1]
    assert "naive <b>:" not in own
    assert "<script src" not in html
    assert "http" not in own.replace("http://www.w3.org", "")
    assert own.count("plotly-graph-div") >= 8


def test_the_file_the_script_and_the_methods_tell_of_it(study):
    study.step("de", cell_types=["B cell/naive <b>"], compared=["severe"], min_cells=3)
    study.step("score", sets=["isg"])
    adata = to_anndata(study.data)
    path = study.folder / "out.h5ad"
    adata.write_h5ad(path)
    again = ad.read_h5ad(path)
    assert any(key.startswith("de_B cell|naive") for key in again.uns)
    assert "score_isg" in again.obs
    # other cells have no results yet
    fewer = study.step("prepare", **PrepareConfig(**KEEP_EVERYTHING, n_top_genes=200).model_dump())["dataset"]
    assert any(keys.of_a_study(slot) for slot in study.data.slots)
    assert not any(keys.of_a_study(slot) for slot in study.workspace.open(fewer).slots)
    code = as_python(script_of(study.data))
    compile(code, "script", "exec")
    assert '"study"' in code
    assert '"de"' in code
    text = methods_text(study.data)
    for words in ("PyDESeq2", "Love MI", "Squair", "score_genes", "Tirosh"):
        assert words in text, words
    json.dumps(study.data.manifest.model_dump(mode="json"))


@pytest.fixture
def paired(blood_file, tmp_path):
    """Six donors under both conditions; of B cells, two lack cells in one."""
    adata = ad.read_h5ad(blood_file)
    adata = adata[adata.obs["condition"].isin(["healthy", "severe"])].copy()
    rng = np.random.default_rng(0)
    adata.obs["donor_id"] = np.array([f"p{i}" for i in range(6)])[rng.integers(6, size=adata.n_obs)]
    b_cells = adata.obs["cell_type"].str.startswith("B cell")
    lacking = b_cells & (adata.obs["condition"] == "severe") & adata.obs["donor_id"].isin(["p0", "p1"])
    adata = adata[~lacking].copy()
    adata.obs["cell_type"] = adata.obs["cell_type"].astype(str)
    adata.write_h5ad(tmp_path / "paired.h5ad")
    made = Study(tmp_path / "paired", tmp_path / "paired.h5ad")
    made.step("study", **{**DESIGN, "batch_key": None})
    return made


def test_pairs_are_used_where_there_are_enough_and_told_where_not(paired):
    whole = paired.step("de", cell_types=[TYPE], min_cells=3)["rows"][0]
    assert whole["covariates"] == "donor"
    assert (whole["n_donors_reference"], whole["n_donors_compared"]) == (6, 6)
    some = paired.step("de", cell_types=["B cell/naive <b>"], min_cells=1)["rows"][0]
    assert some["covariates"] == "donor"
    assert (some["n_donors_reference"], some["n_donors_compared"]) == (4, 4)
    assert (
        "without a partner: p0 · healthy, p1 · healthy"
        in paired.data.read(keys.about_differential(some["name"]))["notes"]
    )
    apart = paired.step("de", cell_types=[TYPE], min_cells=3, pairing="no")["rows"][0]
    assert apart["covariates"] == ""


def test_what_a_donor_already_says_is_left_out_of_its_covariates(paired, blood_file):
    adata = to_anndata(paired.data)
    adata.obs["sex"] = np.where(adata.obs["donor_id"].isin(["p0", "p3"]), "f", "m")
    adata.write_h5ad(paired.folder / "sex.h5ad")
    made = Study(paired.folder / "sex", paired.folder / "sex.h5ad")
    made.step("study", **{**DESIGN, "batch_key": None})
    row = made.step("de", cell_types=[TYPE], min_cells=3, covariates=["sex"])["rows"][0]
    assert row["covariates"] == "donor"
    assert "already allows for it: sex" in made.data.read(keys.about_differential(row["name"]))["notes"]


def test_another_design_after_results_leaves_a_report_that_says_so(study):
    study.step("de", cell_types=[TYPE], compared=["severe"])
    study.step("enrich", result=NAME)
    study.step("score", sets=["isg"])
    study.step("score", sets=["isg"], method="rank")
    study.step("study", **{**DESIGN, "cell_type_key": "batch", "batch_key": None})
    summary = study.step("export", flavour="study")
    own = (study.folder / f"step{study.n}" / summary["file"]).read_text().split("</script>", 1)[1]
    assert own.count("<b>Out of date</b>") == 2
    assert "&lt; 0.001" in own


def test_a_library_that_is_gone_costs_its_curves_alone(study, tmp_path):
    study.step("de", cell_types=[TYPE], compared=["severe"])
    mine = tmp_path / "curated.gmt"
    mine.write_text(write_gmt([GeneSet("planted", "planted", ("isg15", "ifi6", "mx1", "mx2", "oas1", "rsad2"))]))
    assert study.step("enrich", result=NAME, library=str(mine))["name"].endswith("gsea · curated (file)")
    mine.unlink()
    summary = study.step("export", flavour="study")
    assert "Running sums are left out" in (study.folder / f"step{study.n}" / summary["file"]).read_text()


def test_long_names_of_sets_that_differ_at_their_end_stay_different(study, tmp_path):
    long = "Positive regulation of transcription by RNA polymerase II"
    mine = tmp_path / "long.gmt"
    mine.write_text(write_gmt([GeneSet(f"{long} ({n})", long, genes) for n, genes in ((1, ("ISG15",)), (2, ("MX1",)))]))
    found = study.step("score", library=str(mine), sets=[f"{long} (1)", f"{long} (2)"])
    assert len(set(found["columns"])) == 2
