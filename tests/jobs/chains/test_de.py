"""What each stage of the guided study chooses, when it is left out, and what it says."""

import numpy as np
import pandas as pd
import pytest

from scapp.core import keys
from scapp.core.errors import ConfigError, DataError
from scapp.data.config import KEEP_EVERYTHING, PrepareConfig
from scapp.jobs.chains.de import GUIDED_STUDY, GuidedStudyConfig
from scapp.reports.study_panels import Panels
from scapp.steps.config import ImportRequest
from tests.conftest import run_step

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
