"""A lesson's live training as a chain."""

from functools import partial

import numpy as np
import pytest

from scapp.core import keys
from scapp.jobs import launch
from scapp.jobs.chains.chain import analysis, start, start_with_import
from scapp.jobs.chains.chain_plan import Choices
from scapp.jobs.chains.teach import LIVE_TRAINING, PREPARED, TRAINED
from scapp.steps.config import ImportRequest
from tests.jobs.chains.working import work

TINY = {"hidden": 16, "dim": 8, "batch_size": 64, "epochs": 2, "beside": "none"}


@pytest.fixture
def worker(workspace, monkeypatch):
    monkeypatch.setattr(launch, "ensure_worker", lambda root, lane: None)
    return partial(work, workspace)


def test_an_example_is_imported_once_and_trained_on_as_told(workspace, worker):
    pytest.importorskip("torch")
    request = ImportRequest(example="pbmc", name="Blood")
    run = start_with_import(workspace.root, request, Choices(settings={TRAINED: TINY}), LIVE_TRAINING)
    assert worker() == ["import", PREPARED, TRAINED]
    found = analysis(workspace.root, run.config.part.analysis)
    assert found.ended
    dataset = workspace.open(found.dataset)
    # every cell is kept, in the order of what was prepared for the lessons
    assert dataset.n_cells == 700
    trained = found.done[TRAINED].run.config.config
    assert (trained["epochs"], trained["beside"], trained["learning_rate"]) == (2, "none", 1e-3)
    assert np.asarray(dataset.read(keys.representation("clear"))).shape[0] == 700
    said = {
        name: found.stage(name).said(each.run.config.config, each.status.result) for name, each in found.done.items()
    }
    assert said["import"] == "700 cells were imported."
    assert said[TRAINED].startswith("2 epochs in ")

    choices = Choices(settings={TRAINED: {**TINY, "seed": 1}})
    again = start(workspace.root, LIVE_TRAINING, dataset, choices, after=PREPARED)
    assert worker() == [TRAINED]
    second = analysis(workspace.root, again.config.part.analysis)
    assert second.dataset == dataset.id
    assert second.done[TRAINED].run.config.config["seed"] == 1
