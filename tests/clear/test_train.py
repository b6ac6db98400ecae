"""Training: equal by seed, resumed at any step, presets, batches, few cells."""

import numpy as np
import pytest
import torch
from sklearn.cluster import KMeans
from sklearn.metrics import adjusted_rand_score, silhouette_score

from scapp.clear.config import PRESETS, ClearConfig, clear_config
from scapp.clear.parallel.exchange import Together
from scapp.clear.train import train_clear
from scapp.clear.training.cells import gather_cells
from scapp.clear.training.effective_sizes import effective_epochs, effective_sizes
from scapp.clear.training.loop import Training
from scapp.clear.training.time_estimate import estimate_seconds, machine_slowness, n_steps
from scapp.core.errors import ConfigError, DataError, RunError
from scapp.core.step_context import QuietContext, StepStopped
from scapp.data.config import SimulationConfig
from scapp.data.qc.preprocessing import normalise
from scapp.data.simulated.simulate import simulate
from scapp.workspace.runs.checkpoints import latest_checkpoint, write_checkpoint

TINY = {"hidden": 16, "dim": 8, "batch_size": 32, "queue_size": 64, "epochs": 6}


class Recording(QuietContext):
    """Keeps everything, and stops after so many looks."""

    def __init__(self, folder=None, stop_after=None):
        self.rows, self.frames, self.looks = [], {}, 0
        self.folder, self.stop_after = folder, stop_after

    def log_metrics(self, row):
        self.rows.append(row)

    def snapshot(self, number, arrays):
        self.frames[number] = arrays

    def checkpoint(self, write):
        if self.folder:
            write_checkpoint(self.folder, write)

    def latest_checkpoint(self):
        return latest_checkpoint(self.folder) if self.folder else None

    def stop_requested(self):
        self.looks += 1
        return self.stop_after is not None and self.looks > self.stop_after


@pytest.fixture(scope="module")
def values(study):
    return normalise(study.layers["counts"], 1e4)


@pytest.mark.parametrize("preset", PRESETS)
def test_same_seed_same_embedding_other_seed_another(values, preset):
    first, again = (train_clear(values, clear_config(preset, **TINY), QuietContext()) for _ in range(2))
    other = train_clear(values, clear_config(preset, **TINY, seed=1), QuietContext())
    np.testing.assert_array_equal(first.embedding, again.embedding)
    # 50 components beside 16 hidden units
    assert first.embedding.shape == (150, 66 if preset == "recommended" else 8)
    assert first.embedding.dtype == np.float32
    assert not np.allclose(first.embedding, other.embedding)


@pytest.mark.parametrize("preset", PRESETS)
@pytest.mark.parametrize("stop_after", [1, 7, 13])
def test_stopped_at_any_step_and_resumed_equals_uninterrupted(values, preset, stop_after, tmp_path):
    config = clear_config(preset, **TINY)
    whole = train_clear(values, config, QuietContext())
    with pytest.raises(StepStopped):
        train_clear(values, config, Recording(tmp_path, stop_after))
    resumed = train_clear(values, config, Recording(tmp_path))
    np.testing.assert_array_equal(resumed.embedding, whole.embedding)
    assert [row["loss"] for row in resumed.history] == [row["loss"] for row in whole.history]


def test_a_checkpoint_of_other_settings_is_refused(values, tmp_path):
    with pytest.raises(StepStopped):
        train_clear(values, clear_config("paper", **TINY), Recording(tmp_path, 3))
    with pytest.raises(RunError, match="other settings"):
        train_clear(values, clear_config("paper", **TINY, temperature=0.5), Recording(tmp_path))
    with pytest.raises(RunError, match="other data"):
        train_clear(values * 2, clear_config("paper", **TINY), Recording(tmp_path))


def test_checkpoints_come_by_themselves_and_a_kill_loses_little(values, tmp_path, monkeypatch):
    class Killed(Exception):
        pass

    class Dying(Recording):
        def stop_requested(self):
            self.looks += 1
            if self.looks > 14:
                raise Killed  # as if killed: no checkpoint is written here
            return False

    monkeypatch.setattr("scapp.clear.training.loop.CHECKPOINT_SECONDS", 0.0)
    config = clear_config("paper", **TINY)
    with pytest.raises(Killed):
        train_clear(values, config, Dying(tmp_path))
    assert latest_checkpoint(tmp_path) is not None
    rest = Recording(tmp_path)
    resumed = train_clear(values, config, rest)
    assert rest.looks <= 6 * 4 - 12
    np.testing.assert_array_equal(resumed.embedding, train_clear(values, config, QuietContext()).embedding)


