"""The Classification page: train, evaluate, annotate."""

import numpy as np
import pandas as pd
import pytest

from scapp.core import keys
from scapp.jobs.session import Session
from scapp.plotting.classify.type_figures import confusion, plot_confusion, plot_stage, plot_types
from scapp.ui.classify.words import component_worth, what_clear_gave
from scapp.workspace.runs.run import Status
from tests.conftest import run_step
from tests.pages.conftest import button, runs, texts

QUICK = {"label_key": "cell_type", "steps": 20, "batch_size": 64}


def finished(workspace, dataset, name, config):
    """A run in the store, carried out in this process."""
    run = runs(workspace).create(name, dataset=dataset.id, config=config, title=name, lane="training")
    run.set_status(Status(state="done", result=run_step(workspace, name, config, dataset.id, run.folder)))
    return run


@pytest.fixture
def classified(workspace, imported):
    from scapp.classify.config import ClassifierConfig

    for component in ("none", "mls"):
        config = ClassifierConfig.build({**QUICK, "component": component}).model_dump(mode="json")
        finished(workspace, imported, "classify", config)
    return workspace.open(imported.id)


def tab(at, label):
    at.session_state["classify.tab"] = label
    at.run()
    assert not at.exception
    assert not at.error
    return at


def test_empty_the_page_says_what_to_do(app, imported):
    at = app("classify")
    assert "No dataset is open" in texts(at)
    at = app("classify", dataset=imported.id)
    assert "No classifier has been trained" in texts(tab(at, "Evaluate"))
    assert "There is no classifier in this workspace" in texts(tab(at, "Annotate this dataset"))


def test_training_is_queued_with_the_suggested_labels(app, workspace, imported):
    at = app("classify", dataset=imported.id)
    button(at, "Train the classifier").click()
    at.run()
    run = runs(workspace).list(step="classify")[0]
    assert run.config.config["label_key"] == "cell_type"
    assert run.config.config["component"] == "mls"
    assert "queued" in " ".join(text for text in (str(p) for p in at.main)) or run.status.state == "queued"


def test_types_are_ranked_and_components_compared(app, classified):
    at = tab(app("classify", dataset=classified.id), "Evaluate")
    table = next(frame.value for frame in at.dataframe if "auprc" in frame.value)
    assert (table["judged"] == "not enough to judge").all()  # five test cells of each type
    assert table["auprc"].is_monotonic_increasing
    assert ((table["auprc_low"] <= table["auprc"]) & (table["auprc"] <= table["auprc_high"])).all()
    everything = next(frame.value for frame in at.dataframe if "component" in frame.value)
    assert set(everything["component"]) == {"none", "mls"}
    assert "MLS-CC" in texts(at)
    assert "one seed" in texts(at)


def test_cells_are_annotated(app, workspace, classified):
    at = tab(app("classify", dataset=classified.id), "Annotate this dataset")
    assert "trained on this very dataset" in texts(at)
    button(at, "Annotate this dataset").click()
    at.run()
    run = runs(workspace).list(step="predict")[0]
    model = runs(workspace).list(step="classify")[0]
    assert run.config.config["model"] == str(model.folder)
    config = {**run.config.config, "label_key": "cell_type"}
    result = run_step(workspace, "predict", config, classified.id, run.folder)
    run.set_status(Status(state="done", result=result))
    at = tab(app("classify", dataset=classified.id), "Annotate this dataset")
    assert "they hold 100% of what it reads" in texts(at)
    table = next(frame.value for frame in at.dataframe if "mean probability" in frame.value)
    assert table["cells"].sum() == classified.n_cells


def test_clear_stands_beside_a_classifier(app, workspace, trained):
    at = app("classify", dataset=trained.id)
    box = next(box for box in at.selectbox if box.label == "CLEAR beside it")
    assert len(box.options) == 2
    (training,) = runs(workspace).list(step="clear")
    box.set_value(training.id)
    at.run()
    button(at, "Train the classifier").click()
    at.run()
    assert not at.error
    (run,) = runs(workspace).list(step="classify")
    assert run.config.config["clear"] == str(training.folder)


def test_how_many_cells_to_name(app, classified):
    at = tab(app("classify", dataset=classified.id), "Evaluate")
    box = next(box for box in at.number_input if box.label == "Accept at most so many wrong names (%)")
    assert "No threshold keeps wrong names at 5% or fewer: the 14 validation cells" in texts(at)
    box.set_value(50.0)
    at.run()
    assert not at.exception
    assert "of these names are wrong (95% interval" in texts(at)


