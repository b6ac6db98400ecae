"""Designs: samples, order, and what is said of them."""

import numpy as np
import pandas as pd
import pytest

from scapp.analysis.de.config import StudyConfig
from scapp.analysis.de.design import ALL_CELLS, batch_notes, design_faults, design_notes, levels_of, make_study
from scapp.core.errors import ConfigError, DataError

CONFIG = StudyConfig(condition_key="condition", donor_key="donor", cell_type_key="type")


def cells(rows):
    """(donor, condition, type, how many)."""
    parts = [pd.DataFrame({"donor": d, "condition": c, "type": t}, index=range(n)) for d, c, t, n in rows]
    return pd.concat(parts, ignore_index=True)


TWO_EACH = cells([("d1", "ill", "B", 20), ("d2", "ill", "B", 15), ("d3", "well", "B", 12), ("d4", "well", "B", 11)])


def test_samples_are_donors_where_each_has_one_condition():
    study = make_study(TWO_EACH, CONFIG.model_copy(update={"order": ("well", "ill")}))
    table = study.samples()
    assert table["sample"].astype(str).tolist() == ["d3", "d4", "d1", "d2"]
    assert table["n_cells"].tolist() == [12, 11, 20, 15]
    assert study.conditions == ["well", "ill"]
    assert not study.paired("well", "ill")
    assert study.cells_per_sample().to_dict() == {"B": {"d3": 12, "d4": 11, "d1": 20, "d2": 15}}
    assert design_notes(study) == []


def test_a_donor_under_two_conditions_is_two_samples_and_pairs_are_noticed():
    rows = [(d, c, "B", 10) for d in ("d1", "d2") for c in ("before", "after")]
    study = make_study(cells(rows), CONFIG.model_copy(update={"order": ("before", "after")}))
    assert study.samples()["sample"].astype(str).tolist() == ["d1 · before", "d2 · before", "d1 · after", "d2 · after"]
    assert study.paired("before", "after")
    assert "paired" in " ".join(design_notes(study))
    partly = make_study(cells([*rows, ("d3", "after", "B", 10)]), CONFIG)
    assert not partly.paired("before", "after")
    assert "independent" in " ".join(design_notes(partly))


def test_cells_without_condition_or_donor_are_left_out_and_said():
    obs = pd.concat([TWO_EACH, cells([("d1", None, "B", 3), (None, "ill", "B", 2)])], ignore_index=True)
    study = make_study(obs, CONFIG)
    assert int(study.known.sum()) == len(TWO_EACH)
    assert design_notes(study)[0].startswith("5 cells have no condition")
    three = pd.concat([TWO_EACH, cells([("d5", "dead", "B", 7)])], ignore_index=True)
    without = make_study(three, CONFIG.model_copy(update={"order": ("well", "ill")}))
    assert int(without.known.sum()) == len(TWO_EACH)


def test_no_replicates_confounded_batches_few_cells_and_missing_types_are_said():
    obs = cells([("d1", "ill", "B", 20), ("d2", "well", "B", 3), ("d3", "well", "T", 30)])
    obs["batch"] = np.where(obs["condition"] == "ill", "run 1", "run 2")
    notes = " ".join(design_notes(make_study(obs, CONFIG.model_copy(update={"batch_key": "batch"}))))
    assert "ill: fewer than 2 donors" in notes
    assert "d2: fewer than 10 cells" in notes
    assert "Every batch holds one condition only" in notes
    assert "T: no cell in some condition" in notes
    no_donor = make_study(obs, StudyConfig(condition_key="condition"))
    assert "No donor column" in " ".join(design_notes(no_donor))
    assert no_donor.types == [ALL_CELLS]
    assert len(no_donor.samples()) == 0
    assert no_donor.cells_per_sample().loc["ill", ALL_CELLS] == 20


def test_numbers_as_donors_and_truth_values_as_conditions():
    obs = TWO_EACH.assign(donor=TWO_EACH["donor"].str[1:].astype(int), condition=TWO_EACH["condition"] == "ill")
    study = make_study(obs, CONFIG)
    assert study.conditions == ["False", "True"]
    assert study.samples()["donor"].astype(str).tolist() == ["3", "4", "1", "2"]


def test_thirty_conditions_work_and_a_measured_column_is_refused():
    rows = [(f"d{i}{j}", f"c{i:02d}", "B", 2) for i in range(30) for j in range(2)]
    study = make_study(cells(rows), CONFIG)
    assert len(study.conditions) == 30
    assert len(study.samples()) == 60
    many = pd.DataFrame({"donor": "d", "condition": np.arange(100), "type": "B"})
    with pytest.raises(DataError, match="100 levels"):
        make_study(many, CONFIG)


