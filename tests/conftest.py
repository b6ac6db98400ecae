"""Shared fixtures: everything is made by the public ``simulate`` and by the steps themselves."""

import importlib.util
import os
from pathlib import Path

import pytest

from scapp.core.environment import THREAD_VARIABLES

# before numpy loads its libraries: equal results need equal threads
for _name in THREAD_VARIABLES:
    os.environ.setdefault(_name, "1")

import numpy as np
import pandas as pd

from scapp.core.step_context import QuietContext
from scapp.data.config import KEEP_EVERYTHING, BloodConfig, PrepareConfig, SimulationConfig
from scapp.data.simulated.blood import simulate_blood
from scapp.data.simulated.simulate import simulate
from scapp.steps.catalogue import step
from scapp.steps.config import ImportRequest
from scapp.steps.engine import Machine, execute
from scapp.workspace.datasets.dataset import Dataset
from scapp.workspace.datasets.store import Workspace

SHARED_DATA = Path(__file__).resolve().parents[2] / "shared" / "data"
MACHINE = Machine("cpu", 1)


os.environ["SCAPP_THREADS"] = "1"
HAS_TORCH = importlib.util.find_spec("torch") is not None

if not HAS_TORCH:
    # torch only trains: everything else is tested without it
    collect_ignore = ["clear", "classify", "jobs", "browser", "steps/classify", "steps/evaluate"]


@pytest.fixture(scope="session")
def study():
    """150 cells of 3 types in 2 batches, 200 genes."""
    return simulate(
        SimulationConfig(n_cells=150, n_genes=200, n_types=3, n_batches=2, type_strength=2.0, marker_share=0.3)
    )


@pytest.fixture(scope="session")
def study_file(study, tmp_path_factory):
    path = tmp_path_factory.mktemp("study") / "study.h5ad"
    study.write_h5ad(path)
    return path


@pytest.fixture(scope="session")
def blood_file(tmp_path_factory):
    """900 cells of nine donors in three conditions; one type has a slash in its name, one is missing in the severe."""
    adata = simulate_blood(BloodConfig(n_cells=900, donors_per_group=3))
    adata = adata[~((adata.obs["cell_type"] == "Platelet") & (adata.obs["condition"] == "severe"))].copy()
    adata.obs["cell_type"] = adata.obs["cell_type"].cat.rename_categories({"B cell": "B cell/naive <b>"})
    adata.obs["donor_id"] = adata.obs["donor_id"].astype(object)
    women = ["donor 01", "donor 04", "donor 08"]
    adata.obs["sex"] = pd.Categorical(np.where(adata.obs["donor_id"].isin(women), "f", "m"))
    path = tmp_path_factory.mktemp("blood") / "blood.h5ad"
    adata.write_h5ad(path)
    return path


@pytest.fixture
def workspace(tmp_path):
    return Workspace(tmp_path / "workspace")


def run_step(workspace: Workspace, name: str, values: dict, dataset: str | None, folder: Path, context=None) -> dict:
    """Carry out a step in this process."""
    if step(name).lane == "training":
        pytest.importorskip("torch")
    folder.mkdir(parents=True, exist_ok=True)
    record = step(name)
    return execute(
        record,
        record.config.build(values),
        context or QuietContext(),
        workspace=workspace,
        dataset_id=dataset,
        folder=folder,
        machine=MACHINE,
    )


@pytest.fixture
def imported(workspace, study_file, tmp_path) -> Dataset:
    """The study as a dataset, not yet filtered."""
    request = ImportRequest(path=str(study_file), name="study")
    return workspace.open(run_step(workspace, "import", request.model_dump(), None, tmp_path / "import")["dataset"])


@pytest.fixture
def prepared(workspace, imported, tmp_path) -> Dataset:
    """The study normalised, with every cell kept."""
    values = PrepareConfig(**KEEP_EVERYTHING, n_top_genes=100).model_dump()
    return workspace.open(run_step(workspace, "prepare", values, imported.id, tmp_path / "prepare")["dataset"])


def shared_data(name: str) -> Path:
    """A file of the developers' data folder; the test skips where there is none."""
    path = SHARED_DATA / name
    if not path.exists():
        pytest.skip(f"{name} is not on this machine")
    return path
