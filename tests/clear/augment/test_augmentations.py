"""Each augmentation, with numpy's and with torch's random numbers: exact shares, untouched entries, source,
distribution.
"""

import numpy as np
import pytest
import torch

from scapp.clear.augment.augmentations import AUGMENTATIONS, Batch, augment, n_of, settings_of
from scapp.clear.augment.config import AugmentationConfig
from scapp.clear.augment.device_draws import POOL, TorchDraws
from scapp.clear.augment.draws import NumpyDraws

N_CELLS, N_GENES = 40, 203
PAPER = ["mask", "noise", "swap", "crossover", "mixture"]
EXACT = [a for a in AUGMENTATIONS if a.id in PAPER]
GROUPS = np.arange(N_GENES) % 7


class Numpy:
    """The same tests, with numpy."""

    @staticmethod
    def draws(n_genes, seed=0):
        return NumpyDraws(n_genes, seed)

    @staticmethod
    def array(values):
        return np.asarray(values)


class Torch:
    """The same tests, with torch."""

    @staticmethod
    def draws(n_genes, seed=0):
        return TorchDraws(n_genes, seed, torch.device("cpu"))

    @staticmethod
    def array(values):
        return torch.as_tensor(np.asarray(values))


@pytest.fixture(params=[Numpy, Torch], ids=["numpy", "torch"])
def backend(request):
    return request.param


def distinct():
    """Profiles in which every entry is different and none is zero, so that each change can be traced."""
    return np.arange(1, N_CELLS * N_GENES + 1, dtype=np.float32).reshape(N_CELLS, N_GENES)


def by_id(id):
    return next(a for a in AUGMENTATIONS if a.id == id)


def apply(backend, id, values, share, strength=0.0, seed=0, **more):
    """An augmentation of every cell, as numpy; the values are checked to be as before."""
    given = backend.array(values.copy())
    draws = backend.draws(values.shape[1], seed)
    view = draws.copy(given)
    more = {name: backend.array(value) for name, value in more.items()}
    batch = Batch(given, draws.places(len(values)), **more)
    by_id(id).apply(view, draws.places(len(values)), batch, share, strength, draws)
    np.testing.assert_array_equal(np.asarray(given), values)
    return np.asarray(view)


def test_the_order_of_the_five_is_the_papers():
    assert [a.id for a in AUGMENTATIONS if a.id in PAPER] == PAPER


@pytest.mark.parametrize("share", [0.0, 0.1, 0.25, 0.8, 1.0])
@pytest.mark.parametrize("id", PAPER)
def test_exact_shares_and_untouched_entries(backend, id, share):
    values = distinct()
    view = apply(backend, id, values, share, 100.0)
    expected = n_of(share, N_GENES)
    if id == "swap":
        expected -= expected % 2
    assert ((view != values).sum(axis=1) == expected).all()


def test_mask_sets_zero(backend):
    values = distinct()
    view = apply(backend, "mask", values, 0.2)
    assert ((view == 0) | (view == values)).all()
    assert ((view == 0).sum(axis=1) == 40).all()


def test_noise_is_normal_with_the_given_deviation(backend):
    view = apply(backend, "noise", np.zeros((400, 1000), np.float32), 0.8, 0.2)
    noise = view[view != 0]
    assert len(noise) == 400 * 800
    assert abs(noise.mean()) < 0.002
    assert abs(noise.std() - 0.2) < 0.002
    assert abs((np.abs(noise) < 0.2).mean() - 0.6827) < 0.01


def test_swap_is_a_permutation_of_disjoint_pairs(backend):
    values = distinct()
    view = apply(backend, "swap", values, 0.5)
    np.testing.assert_array_equal(np.sort(view, axis=1), np.sort(values, axis=1))
    for before, after in zip(values, view, strict=True):
        place = {v: i for i, v in enumerate(before)}
        moves = {i: place[v] for i, v in enumerate(after) if place[v] != i}
        assert all(moves[target] == source for source, target in moves.items())


def origin(view):
    """Cell and gene that each value of a view of ``distinct()`` comes from."""
    return (view - 1).astype(int) // N_GENES, (view - 1).astype(int) % N_GENES


def test_crossover_takes_genes_at_their_place_from_one_other_cell(backend):
    cells, genes = origin(apply(backend, "crossover", distinct(), 0.25))
    assert (genes == np.arange(N_GENES)).all()
    for own, row in enumerate(cells):
        assert len(set(row.tolist()) - {own}) == 1


def test_crossover_with_many_takes_genes_from_many_other_cells(backend):
    cells, genes = origin(apply(backend, "mixture", distinct(), 0.25))
    assert (genes == np.arange(N_GENES)).all()
    for own, row in enumerate(cells):
        taken = row[row != own]
        assert len(taken) == n_of(0.25, N_GENES)
        assert len(set(taken.tolist())) > 10


def test_dropout_loses_genes_with_its_chance(backend):
    values = np.ones((500, 400), np.float32)
    lost = apply(backend, "dropout", values, 0.8) == 0
    assert abs(lost.mean() - 0.8) < 0.005
    # independent from gene to gene: the number lost in a cell is binomial
    assert lost.sum(axis=1).std() == pytest.approx(np.sqrt(400 * 0.8 * 0.2), rel=0.15)


def test_groups_are_lost_whole(backend):
    values = np.ones((600, N_GENES), np.float32)
    lost = apply(backend, "groups", values, 0.3, groups=GROUPS) == 0
    for group in range(7):
        members = lost[:, group == GROUPS]
        assert (members.all(axis=1) == members.any(axis=1)).all()
        assert abs(members[:, 0].mean() - 0.3) < 0.07