def test_what_clear_gave_in_words():
    result = {"clear_weight": 0.5, "macro_f1": 0.8, "mean_auprc": 0.9}
    result |= {"macro_f1_without_clear": 0.7, "mean_auprc_without_clear": 0.91}
    said = what_clear_gave(result)
    assert "macro F1 0.800 instead of 0.700" in said
    assert "AUPRC 0.900 instead of 0.910" in said
    assert "weight of 0" in what_clear_gave(result | {"clear_weight": 0.0})


def test_without_counts_the_reason_is_given(app, workspace, study, tmp_path):
    study = study.copy()
    study.X = np.log1p(study.layers.pop("counts").toarray() * np.random.default_rng(0).uniform(0.5, 2, (150, 1)))
    study.X[:, 0] += 0.123
    study.write_h5ad(tmp_path / "logged.h5ad")
    session = Session(workspace.root, threads=1)
    dataset = session.run("import", path=str(tmp_path / "logged.h5ad"))
    assert keys.COUNTS not in dataset
    assert "no raw counts" in texts(app("classify", dataset=dataset.id))


def test_worth_of_components_needs_the_same_test():
    rows = pd.DataFrame(
        [
            ("lr", "none", 0.9, "a"),
            ("lr", "mls", 0.93, "a"),
            ("lr", "mlp", 0.85, "a"),
            ("actinn", "mls", 0.5, "a"),
            ("lr", "mls", 0.1, "b"),
        ],
        columns=["base", "component", "macro_f1", "test"],
    )
    words = component_worth(rows)
    assert "MLS-CC helps lr here (macro F1 +0.030" in words
    assert "MLP-CC **hurts** lr here (macro F1 -0.050" in words
    assert "actinn" not in words
    assert "train the same base model" in component_worth(rows.tail(2))


def test_figures_of_types_and_confusion():
    cells = pd.DataFrame({"type": ["a", "a", "b", "c"], "predicted": ["a", "b", "b", "a"]})
    shares = confusion(cells)
    assert shares.loc["a", "a"] == shares.loc["a", "b"] == 0.5
    assert shares.loc["c"].to_dict() == {"a": 1.0, "b": 0.0, "c": 0.0}
    np.testing.assert_allclose(plot_confusion(shares).data[0].z, 100 * shares.to_numpy())
    table = pd.DataFrame({"type": ["a", "b"], "n_train": [10, 5], "n_test": [1, 0], "auprc": [0.5, np.nan]})
    assert list(plot_types(table).data[0].x) == [10]
    assert plot_types(table).data[0].marker.symbol == ("circle-open",)
    table = table.assign(n_test=[10, 0], auprc_low=[0.3, np.nan], auprc_high=[0.9, np.nan])
    points = plot_types(table).data[0]
    assert points.marker.symbol == ("circle",)
    np.testing.assert_allclose((points.error_y.arrayminus[0], points.error_y.array[0]), (0.2, 0.4))
    assert plot_types(table.tail(1)).layout.annotations[0].text == "no type has test cells"
    assert [trace.name for trace in plot_stage([{"step": 1, "loss": 2.0, "validation": 3.0}]).data] == [
        "training",
        "validation",
    ]
    assert list(plot_stage([{"step": 1, "loss": 2.0, "validation": 3.0, "C": 0.1}]).data[0].x) == [0.1]


def test_curves_calibration_and_the_same_types_everywhere(app, classified):
    at = tab(app("classify", dataset=classified.id), "Evaluate")
    looked_at = next(m for m in at.multiselect if "Types to look at" in m.label)
    assert len(looked_at.value) == 3  # the three worst of three
    looked_at.set_value(looked_at.value[:1])
    at.run()
    assert not at.exception
    assert at.session_state[f"types.chosen.{classified.id}"] == looked_at.value[:1]
    said = texts(at)
    assert "confidently wrong" in said
    assert "What the component changes" in said
    assert "make a map first" in said or "named rightly" in said


