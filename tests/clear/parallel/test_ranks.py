"""Several processes: the same training as one with all their cells, stopped and resumed with any number."""

import numpy as np
import pytest

from scapp.clear.config import clear_config
from scapp.clear.parallel import ranks
from scapp.clear.parallel.exchange import SharedBatchNorm, Together
from scapp.clear.train import train_clear
from scapp.clear.training.cells import gather_cells, load_cells, save_cells
from scapp.clear.training.loop import Training
from scapp.clear.training.saved_state import load_state
from scapp.core.errors import ConfigError, RunError
from scapp.core.step_context import QuietContext, StepStopped
from scapp.data.qc.preprocessing import normalise
from tests.clear.test_train import Recording

PLAIN = {f"{name}_probability": 0.0 for name in ("mask", "noise", "swap", "crossover", "mixture", "dropout")}
TINY = {"hidden": 16, "dim": 8, "batch_size": 32, "queue_size": 64, "epochs": 3, "augmentation": PLAIN}
CASES = {
    "recommended": {},
    "paper": {"optimizer": "sgd", "learning_rate": 0.05},
    "authors_code": {"learning_rate": 0.05, "positives": "neighbours"},
}


@pytest.fixture(scope="module")
def values(study):
    return normalise(study.layers["counts"], 1e4)


@pytest.mark.parametrize("preset", CASES)
def test_two_processes_do_what_one_does_with_all_cells(values, preset):
    config = clear_config(preset, **{**TINY, **CASES[preset]})
    one, two = Recording(), Recording()
    alone = train_clear(values, config, one)
    together = train_clear(values, config, two, processes=2)
    for name in ("loss", "chance", "accuracy"):
        np.testing.assert_allclose([row[name] for row in two.rows], [row[name] for row in one.rows], rtol=1e-4)
    np.testing.assert_allclose(together.embedding, alone.embedding, atol=5e-3)


def test_augmented_training_in_two_processes_learns_alike(values):
    config = clear_config("recommended", **{**TINY, "epochs": 20, "augmentation": {}})
    alone = train_clear(values, config, QuietContext()).history[-1]["loss"]
    together = train_clear(values, config, QuietContext(), processes=2)
    assert together.history[-1]["loss"] == pytest.approx(alone, rel=0.05)
    again = train_clear(values, config, QuietContext(), processes=2)
    np.testing.assert_array_equal(again.embedding, together.embedding)


def test_all_processes_hold_the_same_model_and_queue(values, tmp_path, monkeypatch):
    """The second process writes its own state as it ends; the first one's is in the checkpoint."""
    other = tmp_path / "other"
    other.mkdir()
    spy = tmp_path / "spy.py"
    spy.write_text(
        "import sys\nfrom pathlib import Path\n"
        "from scapp.clear.parallel import ranks\nfrom scapp.clear.training import loop\n"
        "run = loop.Training.run\n"
        "def spied(self, context):\n"
        "    run(self, context)\n"
        f"    self.save(Path({str(other)!r}), [], {{}})\n"
        "loop.Training.run = spied\n"
        "ranks.take_part(Path(sys.argv[1]), int(sys.argv[2]))\n"
    )
    popen = ranks.subprocess.Popen
    monkeypatch.setattr(
        ranks.subprocess, "Popen", lambda command, **more: popen([command[0], str(spy), *command[3:]], **more)
    )
    config = clear_config("paper", **{**TINY, "optimizer": "sgd", "learning_rate": 0.05, "augmentation": {}})

    class Waiting(Recording):
        def checkpoint(self, write):
            super().checkpoint(write)
            if len(self.rows) == TINY["epochs"]:
                deadline = 200
                while not (other / "state.json").exists() and deadline:
                    ranks.time.sleep(0.05)
                    deadline -= 1

    context = Waiting(tmp_path / "run")
    context.folder.mkdir()
    train_clear(values, config, context, processes=2)

    def state(folder):
        training = Training(gather_cells(values, config), config, ranks.torch.device("cpu"), Together())
        modules = {"query": training.query, "key": training.key}
        _, tensors, _ = load_state(folder, modules, training.optimizer, ranks.torch.device("cpu"))
        return {**tensors, **training.query.state_dict()}

    first, second = state(context.latest_checkpoint()), state(other)
    assert first.keys() == second.keys()
    for name, tensor in first.items():
        assert ranks.torch.equal(tensor, second[name]), name
    assert len(set(first["queue.cells"].tolist())) > 16


