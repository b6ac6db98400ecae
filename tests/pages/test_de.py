"""The Differential expression page: empty, designed, and with every result."""

import pytest

from scapp.core import keys
from scapp.data.config import KEEP_EVERYTHING, PrepareConfig
from scapp.steps.config import ImportRequest
from tests.conftest import run_step
from tests.jobs.chains.working import work
from tests.pages.conftest import button, runs, texts

PAGE = "de"
TYPE = "CD14 monocyte"
TABS = ("Study design", "Composition", "Markers", "Genes", "Gene-set scores", "Pathways", "Report")
DESIGN = {"condition_key": "condition", "donor_key": "donor_id", "cell_type_key": "cell_type", "batch_key": "batch"}


@pytest.fixture
def blood(workspace, blood_file, tmp_path):
    raw = run_step(workspace, "import", ImportRequest(path=str(blood_file)).model_dump(), None, tmp_path / "i")[
        "dataset"
    ]
    values = PrepareConfig(**KEEP_EVERYTHING, n_top_genes=200).model_dump()
    return workspace.open(run_step(workspace, "prepare", values, raw, tmp_path / "p")["dataset"])


@pytest.fixture
def finished(workspace, blood, tmp_path):
    """Everything that the page can make."""

    def do(step, **values):
        return run_step(workspace, step, values, blood.id, tmp_path / f"{step}{len(values)}")

    do("study", **DESIGN)
    do("map", representation="pca")
    do("markers", groupby="cell_type")
    names = [row["name"] for row in do("de", cell_types=[TYPE])["rows"]]
    do("de", cell_types=[TYPE], method="wilcoxon", compared=["severe"])
    do("score", sets=["isg", "mhc_ii"])
    do("enrich", result=names[-1])
    return workspace.open(blood.id)


def tab(at, label):
    at.session_state["study.tab"] = label
    at.run()
    assert not at.exception
    assert not at.error, [e.value for e in at.error]
    return at


def test_without_a_design_every_tab_says_what_to_do(app, blood):
    at = tab(app(PAGE, dataset=blood.id), "Study design")
    button(at, "Use this design")
    for label in TABS[1:]:
        said = texts(tab(at, label))
        assert "Use this design" in said or "find differential genes first" in said


def test_the_suggested_design_is_one_click(app, workspace, blood):
    at = tab(app(PAGE, dataset=blood.id), "Study design")
    chosen = {box.label: box.value for box in at.selectbox}
    assert chosen["Condition"] == "condition"
    assert chosen["Donor or animal"] == "donor_id"
    assert chosen["Cell type"] == "cell_type"
    assert chosen["Reference"] == "healthy"
    assert "Platelet" in texts(at)
    assert "no cell in some condition" in texts(at)
    button(at, "Use this design").click()
    at.run()
    assert not at.exception
    assert "This design is in use" in texts(at)
    written = workspace.open(blood.id).read(keys.STUDY)
    assert [str(name) for name in written["conditions"]] == ["healthy", "moderate", "severe"]


def test_every_tab_with_every_result(app, finished):
    at = app(PAGE, dataset=finished.id)
    assert "- severe against healthy" in texts(tab(at, "Composition"))
    tab(at, "Markers")
    said = texts(tab(at, "Genes"))
    assert "genes up and" in said
    said = texts(tab(at, "Gene-set scores"))
    assert "Interferon-stimulated genes (ISG)" in said
    tab(at, "Pathways")
    tab(at, "Report")
    button(at, "Write the report")


def test_an_exploratory_result_says_so(app, finished):
    at = tab(app(PAGE, dataset=finished.id), "Genes")
    box = next(box for box in at.selectbox if box.label == "Comparison")
    exploratory = next(name for name in box.options if "wilcoxon" in name)
    box.set_value(exploratory)
    at.run()
    assert not at.exception
    assert "Exploratory" in texts(at)


def test_genes_of_a_set_can_be_looked_at_by_donor(app, finished):
    at = tab(app(PAGE, dataset=finished.id), "Genes")
    source = next(box for box in at.selectbox if box.label == "Genes for the figures by donor")
    source.set_value("MHC class II")
    at.run()
    assert not at.exception
    chosen = next(box for box in at.multiselect if box.label == "Chosen genes")
    assert "HLA-DRA" in chosen.value
    assert "ISG15" not in chosen.value


def test_what_was_chosen_is_kept_over_tabs_and_thresholds(app, finished):
    at = tab(app(PAGE, dataset=finished.id), "Genes")
    box = next(box for box in at.selectbox if box.label == "Comparison")
    other = box.options[-1]
    box.set_value(other)
    at.run()
    chosen = next(box for box in at.multiselect if box.label == "Chosen genes")
    mine = [*chosen.value[:3], "MALAT1"]
    chosen.set_value(mine)
    at.run()
    next(n for n in at.number_input if n.label.startswith("|log2")).set_value(1.0)
    at.run()
    assert next(box for box in at.multiselect if box.label == "Chosen genes").value == mine
    at = tab(at, "Pathways")
    assert next(box for box in at.selectbox if box.label == "Comparison").value == other
    at = tab(at, "Genes")
    assert next(box for box in at.multiselect if box.label == "Chosen genes").value == mine