def test_checkpoints_hold_no_pickle(values, tmp_path):
    train_clear(values, clear_config("paper", **{**TINY, "epochs": 1}), Recording(tmp_path))
    names = sorted(path.name for path in latest_checkpoint(tmp_path).iterdir())
    assert names == ["state.json", "state.safetensors"]


def test_first_loss_is_near_chance_and_learning_lowers_it(values):
    gentle = {**TINY, "epochs": 30, "optimizer": "adam", "learning_rate": 0.003, "momentum": 0.9}
    context = Recording()
    train_clear(values, clear_config("paper", **gentle), context)
    first, last = context.rows[0], context.rows[-1]
    assert first["loss"] == pytest.approx(first["chance"], rel=0.15)
    assert last["loss"] < 0.85 * first["loss"]
    assert last["accuracy"] > first["accuracy"]


def test_types_separate():
    easy = SimulationConfig(
        n_cells=200, n_genes=200, n_types=3, n_batches=1, type_strength=2, marker_share=0.5, doublet_rate=0
    )
    study = simulate(easy)
    values = normalise(study.layers["counts"], 1e4)
    gentle = {**TINY, "epochs": 30, "learning_rate": 0.003, "momentum": 0.9}
    found = []
    for seed in range(3):
        embedding = train_clear(values, clear_config("paper", **gentle, seed=seed), QuietContext()).embedding
        clusters = KMeans(3, n_init=10, random_state=0).fit_predict(embedding)
        found.append(adjusted_rand_score(study.obs["cell_type"], clusters))
    assert np.mean(found) > 0.7


@pytest.mark.parametrize(("preset", "negatives"), [("paper", 64 + 2 * 32 - 2), ("authors_code", 64)])
def test_chance_counts_the_negatives_of_the_preset(values, preset, negatives):
    # 150 cells in batches of 32; in the first epoch few own keys can be in the queue
    context = Recording()
    train_clear(values, clear_config(preset, **{**TINY, "epochs": 1}), context)
    assert np.expm1(context.rows[0]["chance"]) == pytest.approx(negatives, abs=1)


def test_cosine_schedule_by_hand(values):
    context = Recording()
    train_clear(values, clear_config("paper", **{**TINY, "epochs": 4}), context)
    expected = [0.5 * (1 + np.cos(np.pi * epoch / 4)) for epoch in range(4)]
    np.testing.assert_allclose([row["learning_rate"] for row in context.rows], expected)
    constant = Recording()
    train_clear(values, clear_config("authors_code", **{**TINY, "epochs": 3}), constant)
    assert [row["learning_rate"] for row in constant.rows] == [1, 1, 1]


def test_input_is_left_as_it_was(values):
    before = values.copy()
    train_clear(values, clear_config("paper", **{**TINY, "epochs": 1}), QuietContext())
    assert (values != before).nnz == 0


def test_dense_and_sparse_input_agree(values):
    config = clear_config("paper", **{**TINY, "epochs": 2})
    dense = train_clear(values.toarray(), config, QuietContext()).embedding
    np.testing.assert_array_equal(dense, train_clear(values, config, QuietContext()).embedding)


def test_loss_that_is_not_a_number_stops_with_a_reason(values):
    broken = np.where(values.toarray() > 0, np.float32(3e38), np.float32(0))
    with pytest.raises(RunError, match=r"(The loss became (nan|inf)|not numbers)") as caught:
        train_clear(broken, clear_config("paper", **{**TINY, "scale_input": False}), QuietContext())
    assert "learning rate" in caught.value.hint


@pytest.mark.parametrize("preset", PRESETS)
@pytest.mark.parametrize("n_cells", [2, 3, 33, 49])
def test_few_cells_train(values, n_cells, preset):
    result = train_clear(values[:n_cells], clear_config(preset, **{**TINY, "epochs": 2}), QuietContext())
    components = min(50, n_cells - 1)
    assert result.embedding.shape == (n_cells, components + 16 if preset == "recommended" else 8)
    assert np.isfinite(result.embedding).all()