def test_cells_without_a_label_are_a_normal_case(app, workspace, imported):
    session, data = Session(workspace.root, threads=1), imported
    names = sorted(pd.Series(imported.read(keys.obs("cell_type"))).astype(str).unique())
    for name in names[:2]:
        data = session.run(
            "annotate", data, column="partly", label=name, selection={"column": "cell_type", "groups": [name]}
        )
    n_without = int(pd.isna(pd.Series(data.read(keys.obs("partly")))).sum())
    assert n_without > 0
    run = finished(workspace, data, "classify", {**QUICK, "label_key": "partly", "component": "none"})
    assert run.status.result["n_types"] == 2
    at = app("classify", dataset=imported.id)
    assert f"{n_without} cells have no label" in texts(at)
    result = run_step(workspace, "predict", {"model": str(run.folder)}, data.id, run.folder)
    assert result["n_cells"] == data.n_cells


def test_labels_can_be_looked_at_before_training(app, classified):
    at = app("classify", dataset=classified.id)
    next(t for t in at.toggle if t.label == "Look at the labels").set_value(True)
    at.run()
    assert not at.exception
    assert "make a map" in texts(at)


def test_the_ontology_says_when_it_is_not_installed(app, classified, monkeypatch):
    from scapp.core.errors import MissingDependencyError

    def missing():
        raise MissingDependencyError("The Cell Ontology is not installed.", hint="Install it.")

    monkeypatch.setattr("scapp.ui.classify.ontology_scores.load_ontology", missing)
    at = tab(app("classify", dataset=classified.id), "Evaluate")
    next(t for t in at.toggle if "Cell Ontology" in t.label).set_value(True)
    at.run()
    assert not at.exception
    assert "not installed" in texts(at)


def test_the_ontology_scores_test_cells(app, classified, monkeypatch):
    from scapp.classify.ontology.cell_ontology import ontology_of
    from tests.classify.ontology.test_cell_ontology import TERMS

    names = sorted(pd.Series(classified.read(keys.obs("cell_type"))).astype(str).unique())
    made = {f"CL:000001{n}": {**TERMS["CL:0000003"], "label": name} for n, name in enumerate(names)}
    monkeypatch.setattr("scapp.ui.classify.ontology_scores.load_ontology", lambda: ontology_of(TERMS | made))
    at = tab(app("classify", dataset=classified.id), "Evaluate")
    next(t for t in at.toggle if "Cell Ontology" in t.label).set_value(True)
    at.run()
    assert not at.exception
    table = next(f.value for f in at.dataframe if "probabilities of" in f.value)
    assert len(table) == 4  # the classifier and its circles, each also propagated
    assert (table["right or near in the ontology"] >= table["exactly right"]).all()


def test_a_comparison_is_run_and_read(app, workspace, imported):
    at = tab(app("classify", dataset=imported.id), "Compare")
    button(at, "Compare classifiers").click()
    at.run()
    run = runs(workspace).list(step="experiment")[0]
    assert run.config.config["seeds"] == 2
    assert not run.config.config["actinn"]
    config = {**run.config.config, "steps": 10, "references": False, "batch_size": 64}
    run.set_status(Status(state="done", result=run_step(workspace, "experiment", config, imported.id, run.folder)))
    at = tab(app("classify", dataset=imported.id), "Compare")
    said = texts(at)
    assert "Data Scarce: 3 types" in said
    assert "MLS-CC" in said
    assert "models on X_clear" in said
    table = next(f.value for f in at.dataframe if "macro F1" in f.value)
    assert table["model"].tolist() == [
        "Logistic regression",
        "Logistic regression + MLP-CC",
        "Logistic regression + MLS-CC",
        "Logistic regression + competing circles",
    ]


def test_confusion_marks_what_is_looked_at():
    cells = pd.DataFrame({"type": ["a", "a", "b"], "predicted": ["a", "b", "b"]})
    figure = plot_confusion(confusion(cells), {"b": "#3b82c4"})
    assert len(figure.layout.shapes) == 1
    points = figure.data[1]
    assert sorted(zip(points.y, points.x, strict=True)) == [("a", "a"), ("a", "b"), ("b", "b")]
    assert list(points.customdata) == list(points.y)


def test_shades_share_a_hue():
    import colorsys

    from scapp.plotting.palette import shades

    found = shades(["T", "B", "T", "T"], ["t1", "b1", "t2", "t3"])
    hues = [colorsys.rgb_to_hls(*(int(c[i : i + 2], 16) / 255 for i in (1, 3, 5)))[0] for c in found]
    assert len(set(found)) == 4
    assert max(hues[0], hues[2], hues[3]) - min(hues[0], hues[2], hues[3]) < 0.02
    assert abs(hues[0] - hues[1]) > 0.05