def test_thinning_loses_molecules(backend):
    rng = np.random.default_rng(0)
    counts = rng.poisson(5, (300, 120)).astype(np.float32)
    totals = counts.sum(axis=1) + 100  # genes that models do not read are part of a cell's total
    values = np.log1p(counts / totals[:, None] * 1e4)
    view = apply(backend, "thin", values, 0.4, totals=totals)
    kept = np.expm1(view) * totals[:, None] * 0.6 / 1e4
    assert np.abs(kept - kept.round()).max() < 1e-2
    assert (kept.round() <= counts).all()
    assert kept.sum() / counts.sum() == pytest.approx(0.6, abs=0.005)
    many = counts >= 10
    spread = (kept - 0.6 * counts)[many].std()
    assert spread == pytest.approx(np.sqrt(0.6 * 0.4 * counts[many].mean()), rel=0.05)
    assert np.expm1(view).sum() == pytest.approx(np.expm1(values).sum(), rel=0.01)


def test_chosen_genes_are_uniform_and_independent_between_cells(backend):
    view = apply(backend, "mask", np.ones((4000, 20), np.float32), 0.2)
    lost = view == 0
    assert np.abs(lost.mean(axis=0) - 0.2).max() < 0.03
    assert abs((lost[:2000] & lost[2000:]).mean() - 0.04) < 0.005
    pairs = lost.T.astype(float) @ lost / len(lost)
    off = pairs[~np.eye(20, dtype=bool)]
    assert np.abs(off - 4 * 3 / (20 * 19)).max() < 0.02


ONLY = {f"{a.id}_probability": 0.0 for a in AUGMENTATIONS}


@pytest.mark.parametrize("id", PAPER)
def test_probability_decides_cell_by_cell(backend, id):
    values = np.random.default_rng(0).random((2000, 30)).astype(np.float32) + 1
    config = AugmentationConfig(**{**ONLY, f"{id}_probability": 0.3})
    view = np.asarray(augment(backend.array(values), config, backend.draws(30)))
    assert abs((view != values).any(axis=1).mean() - 0.3) < 0.04


def test_nothing_happens_with_probability_zero_and_the_batch_is_never_written_to(backend):
    values = backend.array(distinct())
    more = {"groups": backend.array(GROUPS), "totals": backend.array(np.full(N_CELLS, 5e3, np.float32))}
    view = augment(values, AugmentationConfig(**ONLY), backend.draws(N_GENES))
    np.testing.assert_array_equal(np.asarray(view), distinct())
    small = backend.array(distinct() / 2e3)
    before = np.asarray(small).copy()
    augment(small, AugmentationConfig(**dict.fromkeys(ONLY, 1.0)), backend.draws(N_GENES), **more)
    np.testing.assert_array_equal(np.asarray(small), before)


def test_views_are_equal_by_seed_and_differ_without(backend):
    values, config = backend.array(distinct()), AugmentationConfig()
    first, second = (np.asarray(augment(values, config, backend.draws(N_GENES, 1))) for _ in range(2))
    np.testing.assert_array_equal(first, second)
    assert (first != np.asarray(augment(values, config, backend.draws(N_GENES, 2)))).any()


def test_donors_may_be_other_cells(backend):
    values = np.zeros((3, N_GENES), np.float32)
    config = AugmentationConfig(**{**ONLY, "crossover_probability": 1.0})
    donors, own = backend.array(distinct()), backend.array(np.array([0, 1, 2]))
    view = np.asarray(augment(backend.array(values), config, backend.draws(N_GENES), donors=donors, own=own))
    taken = [{int(value - 1) // N_GENES for value in row[row != 0]} for row in view]
    assert all(len(cells) == 1 and own not in cells for own, cells in enumerate(taken))


def test_what_an_augmentation_needs_is_asked_for(backend):
    for id in ("thin", "groups"):
        config = AugmentationConfig(**{**ONLY, f"{id}_probability": 1.0})
        with pytest.raises(ValueError, match="needs"):
            augment(backend.array(distinct()), config, backend.draws(N_GENES))


def test_every_augmentation_has_its_settings_and_words():
    for augmentation in AUGMENTATIONS:
        assert len(settings_of(augmentation, AugmentationConfig())) == 3
        assert augmentation.sentence
        assert augmentation.weak
        assert augmentation.strong


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize("shape", [(1, 50), (5, 1), (1, 1)])
def test_one_cell_one_gene_and_both_dtypes(shape, dtype):
    values = torch.ones(shape, dtype=dtype)
    more = {"groups": torch.zeros(shape[1], dtype=torch.long), "totals": torch.full((shape[0],), 1e4)}
    config = AugmentationConfig(**dict.fromkeys(ONLY, 1.0))
    view = augment(values, config, TorchDraws(shape[1], 0, torch.device("cpu")), **more)
    assert view.shape == shape
    assert view.dtype == dtype
    assert torch.isfinite(view).all()


def test_more_numbers_than_the_pool_holds_are_drawn_afresh():
    draws = TorchDraws(4, 0, torch.device("cpu"))
    n_cells = POOL // 4
    uniform, normal = draws.uniform(n_cells, 4), draws.normal(n_cells, 4)
    assert uniform.shape == normal.shape == (n_cells, 4)
    assert abs(uniform.mean().item() - 0.5) < 0.002
    assert abs(normal.std().item() - 1) < 0.002


def test_whole_numbers_from_the_pool_are_uniform():
    drawn = TorchDraws(4, 0, torch.device("cpu")).integers(7, 2000, 100)
    shares = torch.bincount(drawn.flatten(), minlength=7) / drawn.numel()
    assert len(shares) == 7
    assert (shares - 1 / 7).abs().max() < 0.005