def test_one_cell_is_refused(values):
    with pytest.raises(DataError, match="found 1"):
        train_clear(values[:1], clear_config("paper", **TINY), QuietContext())


def test_presets_differ_where_the_paper_and_the_code_do():
    paper, code = clear_config("paper"), clear_config("authors_code")
    assert (paper.optimizer, paper.epochs, paper.cosine_schedule, paper.inference, paper.symmetric) == (
        "adam",
        200,
        True,
        "query",
        True,
    )
    assert (code.optimizer, code.epochs, code.cosine_schedule, code.inference, code.symmetric) == (
        "sgd",
        100,
        False,
        "key",
        False,
    )
    assert (paper.augmentation.noise_sd, code.augmentation.noise_sd) == (0.2, 0.5)
    assert paper.temperature == code.temperature == 0.2
    assert paper.momentum == code.momentum == 0.999
    with pytest.raises(ConfigError, match="no preset"):
        clear_config("best")


def test_changing_one_augmentation_keeps_the_presets_others():
    config = clear_config("authors_code", augmentation={"mask_share": 0.5})
    assert (config.augmentation.mask_share, config.augmentation.noise_sd) == (0.5, 0.5)


def test_sizes_and_estimates():
    config = clear_config("authors_code")
    assert effective_sizes(config, 90) == (90, 90)
    assert effective_sizes(config, 5000) == (512, 1024)
    assert effective_sizes(clear_config("paper"), 90) == (22, 90)
    assert effective_sizes(clear_config("paper"), 20) == (16, 20)
    assert effective_sizes(clear_config("paper"), 5000) == (512, 1024)
    assert n_steps(config, 5120) == 1000
    # 1.5 s and 0.4 ms a cell around the steps
    around = 1.5 + 5120 * 0.0004
    assert estimate_seconds(config, 5120, 2000, measured_step_seconds=0.5, slowness=1) == pytest.approx(around + 500)
    first = estimate_seconds(config, 5120, 2000, slowness=1)
    assert first == pytest.approx(around + 1000 * (0.008 + 512 / 7000))
    assert estimate_seconds(config, 5120, 2000, slowness=3) == pytest.approx(3 * first)
    assert estimate_seconds(config, 5120, 4000, slowness=1) > 1.5 * first
    told = config.model_copy(update={"batch_key": "batch"})
    assert estimate_seconds(told, 5120, 2000, slowness=1) == pytest.approx(first + around)


def test_another_machine_is_known_by_a_matrix_product():
    assert 0.01 < machine_slowness() < 100
    assert machine_slowness() == machine_slowness()


def test_sparse_batches_give_the_same_training_as_a_dense_matrix(monkeypatch, values):
    config = clear_config("paper", **{**TINY, "epochs": 2})
    dense = train_clear(values, config, QuietContext()).embedding
    monkeypatch.setattr("scapp.clear.training.matrix.DENSE_LIMIT_BYTES", 0)
    np.testing.assert_allclose(train_clear(values, config, QuietContext()).embedding, dense, atol=1e-5)


def test_epochs_follow_from_the_number_of_cells():
    config = clear_config("recommended")
    assert config.epochs is None
    # two steps an epoch at least; 256 cells a step; 800 steps, but four epochs at least and fifty at most
    assert [effective_epochs(config, n) for n in (100, 2_560, 5_120, 25_600, 1_000_000)] == [50, 50, 40, 8, 4]
    assert effective_epochs(clear_config("recommended", epochs=7), 1_000_000) == 7
    assert effective_epochs(clear_config("recommended", epochs=400), 100) == 400


def test_the_recommended_preset_separates_types():
    easy = SimulationConfig(
        n_cells=200, n_genes=200, n_types=3, n_batches=1, type_strength=2, marker_share=0.5, doublet_rate=0
    )
    study = simulate(easy)
    values = normalise(study.layers["counts"], 1e4)
    embedding = train_clear(values, clear_config("recommended", steps=100, hidden=64), QuietContext()).embedding
    clusters = KMeans(3, n_init=10, random_state=0).fit_predict(embedding)
    assert adjusted_rand_score(study.obs["cell_type"], clusters) > 0.8


