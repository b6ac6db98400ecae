"""PCA beside CLEAR: by hand, and for other cells."""

import numpy as np
from scipy import sparse

from scapp.clear import beside as module
from scapp.clear.beside import Beside, placing_of
from scapp.clear.config import ClearConfig, clear_config
from scapp.clear.training.cells import gather_cells
from scapp.clear.training.minibatches import nearest_neighbours
from scapp.data.blocks.blocked_matrix import InMemory
from scapp.data.config import PrepareConfig
from scapp.data.qc.principal_components import pca, principal_components

RNG = np.random.default_rng(0)
VALUES = sparse.csr_matrix(RNG.poisson(1.0, (60, 20)).astype(np.float32))
_, LOADINGS = pca(VALUES, np.ones(20, dtype=bool), PrepareConfig(scale_for_pca=False))
OWN = RNG.normal(3, 2, (60, 7)).astype(np.float32)


def test_a_part_is_centred_and_has_a_total_variance_of_one() -> None:
    placing = placing_of(np.array([[0.0, 10.0], [2.0, 10.0], [4.0, 16.0]]))
    # variances 8/3 and 8, by hand
    np.testing.assert_allclose(placing.mean, [2, 12])
    np.testing.assert_allclose(placing.length, np.sqrt(8 / 3 + 8))
    np.testing.assert_allclose(placing.place(np.array([[2.0, 12.0 + placing.length]])), [[0, 1]])
    assert placing_of(np.ones((4, 3))).length == 1


def fitted() -> tuple[Beside, np.ndarray]:
    joined = np.hstack([np.zeros((60, LOADINGS.shape[1]), np.float32), OWN])
    return Beside.fit(InMemory(VALUES), joined, LOADINGS), joined


def test_many_cells_are_placed_as_few(monkeypatch) -> None:
    _, whole = fitted()
    monkeypatch.setattr(module, "SLAB", 7)
    beside, joined = fitted()
    np.testing.assert_allclose(joined, whole, atol=1e-6)
    np.testing.assert_allclose(beside.of_clear.length, np.sqrt(OWN.astype(float).var(axis=0).sum()), rtol=1e-6)


def test_both_parts_weigh_alike_and_the_columns_say_which_is_which() -> None:
    beside, joined = fitted()
    np.testing.assert_array_equal(joined, beside.join(VALUES, OWN))
    assert beside.columns == {"pca": [0, 19], "clear": [19, 26]}
    parts = {name: joined[:, first:last] for name, (first, last) in beside.columns.items()}
    for part in parts.values():
        np.testing.assert_allclose(part.astype(float).var(axis=0).sum(), 1, rtol=1e-5)
        np.testing.assert_allclose(part.mean(axis=0), 0, atol=1e-6)
    components = principal_components(VALUES, np.ones(20, dtype=bool), PrepareConfig(scale_for_pca=False))
    scale = np.sqrt(components.astype(float).var(axis=0).sum())
    np.testing.assert_allclose(parts["pca"], components / scale, atol=1e-5)
    np.testing.assert_allclose(
        parts["clear"] * np.sqrt(OWN.astype(float).var(axis=0).sum()) + OWN.mean(axis=0), OWN, atol=1e-4
    )


def test_other_cells_are_placed_by_the_same_numbers_also_from_a_file() -> None:
    beside, _ = fitted()
    again = Beside.read(beside.arrays())
    assert again is not None
    np.testing.assert_array_equal(again.join(VALUES[:5], OWN[:5]), beside.join(VALUES, OWN)[:5])
    assert Beside.read({"first.weight": OWN}) is None


def test_it_stands_beside_the_default_alone() -> None:
    assert clear_config().has_pca_beside
    assert not clear_config(batch_key="batch").has_pca_beside
    assert not clear_config("paper").has_pca_beside
    assert clear_config("paper", beside="pca").has_pca_beside


def test_a_record_of_before_means_what_was_done_then() -> None:
    record = clear_config(batch_key="batch", normalisation="batch").model_dump(mode="json")
    for name in ("beside", "batch_positives", "after_training"):
        del record[name]
    old = ClearConfig.build(record)
    assert (old.beside, old.batch_positives, old.after_training, old.normalises) == ("none", "within", "none", "batch")
    new = ClearConfig.build({"batch_key": "batch"})
    assert (new.batch_positives, new.after_training, new.normalises) == ("across", "harmony", "layer")


def test_of_a_single_gene_nothing_stands_beside() -> None:
    cells = gather_cells(VALUES[:, :1], clear_config())
    assert cells.loadings is None
    cells = gather_cells(VALUES, clear_config())
    np.testing.assert_array_equal(cells.loadings, LOADINGS)
    # the neighbours are found in that very PCA
    np.testing.assert_array_equal(cells.neighbours, nearest_neighbours(VALUES, clear_config()))
    scaled = clear_config(scale_input=True)
    np.testing.assert_array_equal(gather_cells(VALUES, scaled).neighbours, nearest_neighbours(VALUES, scaled))
