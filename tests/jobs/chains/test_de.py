"""What each stage of the guided study chooses, when it is left out, and what it says."""

from functools import partial

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from scapp.core import keys
from scapp.core.errors import ConfigError, DataError, RunError
from scapp.data.config import KEEP_EVERYTHING, PrepareConfig
from scapp.jobs import launch
from scapp.jobs.chains import chain
from scapp.jobs.chains.de import GUIDED_STUDY, GuidedStudyConfig
from scapp.reports.study_panels import Panels, score_tests, scores_of
from scapp.steps.config import ImportRequest
from tests.conftest import run_step
from tests.jobs.chains.working import work

TYPE = "CD14 monocyte"
CHOICES = GuidedStudyConfig(
    condition_key="condition",
    donor_key="donor_id",
    cell_type_key="cell_type",
    order=("healthy", "moderate", "severe"),
)


@pytest.fixture
def blood(workspace, blood_file, tmp_path):
    raw = run_step(workspace, "import", ImportRequest(path=str(blood_file)).model_dump(), None, tmp_path / "i")
    values = PrepareConfig(**KEEP_EVERYTHING, n_top_genes=200).model_dump()
    return workspace.open(run_step(workspace, "prepare", values, raw["dataset"], tmp_path / "p")["dataset"])


@pytest.fixture
def walk(workspace, tmp_path):
    """Carry out the chain here; name of stage -> what it said."""

    def carry_out(dataset, choices):
        said, remaining = {}, [each.name for each in GUIDED_STUDY.stages(choices)]
        while (stage := GUIDED_STUDY.next_stage(workspace.open(dataset.id), choices, remaining)) is not None:
            config = GUIDED_STUDY.config(stage, workspace.open(dataset.id), choices).model_dump(mode="json")
            found = run_step(workspace, stage.step, config, dataset.id, tmp_path / stage.name)
            said[stage.name] = stage.said(config, found)
            remaining = remaining[remaining.index(stage.name) + 1 :]
        return said

    return carry_out


def test_the_whole_walk_and_what_it_says(workspace, blood, walk):
    said = walk(blood, CHOICES)
    assert list(said) == ["design", "map", "markers", "scores", "genes", "pathways_1", "pathways_2"]
    assert said["design"].startswith("moderate, severe against healthy: 9 samples, 10 cell types.")
    assert said["genes"].startswith(f"{TYPE}, moderate against healthy: ")
    assert said["scores"] == "Every cell was scored for 4 gene sets."
    assert "Interferon-stimulated genes (ISG)" in said["pathways_2"]
    # a second walk makes neither map nor markers again
    assert list(walk(blood, CHOICES)) == ["design", "scores", "genes", "pathways_1", "pathways_2"]
    panels = Panels(workspace.open(blood.id))
    assert panels.focus == TYPE
    assert all(panel.draw().figure is not None for panel in panels.panels().values())


def test_the_type_looked_into_is_that_which_was_chosen(workspace, blood, walk):
    walk(blood, CHOICES)
    walk(blood, GuidedStudyConfig.build({**CHOICES.model_dump(), "focus": "NK cell", "sets": ("cytotoxicity",)}))
    panels = Panels(workspace.open(blood.id))
    assert panels.focus == "NK cell"
    assert panels.types_compared() == ["NK cell", TYPE]
    assert panels.panels()["E"].title == "Cytokines in NK cell"
    assert panels.within(TYPE).panels()["E"].title == f"Cytokines in {TYPE}, CD16 monocyte"


def test_without_types_all_cells_are_compared_and_panels_say_what_they_lack(workspace, blood, walk):
    alone = GuidedStudyConfig.build({**CHOICES.model_dump(), "cell_type_key": None, "donor_key": None})
    said = walk(blood, alone)
    assert list(said) == ["design", "map", "scores", "genes", "pathways_1", "pathways_2"]
    assert "(wilcoxon)" in said["genes"]
    assert "No donor column" in said["design"]
    panels = Panels(workspace.open(blood.id)).panels()
    lacking = {letter for letter, panel in panels.items() if panel.draw().figure is None}
    assert lacking == {"B", "C", "D"}
    assert "column of several cell types" in panels["C"].draw().said[0]
    assert panels["F"].draw().said[-1] == "A heatmap by donor needs a donor column."


def test_genes_of_no_set_leave_scores_and_pathways_out(workspace, tmp_path, walk, blood_file):
    import anndata as ad

    adata = ad.read_h5ad(blood_file)
    adata.var_names = [f"unknown{i}" for i in range(adata.n_vars)]
    path = tmp_path / "unknown.h5ad"
    adata.write_h5ad(path)
    raw = run_step(workspace, "import", ImportRequest(path=str(path)).model_dump(), None, tmp_path / "i")
    values = PrepareConfig(**KEEP_EVERYTHING, n_top_genes=200).model_dump()
    dataset = workspace.open(run_step(workspace, "prepare", values, raw["dataset"], tmp_path / "p")["dataset"])
    assert list(walk(dataset, CHOICES)) == ["design", "map", "markers", "genes"]
    panels = Panels(workspace.open(dataset.id)).panels()
    assert "None of IL1B" in panels["E"].draw().said[0]
    assert panels["F"].draw().figure is not None  # the strongest genes instead of those of sets
    assert panels["G"].draw().said == ["No cell has been scored for MHC genes yet."]


