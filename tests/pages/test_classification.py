"""The Classification page: train, evaluate, annotate."""

import numpy as np
import pandas as pd
import pytest

from scapp.core import keys
from scapp.jobs.session import Session
from scapp.plotting.classification import confusion, plot_confusion, plot_stage, plot_types
from scapp.ui.explain import component_worth
from scapp.workspace.runs import Status
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
    assert table["auprc"].is_monotonic_increasing
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
        [("lr", "none", 0.9, "a"), ("lr", "mls", 0.93, "a"), ("lr", "mlp", 0.85, "a"), ("actinn", "mls", 0.5, "a"), ("lr", "mls", 0.1, "b")],
        columns=["base", "component", "macro_f1", "test"],
    )  # fmt: skip
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
    assert plot_types(table.tail(1)).layout.annotations[0].text == "no type has test cells"
    assert [trace.name for trace in plot_stage([{"step": 1, "loss": 2.0, "validation": 3.0}]).data] == [
        "training",
        "validation",
    ]
    assert list(plot_stage([{"step": 1, "loss": 2.0, "validation": 3.0, "C": 0.1}]).data[0].x) == [0.1]
