import pytest
import torch

from scapp.contrast.augmentations import AUGMENTATIONS, Donors, augment, n_of
from scapp.contrast.config import AugmentationConfig

N_CELLS, N_GENES = 40, 203


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


def distinct():
    """Profiles in which every entry is different and none is zero, so that each change can be traced."""
    return torch.arange(1, N_CELLS * N_GENES + 1, dtype=torch.float32).reshape(N_CELLS, N_GENES)


def donors(values):
    return Donors(values, torch.arange(len(values)))


def by_id(id):
    return next(a for a in AUGMENTATIONS if a.id == id)


def test_the_order_is_the_papers():
    assert [a.id for a in AUGMENTATIONS] == ["mask", "noise", "swap", "crossover", "mixture"]


@pytest.mark.parametrize("share", [0.0, 0.1, 0.25, 0.8, 1.0])
@pytest.mark.parametrize("augmentation", AUGMENTATIONS, ids=lambda a: a.id)
def test_exact_shares_untouched_entries_and_unchanged_source(augmentation, share):
    values = distinct()
    before = values.clone()
    view = augmentation.apply(values, donors(values), share, 100.0, generator())
    changed = (view != values).sum(dim=1)
    expected = n_of(share, N_GENES)
    if augmentation.id == "swap":
        expected -= expected % 2
    assert (changed == expected).all()
    assert torch.equal(values, before)


def test_mask_sets_zero():
    values = distinct()
    view = by_id("mask").apply(values, donors(values), 0.2, 0, generator())
    assert ((view == 0) | (view == values)).all()
    assert ((view == 0).sum(dim=1) == 40).all()


def test_noise_is_normal_with_the_given_deviation():
    values = torch.zeros(400, 1000)
    view = by_id("noise").apply(values, donors(values), 0.8, 0.2, generator())
    noise = view[view != 0]
    assert len(noise) == 400 * 800
    assert abs(noise.mean().item()) < 0.002
    assert abs(noise.std().item() - 0.2) < 0.002
    assert abs((noise.abs() < 0.2).float().mean().item() - 0.6827) < 0.01


def test_swap_is_a_permutation_of_disjoint_pairs():
    values = distinct()
    view = by_id("swap").apply(values, donors(values), 0.5, 0, generator())
    assert torch.equal(view.sort(dim=1).values, values.sort(dim=1).values)
    for before, after in zip(values, view, strict=True):
        place = {v.item(): i for i, v in enumerate(before)}
        moves = {i: place[v.item()] for i, v in enumerate(after) if place[v.item()] != i}
        assert all(moves[target] == source for source, target in moves.items())


def test_crossover_takes_genes_at_their_place_from_one_other_cell():
    values = distinct()
    view = by_id("crossover").apply(values, donors(values), 0.25, 0, generator())
    cells = (view - 1).long() // N_GENES
    genes = (view - 1).long() % N_GENES
    assert torch.equal(genes, torch.arange(N_GENES).expand(N_CELLS, -1))
    for own, row in enumerate(cells):
        assert len(set(row.tolist()) - {own}) == 1


def test_crossover_with_many_takes_genes_from_many_other_cells():
    values = distinct()
    view = by_id("mixture").apply(values, donors(values), 0.25, 0, generator())
    cells = (view - 1).long() // N_GENES
    assert torch.equal((view - 1).long() % N_GENES, torch.arange(N_GENES).expand(N_CELLS, -1))
    for own, row in enumerate(cells):
        taken = row[row != own]
        assert len(taken) == n_of(0.25, N_GENES)
        assert len(set(taken.tolist())) > 10


def test_chosen_genes_are_uniform_and_independent_between_cells():
    values = torch.ones(4000, 20)
    view = by_id("mask").apply(values, donors(values), 0.2, 0, generator())
    frequency = (view == 0).float().mean(dim=0)
    assert (frequency - 0.2).abs().max() < 0.03
    both = ((view[:2000] == 0) & (view[2000:] == 0)).float().mean()
    assert abs(both.item() - 0.04) < 0.005


ONLY = {f"{a.id}_probability": 0.0 for a in AUGMENTATIONS}


@pytest.mark.parametrize("augmentation", AUGMENTATIONS, ids=lambda a: a.id)
def test_probability_decides_cell_by_cell(augmentation):
    values = torch.rand(2000, 30) + 1
    config = AugmentationConfig(**{**ONLY, f"{augmentation.id}_probability": 0.3})
    view = augment(values, config, generator())
    touched = (view != values).any(dim=1).float().mean().item()
    assert abs(touched - 0.3) < 0.04


def test_nothing_happens_with_probability_zero_and_the_batch_is_never_written_to():
    values = distinct()
    before = values.clone()
    assert torch.equal(augment(values, AugmentationConfig(**ONLY), generator()), values)
    augment(values, AugmentationConfig(**dict.fromkeys(ONLY, 1.0)), generator())
    assert torch.equal(values, before)


def test_views_are_equal_by_seed_and_differ_without():
    values, config = distinct(), AugmentationConfig()
    first, second = augment(values, config, generator(1)), augment(values, config, generator(1))
    assert torch.equal(first, second)
    assert not torch.equal(first, augment(values, config, generator(2)))


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize("shape", [(1, 50), (5, 1), (1, 1)])
def test_one_cell_one_gene_and_both_dtypes(shape, dtype):
    values = torch.ones(shape, dtype=dtype)
    view = augment(values, AugmentationConfig(**dict.fromkeys(ONLY, 1.0)), generator())
    assert view.shape == shape
    assert view.dtype == dtype
    assert torch.isfinite(view).all()