def test_a_type_that_one_condition_lacks_is_compared_where_it_can_be(workspace, blood, walk):
    platelets = GuidedStudyConfig.build({**CHOICES.model_dump(), "focus": "Platelet"})
    said = walk(blood, platelets)
    assert "pathways_1" in said
    assert "pathways_2" not in said
    assert "Left out: Platelet: severe against healthy" in said["genes"]
    drawn = Panels(workspace.open(blood.id)).panels()["J"].draw()
    assert drawn.said == ["severe has not been compared within Platelet yet."]


@pytest.mark.parametrize(
    ("told", "error", "said"),
    [
        ({"order": ("healthy",)}, ConfigError, "No conditions were chosen"),
        ({"focus": "Hepatocyte"}, ConfigError, "no 'Hepatocyte'"),
        ({"sets": ("nonsense",)}, ConfigError, "no gene set nonsense"),
        ({"donor_key": "nonsense"}, DataError, "no annotation 'nonsense'"),
    ],
)
def test_what_cannot_be_is_refused_before_anything_begins(blood, told, error, said):
    choices = GuidedStudyConfig.build({**CHOICES.model_dump(), **told})
    stage = GUIDED_STUDY.stages(choices)[0]
    with pytest.raises(error, match=said):
        GUIDED_STUDY.config(stage, blood, choices)


def test_what_is_outdated_says_so(workspace, blood, walk, tmp_path):
    walk(blood, CHOICES)
    panels = Panels(workspace.open(blood.id))
    assert not any(panels.is_outdated(panel.draw()) for panel in panels.panels().values())
    design = {**CHOICES.model_dump(include={"condition_key", "cell_type_key"}), "order": CHOICES.order}
    run_step(workspace, "study", design, blood.id, tmp_path / "other")
    panels = Panels(workspace.open(blood.id))
    outdated = {letter for letter, panel in panels.panels().items() if panels.is_outdated(panel.draw())}
    assert {"F", "I", "J"} <= outdated
    assert not outdated & {"A", "B", "C", "D"}


def test_the_map_drawn_is_that_of_clear_where_there_is_one(workspace, blood, walk):
    from scapp.workspace.datasets.staging import new_provenance

    walk(blood, CHOICES)
    places = np.column_stack([np.arange(blood.n_cells), np.zeros(blood.n_cells)]).astype(np.float32)
    dataset = workspace.commit(blood.id, {keys.umap("clear"): places}, provenance=new_provenance("map"))
    table = Panels(dataset).panels()["A"].draw().table
    assert (np.sort(table["x"]) == np.arange(blood.n_cells)).all()
    counts = table["condition"].value_counts()
    assert counts.sum() == blood.n_cells
    assert dict(counts) == dict(pd.Series(dataset.read(keys.obs("condition"))).value_counts())


def test_a_condition_that_is_left_out_is_in_no_panel(workspace, blood, walk):
    walk(blood, CHOICES)
    walk(blood, GuidedStudyConfig.build({**CHOICES.model_dump(), "order": ("healthy", "severe")}))
    panels = Panels(workspace.open(blood.id))
    assert list(panels.panels())[-1] == "I"
    for letter in "EF":
        drawn = panels.panels()[letter].draw()
        assert "moderate" not in " ".join(drawn.said)
        assert not panels.is_outdated(drawn)


def test_a_map_that_is_out_of_date_is_made_again(workspace, blood, walk):
    from scapp.workspace.datasets.staging import new_provenance

    walk(blood, CHOICES)
    moved = workspace.open(blood.id).read(keys.representation("pca")) + 1
    workspace.commit(blood.id, {keys.representation("pca"): moved}, provenance=new_provenance("clear"))
    assert "map" in walk(blood, CHOICES)
    assert "map" not in walk(blood, CHOICES)


def test_types_that_were_pooled_are_looked_into_together(workspace, blood, walk, tmp_path):
    walk(blood, CHOICES)
    both = {"cell_types": [TYPE, "CD16 monocyte"], "together": True, "compared": ["severe"]}
    run_step(workspace, "de", both, blood.id, tmp_path / "pooled")
    panels = Panels(workspace.open(blood.id))
    assert panels.focus == f"{TYPE} + CD16 monocyte"
    drawn = panels.panels()["E"].draw()
    kinds = pd.Series(blood.read(keys.obs("cell_type"))).isin([TYPE, "CD16 monocyte"])
    assert len(drawn.table) == int(kinds.sum())
    assert drawn.said[0].startswith("Cells that express them: IL1B")