def test_a_batch_column_removes_what_differs_between_batches():
    """The silhouette of batches within types is near 0 with a batch column, and the types stay apart."""
    study = simulate(
        SimulationConfig(
            n_cells=400,
            n_genes=200,
            n_types=3,
            n_batches=2,
            type_strength=2,
            marker_share=0.5,
            batch_strength=1.2,
            doublet_rate=0,
        )
    )
    values = normalise(study.layers["counts"], 1e4)
    batches = study.obs["batch"].astype("category").cat.codes.to_numpy()
    types = study.obs["cell_type"].astype("category").cat.codes.to_numpy()
    config = clear_config("recommended", steps=200, hidden=64, batch_key="batch")
    plain = train_clear(values, config, QuietContext()).embedding
    mixed = train_clear(values, config, QuietContext(), batches=batches).embedding

    def separation(embedding):
        return np.mean([silhouette_score(embedding[types == t], batches[types == t]) for t in range(3)])

    assert separation(mixed) < 0.5 * separation(plain)
    assert adjusted_rand_score(types, KMeans(3, n_init=10, random_state=0).fit_predict(mixed)) > 0.9


def test_batches_of_single_cells_are_refused(values):
    with pytest.raises(DataError, match="batch of its own"):
        train_clear(values, clear_config(**TINY, batch_key="x"), QuietContext(), batches=np.arange(150))


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"queue_size": 0, "symmetric": False}, "no negatives"),
        ({"key_encoder": "query", "symmetric": False}, "symmetric"),
        ({"augmentation": {"thin_probability": 0.5}}, "raw counts"),
    ],
)
def test_settings_that_cannot_work_together_are_refused(values, changes, words):
    with pytest.raises(ConfigError, match=words):
        train_clear(values, clear_config("paper", **{**TINY, **changes}), QuietContext())


def test_every_augmentation_trains(study, values):
    totals = np.asarray(study.layers["counts"].sum(axis=1)).ravel()
    names = ("mask", "noise", "swap", "crossover", "mixture", "groups", "dropout", "thin")
    augmentation = dict.fromkeys([f"{name}_probability" for name in names], 0.5)
    config = clear_config("paper", **{**TINY, "epochs": 2}, scale_input=False, augmentation=augmentation)
    result = train_clear(values, config, QuietContext(), totals=totals)
    assert np.isfinite(result.embedding).all()


@pytest.mark.parametrize(("old", "new"), [(True, "one"), (False, "own")])
def test_settings_of_older_runs_are_read(old, new):
    stored = clear_config("paper").model_dump(mode="json")
    stored.pop("embedding_length")
    assert ClearConfig.build({**stored, "normalise_embedding": old}).embedding_length == new


@pytest.mark.parametrize("place", ["dataset", "minibatch"])
def test_crossover_takes_genes_of_cells_beyond_the_step_where_it_is_to(place):
    """Each cell has a value of its own in all genes, so that a value tells the donor."""
    own_values = np.repeat(np.arange(1, 201, dtype=np.float32)[:, None], 40, axis=1)
    augmentation = {"crossover_probability": 1.0, "crossover_share": 0.5, "crossover_from": place}
    others = {f"{name}_probability": 0.0 for name in ("mask", "noise", "swap", "mixture")}
    config = clear_config("paper", **TINY, scale_input=False, augmentation={**others, **augmentation})
    training = Training(gather_cells(own_values, config), config, torch.device("cpu"), Together())
    cells = torch.arange(20)
    donors, kept = set(), 0
    for _ in range(20):
        view = training._view_of(cells, training.matrix.rows(cells), training.draws).numpy()
        foreign = view != own_values[:20]
        assert (foreign.sum(axis=1) <= 20).all()
        kept += int((~foreign).sum(axis=1).min() >= 20)
        donors |= set(view[foreign].astype(int).tolist())
        # never of itself: half of the genes are another cell's
        assert (foreign.sum(axis=1) == 20).all()
    assert kept == 20
    assert (max(donors) > 20) == (place == "dataset")
    assert len(donors) > (100 if place == "dataset" else 15)