def test_another_design_after_results_keeps_every_tab_alive(app, workspace, finished, tmp_path):
    run_step(
        workspace, "study", {**DESIGN, "cell_type_key": "batch", "batch_key": None}, finished.id, tmp_path / "again"
    )
    at = app(PAGE, dataset=finished.id)
    for label in TABS:
        tab(at, label)
    said = texts(tab(at, "Genes"))
    assert "have changed since" in said
    assert "No cell of this comparison is in the design" in said
    at = tab(at, "Pathways")
    box = next(box for box in at.selectbox if box.label == "Comparison")
    box.set_value(f"{TYPE}: severe vs healthy (pseudobulk)")
    at.run()
    assert not at.exception
    assert "has changed since" in texts(at)


def test_steps_are_queued_with_what_was_chosen(app, workspace, finished):
    at = tab(app(PAGE, dataset=finished.id), "Genes")
    next(box for box in at.multiselect if box.label == "Cell types").set_value(["NK cell"])
    at.run()
    offered = next(box for box in at.multiselect if box.label == "Covariates").options
    assert set(offered) == {"sex", "batch"}
    button(at, "Find differential genes").click()
    at.run()
    assert runs(workspace).list(step="de")[0].config.config["cell_types"] == ["NK cell"]
    at = tab(app(PAGE, dataset=finished.id), "Gene-set scores")
    button(at, "Score gene sets").click()
    at.run()
    assert "cytokine_storm" in runs(workspace).list(step="score")[0].config.config["sets"]
    at = tab(app(PAGE, dataset=finished.id), "Pathways")
    button(at, "Find pathways").click()
    at.run()
    assert "wilcoxon" in runs(workspace).list(step="enrich")[0].config.config["result"]


def test_without_donors_tests_are_said_to_be_exploratory(app, workspace, blood, tmp_path):
    run_step(workspace, "study", {**DESIGN, "donor_key": None}, blood.id, tmp_path / "s")
    run_step(workspace, "de", {"cell_types": [TYPE], "compared": ["severe"]}, blood.id, tmp_path / "d")
    run_step(workspace, "score", {"sets": ["isg"]}, blood.id, tmp_path / "g")
    at = app(PAGE, dataset=blood.id)
    assert "No donor column was chosen" in texts(at)
    assert "need a donor column" in texts(tab(at, "Composition"))
    assert "Exploratory" in texts(tab(at, "Genes"))
    assert "choose a donor column" in texts(tab(at, "Gene-set scores"))


def test_one_condition_is_said_before_anything_can_be_clicked(app, workspace, prepared):
    at = app(PAGE, dataset=prepared.id)
    assert "Choose the column that says what is compared" in texts(at)
    assert not [b for b in at.button if b.label == "Use this design"]


def test_the_guided_study_is_one_press_and_its_panels_follow(app, workspace, blood):
    at = app(PAGE, dataset=blood.id)
    chosen = {box.label: box.value for box in at.selectbox}
    assert (chosen["Reference"], chosen["Cell type looked into"]) == ("healthy", TYPE)
    button(at, "Run the guided study").click()
    at.run()
    assert "The guided study, step 1 of" in texts(at) or [b for b in at.button if b.label == "Stop"]
    (first,) = runs(workspace).list()
    assert (first.config.step, first.config.part.plan) == ("study", "study")
    assert work(workspace, 1) == ["design"]
    at.run()
    assert "A · Conditions on the map" in texts(at)
    assert "There is no map yet" in texts(at)
    assert work(workspace) == ["map", "markers", "scores", "genes", "pathways_1", "pathways_2"]
    at.run()
    assert not at.exception
    assert "cells of 3 donors" in texts(at)
    for letter in "BCDEFGHIJ":
        button(at, "Next panel").click()
        at.run()
        assert not at.exception
        assert not at.error
        assert f"{letter} · " in texts(at)
    assert "Next panel" not in [b.label for b in at.button]
    assert "severe against healthy" in texts(at)
    # what it shows can be changed in its own tab, which opens with the comparison of the panel
    button(at, "Change it in the tab 'Pathways'").click()
    at.run()
    shown = next(box for box in at.selectbox if box.label == "Comparison").value
    assert shown == f"{TYPE}: severe vs healthy (pseudobulk)"
    button(tab(at, "Guided study"), "Next: the report").click()
    at.run()
    button(at, "Write the report")


def test_panels_of_a_study_that_was_made_tab_by_tab(app, finished):
    at = app(PAGE, dataset=finished.id)
    assert "A · Conditions on the map" in texts(at)
    button(at, "Run the guided study again")


def test_a_confounded_batch_is_repeated_at_every_tab(app, workspace, blood, tmp_path):
    run_step(workspace, "study", {**DESIGN, "batch_key": "condition"}, blood.id, tmp_path / "s")
    at = app(PAGE, dataset=blood.id)
    for label in ("Guided study", "Composition", "Markers", "Genes", "Gene-set scores"):
        assert "Every batch holds one condition only" in texts(tab(at, label)), label