@pytest.mark.parametrize(("before", "after"), [(2, 2), (2, 1), (1, 2)])
def test_stopped_with_some_processes_and_resumed_with_others(values, tmp_path, before, after):
    config = clear_config("recommended", **TINY)
    whole = train_clear(values, config, QuietContext())
    with pytest.raises(StepStopped):
        train_clear(values, config, Recording(tmp_path, stop_after=5), processes=before)
    resumed = train_clear(values, config, Recording(tmp_path), processes=after)
    np.testing.assert_allclose(
        [row["loss"] for row in resumed.history], [row["loss"] for row in whole.history], rtol=1e-4
    )


def test_resuming_two_processes_repeats_their_random_numbers(values, tmp_path):
    config = clear_config("recommended", **{**TINY, "augmentation": {}})
    whole = train_clear(values, config, QuietContext(), processes=2)
    with pytest.raises(StepStopped):
        train_clear(values, config, Recording(tmp_path, stop_after=5), processes=2)
    resumed = train_clear(values, config, Recording(tmp_path), processes=2)
    np.testing.assert_array_equal(resumed.embedding, whole.embedding)


def test_batches_of_any_size_are_shared(values, study):
    batches = np.zeros(150, dtype=int)
    batches[:3] = 1  # three cells for two processes; one is left out
    config = clear_config("recommended", **TINY, batch_key="batch")
    found = train_clear(values, config, QuietContext(), batches=batches, processes=2)
    assert np.isfinite(found.embedding).all()


def test_a_process_that_dies_is_told_of(values, monkeypatch):
    popen = ranks.subprocess.Popen
    fault = "import sys; sys.exit(7)"
    monkeypatch.setattr(ranks.subprocess, "Popen", lambda command, **more: popen([command[0], "-c", fault], **more))
    monkeypatch.setattr(ranks, "SILENCE", ranks.timedelta(seconds=3))
    with pytest.raises(RunError, match="Process 2 of 2 ended unexpectedly \\(exit code 7\\)"):
        train_clear(values, clear_config("recommended", **TINY), QuietContext(), processes=2)


def test_too_many_processes_are_refused(values):
    with pytest.raises(ConfigError, match="would share steps of 32 cells"):
        train_clear(values, clear_config("recommended", **TINY), QuietContext(), processes=17)


def test_cells_survive_the_way_to_another_process(values, tmp_path):
    config = clear_config("recommended", augmentation={"groups_probability": 0.5})
    cells = gather_cells(values, config, totals=np.arange(150.0), target_sum=5.0)
    save_cells(cells, tmp_path)
    read = load_cells(tmp_path)
    assert (read.values.to_csr() != values).nnz == 0
    assert (read.mark, read.target_sum, read.batches) == (cells.mark, 5.0, None)
    for name in ("totals", "neighbours", "groups"):
        np.testing.assert_array_equal(getattr(read, name), getattr(cells, name))


def test_shared_normalisation_of_one_process_is_torchs_own():
    torch = ranks.torch
    torch.manual_seed(0)
    values = torch.randn(20, 4)
    own, theirs = SharedBatchNorm(4, Together()), torch.nn.BatchNorm1d(4)
    assert torch.equal(own(values), theirs(values))
    assert own.state_dict().keys() == theirs.state_dict().keys()
