"""What augmentations do to a few cells: for the page that shows it. Numpy alone."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from scapp.clear.augment.augmentations import AUGMENTATIONS, Batch, apply_to_view, augment, settings_of
from scapp.clear.augment.config import AugmentationConfig
from scapp.clear.augment.draws import NumpyDraws

STRENGTHS = (0.0, 0.25, 0.5, 0.75, 1.0, 1.25, 1.5, 2.0)


@dataclass(frozen=True)
class Sample:
    """Some cells of a dataset, as the network reads them.

    Parameters
    ----------
    profiles
        Values of the highly variable genes, float32, shape (n_cells, n_genes); log-normalised.
    scale
        Whether genes are centred and scaled before they are distorted, as the network would read them.
    groups
        Group of each gene, shape (n_genes,), where groups are masked.
    totals
        Counts of each cell, shape (n_cells,), where molecules are thinned.
    target_sum
        Counts that cells were scaled to.
    """

    profiles: np.ndarray
    scale: bool = False
    groups: np.ndarray | None = None
    totals: np.ndarray | None = None
    target_sum: float = 1e4

    def to_input(self, values: np.ndarray) -> np.ndarray:
        """What the network reads; mean and standard deviation are those of the sample."""
        if not self.scale:
            return values
        mean, spread = self._moments()
        return np.asarray(np.clip((values - mean) / spread, -10, 10), dtype=np.float32)

    def from_input(self, values: np.ndarray) -> np.ndarray:
        """Back to log-normalised values."""
        if not self.scale:
            return values
        mean, spread = self._moments()
        return np.asarray(values * spread + mean, dtype=np.float32)

    def _moments(self) -> tuple[np.ndarray, np.ndarray]:
        spread = self.profiles.std(axis=0, ddof=1) if len(self.profiles) > 1 else np.ones(self.profiles.shape[1])
        return self.profiles.mean(axis=0), np.where(spread > 0, spread, 1.0)


@dataclass(frozen=True)
class Stage:
    """A cell's profile after an augmentation.

    Parameters
    ----------
    id, title
        Of the augmentation.
    profile
        Log-normalised, shape (n_genes,).
    """

    id: str
    title: str
    profile: np.ndarray


@dataclass(frozen=True)
class Change:
    """How two profiles differ, each as a share of all genes.

    Parameters
    ----------
    changed
        Genes with another value.
    added
        Genes that were zero and are not.
    lost
        Genes that were not zero and are.
    """

    changed: float
    added: float
    lost: float


def change(before: np.ndarray, after: np.ndarray) -> Change:
    """How a profile changed; differences below 1e-6 are rounding."""
    there, still = np.abs(before) > 1e-6, np.abs(after) > 1e-6
    return Change(
        float((np.abs(after - before) > 1e-6).mean()), float((~there & still).mean()), float((there & ~still).mean())
    )


def certain(config: AugmentationConfig) -> AugmentationConfig:
    """The same settings, with every augmentation that can happen happening."""
    always = {f"{a.id}_probability": 1.0 for a in AUGMENTATIONS if getattr(config, f"{a.id}_probability") > 0}
    return config.model_copy(update=always)


def stronger(config: AugmentationConfig, factor: float) -> AugmentationConfig:
    """The same augmentations with every share (up to 1) and the noise multiplied."""
    shares = {f"{a.id}_share": min(getattr(config, f"{a.id}_share") * factor, 1.0) for a in AUGMENTATIONS}
    return config.model_copy(update={**shares, "noise_sd": config.noise_sd * factor})


def stages(sample: Sample, cell: int, config: AugmentationConfig, seed: int) -> list[Stage]:
    """A cell after each of the augmentations that happen to it.

    Parameters
    ----------
    sample
        Cells, among them the donors of crossovers.
    cell
        Row of the sample.
    config, seed
        What happens, and what is drawn.
    """
    draws = NumpyDraws(sample.profiles.shape[1], seed)
    inputs = sample.to_input(sample.profiles)
    view = draws.copy(inputs[cell : cell + 1])
    batch = Batch(inputs, np.array([cell]), sample.groups, sample.totals, sample.target_sum)
    found = []
    for augmentation in AUGMENTATIONS:
        if len(apply_to_view(view, augmentation, config, batch, draws)):
            found.append(Stage(augmentation.id, augmentation.title, sample.from_input(view)[0].copy()))
    return found


def copies(
    sample: Sample, cells: Sequence[int], n_copies: int, config: AugmentationConfig, seed: int
) -> tuple[np.ndarray, np.ndarray]:
    """Augmented copies of cells.

    Returns
    -------
    profiles
        Log-normalised, shape (len(cells) * n_copies, n_genes).
    of
        Row of the sample that each is a copy of.
    """
    of = np.repeat(np.asarray(cells, dtype=np.int64), n_copies)
    inputs = sample.to_input(sample.profiles)
    # totals belong to the sample's rows, which ``own`` names
    views = augment(
        inputs[of],
        config,
        NumpyDraws(sample.profiles.shape[1], seed),
        groups=sample.groups,
        totals=sample.totals,
        target_sum=sample.target_sum,
        donors=inputs,
        own=of,
    )
    return sample.from_input(views), of


def as_much(profiles: np.ndarray, originals: np.ndarray) -> np.ndarray:
    """Profiles scaled to the sum of values of their originals, so that a mask of all cells alike does not count as a
    move.
    """
    sums, wanted = profiles.sum(axis=1), originals.sum(axis=1)
    factor = np.divide(wanted, sums, out=np.ones_like(sums), where=sums > 1e-3 * np.abs(wanted))
    return np.asarray(profiles * factor[:, None], dtype=np.float32)


def enabled(config: AugmentationConfig) -> list[str]:
    """Ids of the augmentations that can happen."""
    return [a.id for a in AUGMENTATIONS if min(settings_of(a, config)[:2]) > 0]


def nearest(points: np.ndarray, reference: np.ndarray, n_near: int) -> np.ndarray:
    """Rows of the reference nearest to each point, nearest first, shape (n_points, n_near)."""
    squares = (reference**2).sum(axis=1)
    found = np.empty((len(points), n_near), dtype=np.int64)
    for start in range(0, len(points), 256):
        part = points[start : start + 256]
        distances = squares - 2 * part @ reference.T
        near = np.argpartition(distances, n_near - 1, axis=1)[:, :n_near]
        order = np.take_along_axis(distances, near, axis=1).argsort(axis=1)
        found[start : start + 256] = np.take_along_axis(near, order, axis=1)
    return found