def test_one_condition_no_column_and_unknown_conditions_are_refused():
    with pytest.raises(DataError, match="a comparison needs two"):
        make_study(TWO_EACH.assign(condition="ill"), CONFIG)
    with pytest.raises(ConfigError, match="No condition"):
        make_study(TWO_EACH, StudyConfig())
    with pytest.raises(ConfigError, match="has no dead"):
        make_study(TWO_EACH, CONFIG.model_copy(update={"order": ("well", "dead")}))


def test_whole_numbers_that_were_stored_with_a_point_are_named_without():
    days = pd.Series([0.0, 10.0, np.nan, 0.0])
    assert levels_of(days) == ["0", "10"]
    assert levels_of(pd.Series([0.5, 1.0])) == ["0.5", "1.0"]
    assert levels_of(None) == []
    obs = TWO_EACH.assign(condition=np.where(TWO_EACH["condition"] == "ill", 10.0, 0.0))
    assert make_study(obs, CONFIG).conditions == ["0", "10"]


def test_where_mixing_batches_removes_what_a_study_is_about():
    batches = pd.Series(["1", "1", "2", "2"])
    by_batch, crossed, same = (pd.Series(list(letters)) for letters in ("aabb", "abab", "aaaa"))
    assert batch_notes("batch", batches, {"disease": crossed, "stim": same}) == []
    (note,) = batch_notes("batch", batches, {"disease": by_batch})
    assert "holds one 'disease' only" in note
    (itself,) = batch_notes("disease", by_batch, {"disease": by_batch})
    assert "looks like a condition" in itself


def test_a_type_of_conditions_that_are_left_out_is_none_of_the_study():
    rows = [(f"d{i}", c, t, 10) for i, c in enumerate(("well", "ill", "other")) for t in ("B", "T")]
    rows = [row for row in rows if not (row[2] == "T" and row[1] != "other")]
    study = make_study(cells(rows), CONFIG.model_copy(update={"order": ("well", "ill")}))
    assert study.types == ["B"]
    assert list(study.cells_per_sample().columns) == ["B"]
    assert study.usual_focus() == "B"


@pytest.mark.parametrize("same", ["donor_key", "cell_type_key"])
def test_one_column_is_not_two_things(same):
    with pytest.raises(ConfigError, match="was chosen for the conditions and for the"):
        make_study(TWO_EACH, CONFIG.model_copy(update={same: "condition"}))


@pytest.mark.parametrize(
    ("name", "is_one"),
    [
        ("CD14 Mono", True),
        ("CD14_Monocyte", True),
        ("classical_monocytes", True),
        ("Mono_CD14", True),
        ("CD14+ Monocytes", True),
        ("Non-monocytes", False),
        ("nonmonocyte", False),
        ("Monoblast", False),
        ("CD14+ dendritic cell", False),
    ],
)
def test_what_is_called_a_monocyte(name, is_one):
    study = make_study(cells([("d1", "ill", name, 5), ("d2", "well", name, 5)]), CONFIG)
    assert (study.monocytes() == [name]) == is_one


def test_the_usual_type_is_cd14_then_any_monocyte_then_the_largest():
    def focus(**sizes):
        rows = [(f"d{c}", c, t.replace("_", " "), n) for c in ("ill", "well") for t, n in sizes.items()]
        return make_study(cells(rows), CONFIG).usual_focus()

    assert focus(B=30, CD16_monocyte=9, CD14_monocyte=5) == "CD14 monocyte"
    assert focus(B=30, monocyte=9) == "monocyte"
    assert focus(B=3, T=9) == "T"
    assert make_study(TWO_EACH, CONFIG.model_copy(update={"cell_type_key": None})).usual_focus() == ALL_CELLS


def test_faults_are_those_notes_that_hold_for_every_result():
    assert design_faults(make_study(TWO_EACH, CONFIG)) == []
    batches = TWO_EACH.assign(batch=TWO_EACH["condition"].map({"ill": "one", "well": "two"}))
    study = make_study(batches, CONFIG.model_copy(update={"batch_key": "batch"}))
    (fault,) = design_faults(study)
    assert "no method can tell" in fault
    assert fault in design_notes(study)
    alone = make_study(cells([("d1", "ill", "B", 20), ("d2", "well", "B", 20), ("d3", "well", "B", 20)]), CONFIG)
    assert "fewer than 2 donors" in design_faults(alone)[0]
    without = make_study(TWO_EACH, CONFIG.model_copy(update={"donor_key": None}))
    assert "No donor column" in design_faults(without)[0]