def test_scores_are_one_family_of_tests_wherever_they_are_shown(workspace, blood, walk, tmp_path):
    walk(blood, CHOICES)
    run_step(workspace, "score", {"sets": ["cytotoxicity", "hypoxia"], "method": "rank"}, blood.id, tmp_path / "more")
    dataset = workspace.open(blood.id)
    panels = Panels(dataset).panels()
    assert panels["H"].title.startswith("Interferon and other scores")
    assert any("adjusted over 6 scored sets" in said for said in panels["G"].draw().said)
    drawn = panels["H"].draw()
    assert drawn.said[-1] == "The 3 that were scored last are drawn, of 4."
    assert set(drawn.table["feature"]) >= {"Cytotoxicity (rank)", "Hypoxia (rank)"}
    study = Panels(dataset).study
    values = scores_of(dataset.slots, dataset.read)
    _, tests = score_tests(values, study, study.cells_titled(TYPE))
    mine = tests[(tests["feature"] == "MHC class II") & (tests["compared"] == "severe")].iloc[0]
    of_severe = tests[(tests["compared"] == "severe") & tests["p_t"].notna()]  # a score that is 0 throughout has no p
    expected = stats.false_discovery_control(of_severe["p_t"])[list(of_severe["feature"]).index("MHC class II")]
    assert mine["p_t_adjusted"] == pytest.approx(expected)
    assert len(of_severe) >= 5


def test_genes_of_one_symbol_stay_apart_in_the_panels(workspace, tmp_path, walk, blood_file):
    import anndata as ad

    adata = ad.read_h5ad(blood_file)
    symbols = pd.Series(adata.var_names, index=adata.var_names).replace({"SIGLEC1": "STAT1", "IL6": "IL1B"})
    adata.var["feature_name"] = symbols.to_numpy()
    path = tmp_path / "twins.h5ad"
    adata.write_h5ad(path)
    raw = run_step(workspace, "import", ImportRequest(path=str(path)).model_dump(), None, tmp_path / "i")
    values = PrepareConfig(**KEEP_EVERYTHING, n_top_genes=200).model_dump()
    dataset = workspace.open(run_step(workspace, "prepare", values, raw["dataset"], tmp_path / "p")["dataset"])
    walk(dataset, CHOICES)
    panels = Panels(workspace.open(dataset.id)).panels()
    drawn = panels["F"].draw()
    rows = list(drawn.figure.data[0].y)
    assert len(set(rows)) == len(rows)
    assert set(rows) <= set(drawn.table.columns)
    assert "IL1B (IL1B)" in panels["E"].draw().said[0]


def test_a_design_that_was_changed_meanwhile_ends_the_walk(workspace, blood, tmp_path):
    stages = GUIDED_STUDY.stages(CHOICES)
    run_step(workspace, "study", GUIDED_STUDY.config(stages[0], blood, CHOICES).model_dump(), blood.id, tmp_path / "a")
    now = workspace.open(blood.id)
    assert GUIDED_STUDY.config(stages[4], now, CHOICES).cell_types == (TYPE,)
    other = {**CHOICES.model_dump(include={"condition_key", "donor_key", "cell_type_key"})}
    run_step(workspace, "study", {**other, "order": ("moderate", "severe")}, blood.id, tmp_path / "b")
    with pytest.raises(DataError, match="was changed while"):
        GUIDED_STUDY.config(stages[4], workspace.open(blood.id), CHOICES)


def test_scaled_values_are_refused_at_the_start(workspace, blood):
    dataset = workspace.open(blood.id)
    dataset.manifest.source["units"] = "scaled"
    with pytest.raises(DataError, match="scaled values"):
        GUIDED_STUDY.config(GUIDED_STUDY.stages(CHOICES)[0], dataset, CHOICES)


@pytest.fixture
def queued(workspace, monkeypatch):
    """No process is started; carries out what is queued."""
    monkeypatch.setattr(launch, "ensure_worker", lambda root, lane: None)
    return partial(work, workspace)


def test_one_study_at_a_time(workspace, blood, queued):
    first = chain.start(workspace.root, GUIDED_STUDY, blood, CHOICES)
    assert queued(1) == ["design"]
    with pytest.raises(RunError, match="is running on"):
        chain.start(workspace.root, GUIDED_STUDY, blood, CHOICES)
    queued()
    assert chain.analysis(workspace.root, first.id).ended
    chain.start(workspace.root, GUIDED_STUDY, workspace.open(blood.id), CHOICES)


def test_what_was_chosen_by_hand_stays_and_what_was_computed_is_computed_anew(workspace, blood, queued):
    first = chain.start(workspace.root, GUIDED_STUDY, blood, CHOICES)
    queued()

    def again(name, **changed):
        seen = chain.analysis(workspace.root, first.id)
        config = seen.done[name].run.config.config
        chain.begin_again(workspace.root, seen, name, seen.stage(name).record.config.build({**config, **changed}))
        return queued()

    assert again("pathways_2", n_permutations=200) == ["pathways_2"]
    assert again("genes", method="wilcoxon") == ["genes", "pathways_1", "pathways_2"]
    ended = chain.analysis(workspace.root, first.id)
    assert ended.choices.settings == {"pathways_2": {"n_permutations": 200}, "genes": {"method": "wilcoxon"}}
    config = ended.done["pathways_2"].run.config.config
    assert config["n_permutations"] == 200
    assert config["result"].endswith("(wilcoxon)")
    assert not ended.stage("design").changeable
