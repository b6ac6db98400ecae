"""The distortions that make two views of a cell, a batch at a time.

Each augmentation is a function and a record in ``AUGMENTATIONS``, whose order is the order of application: the paper's
five, framed by thinning, which works on molecules, and by two masks from later work, after which nothing is filled in
again. They are written for numpy arrays and torch tensors alike: pages show them without torch, training runs them on
its device. What is random comes from a ``Draws``. The batch itself, and the cells that crossover takes genes from, are
never written to (the paper: "this step will not influence the next batch").
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol

from scapp.clear.augment.config import AugmentationConfig

Array = Any
"""A numpy array or a torch tensor."""


class Draws(Protocol):
    """Where an augmentation's random numbers come from: ``contrast.draws``, for numpy and for torch."""

    xp: Any
    """numpy or torch."""

    def copy(self, values: Array) -> Array:
        """A copy that may be written to, contiguous."""

    def places(self, n: int) -> Array:
        """0, 1, ... n - 1."""

    def some(self, n: int, probability: float) -> Array:
        """Those of 0, 1, ... n - 1 that a chance has chosen, ascending; their number is known without waiting for a
        device.
        """

    def genes(self, n_cells: int, n_chosen: int) -> Array:
        """For each cell, so many different genes in random order, shape (n_cells, n_chosen)."""

    def uniform(self, n_cells: int, n_columns: int) -> Array:
        """From [0, 1), shape (n_cells, n_columns)."""

    def normal(self, n_cells: int, n_columns: int) -> Array:
        """Standard normal, shape (n_cells, n_columns)."""

    def integers(self, high: int, n_cells: int, n_columns: int) -> Array:
        """From 0 to high - 1, shape (n_cells, n_columns)."""

    def binomial(self, counts: Array, probability: float) -> Array:
        """How many of so many are kept, the shape of ``counts``."""


@dataclass(frozen=True)
class Batch:
    """What augmentations may look at beside the view that they change.

    Parameters
    ----------
    profiles
        Undistorted profiles that crossover takes genes from, shape (n_donors, n_genes): the cells of the batch, which
        is a random sample of the data.
    own
        Row of ``profiles`` that is the cell itself, shape (n_cells,): never its own donor.
    groups
        Group of each gene, from 0, shape (n_genes,); needed by the group mask alone.
    totals
        Counts of each cell before it was scaled to ``target_sum``, shape (n_cells,); needed by thinning alone.
    target_sum
        Counts that every cell was scaled to.
    """

    profiles: Array
    own: Array
    groups: Array | None = None
    totals: Array | None = None
    target_sum: float = 1e4


AugmentationFunction = Callable[[Array, Array, Batch, float, float, Draws], None]
"""(view, rows, batch, share, strength, draws): changes those rows of the view in place."""


@dataclass(frozen=True)
class Augmentation:
    """One augmentation: names of its settings in ``AugmentationConfig`` follow from its id.

    Parameters
    ----------
    id, title
        For settings, and for people.
    apply
        The function.
    sentence
        What it does to a cell, and what that stands for.
    weak, strong
        What happens when it is too weak, and too strong.
    has_strength
        Whether it has a strength beside its share.
    """

    id: str
    title: str
    apply: AugmentationFunction
    sentence: str
    weak: str
    strong: str
    has_strength: bool = False


def n_of(share: float, n_genes: int) -> int:
    """How many genes a share is: rounded down, as in the authors' code."""
    return int(share * n_genes)


def thin(view: Array, rows: Array, batch: Batch, share: float, strength: float, draws: Draws) -> None:
    """Lose each molecule with a chance, then normalise again (binomial thinning of the raw counts).

    Values are log1p of counts scaled to ``target_sum``, so counts are known from the cell's total; so is the expected
    new total.
    """
    if batch.totals is None:
        raise ValueError("thinning needs the total counts of the cells")
    factor = batch.target_sum / batch.totals[batch.own[rows]][:, None]
    counts = draws.xp.round(draws.xp.expm1(view[rows]) / factor)
    kept = draws.binomial(counts, 1 - share)
    thinned = view[rows]
    thinned[:] = draws.xp.log1p(kept * (factor / max(1 - share, 1e-6)))
    view[rows] = thinned


def random_mask(view: Array, rows: Array, batch: Batch, share: float, strength: float, draws: Draws) -> None:
    """Set a share of the genes to zero (paper, augmentation i)."""
    _flat(view)[_places(rows, draws.genes(len(rows), n_of(share, view.shape[1])), view)] = 0


def gaussian_noise(view: Array, rows: Array, batch: Batch, share: float, strength: float, draws: Draws) -> None:
    """Add normal noise of standard deviation ``strength`` to a share of the genes (augmentation ii)."""
    n_genes = view.shape[1]
    noise = draws.normal(len(rows), n_genes) * strength
    # the published share is 80%: the fewer genes that get none are drawn
    untouched = draws.genes(len(rows), n_genes - n_of(share, n_genes))
    _flat(noise)[_places(draws.places(len(rows)), untouched, view)] = 0
    view[rows] += noise


def random_swap(view: Array, rows: Array, batch: Batch, share: float, strength: float, draws: Draws) -> None:
    """Swap the values of disjoint pairs made from a share of the genes (augmentation iii)."""
    genes = _places(rows, draws.genes(len(rows), n_of(share, view.shape[1])), view)
    n_pairs = genes.shape[1] // 2
    left, right = genes[:, :n_pairs], genes[:, n_pairs : 2 * n_pairs]
    flat = _flat(view)
    before = flat[left]
    flat[left] = flat[right]
    flat[right] = before


def crossover(view: Array, rows: Array, batch: Batch, share: float, strength: float, draws: Draws) -> None:
    """Take a share of the genes from one other cell (augmentation iv)."""
    genes = draws.genes(len(rows), n_of(share, view.shape[1]))
    donors = _other_cells(batch, rows, 1, draws)
    _flat(view)[_places(rows, genes, view)] = _flat(batch.profiles)[donors * view.shape[1] + genes]


def crossover_many(view: Array, rows: Array, batch: Batch, share: float, strength: float, draws: Draws) -> None:
    """Take a share of the genes, each from a randomly chosen other cell (augmentation v)."""
    genes = draws.genes(len(rows), n_of(share, view.shape[1]))
    donors = _other_cells(batch, rows, genes.shape[1], draws)
    _flat(view)[_places(rows, genes, view)] = _flat(batch.profiles)[donors * view.shape[1] + genes]


def group_mask(view: Array, rows: Array, batch: Batch, share: float, strength: float, draws: Draws) -> None:
    """Set groups of genes that vary together to zero, each with a chance."""
    if batch.groups is None:
        raise ValueError("masking groups needs the groups of the genes")
    lost = draws.uniform(len(rows), int(batch.groups.max()) + 1) < share
    view[rows] *= ~lost[:, batch.groups]


def dropout(view: Array, rows: Array, batch: Batch, share: float, strength: float, draws: Draws) -> None:
    """Set each gene to zero with a chance (Bernoulli masking)."""
    kept = draws.uniform(len(rows), view.shape[1]) >= share
    if len(rows) == len(view):
        view *= kept  # no copy of all rows
    else:
        view[rows] *= kept


def _flat(values: Array) -> Array:
    return values.reshape(-1)


def _places(rows: Array, genes: Array, view: Array) -> Array:
    """Where genes of rows stand in the flat view."""
    return rows[:, None] * view.shape[1] + genes


def _other_cells(batch: Batch, rows: Array, n_donors: int, draws: Draws) -> Array:
    """Random rows of the donors, never the cell's own; a single cell has only itself. Shape (n_rows, n_donors)."""
    n_cells = batch.profiles.shape[0]
    if n_cells == 1:
        return draws.integers(1, len(rows), n_donors)
    drawn = draws.integers(n_cells - 1, len(rows), n_donors)
    return drawn + (drawn >= batch.own[rows][:, None])


AUGMENTATIONS = (
    Augmentation(
        "thin",
        "Thinning",
        thin,
        "Each molecule that was counted is lost with this chance, as if the cell had been sequenced less deeply.",
        "Two views are nearly the same cell at the same depth; depth may then tell cells apart.",
        "Only the most abundant genes are left; rare markers vanish from both views.",
    ),
    Augmentation(
        "mask",
        "Random mask",
        random_mask,
        "A share of the genes is set to zero, like dropout: molecules that were there and were not caught.",
        "The views are nearly equal, so a few genes are enough to recognise a cell and the rest is not learnt.",
        "Little of the cell is left; views of different types begin to look alike.",
    ),
    Augmentation(
        "noise",
        "Gaussian noise",
        gaussian_noise,
        "Normal noise is added to most genes, so that the network cannot rely on exact values.",
        "Exact values stay recognisable.",
        "The noise drowns genes that differ little between types.",
        has_strength=True,
    ),
    Augmentation(
        "swap",
        "Random swap",
        random_swap,
        "Pairs of genes exchange their values: each value stays, at the wrong gene.",
        "Nothing much changes.",
        "Which gene is high no longer says anything, and cell types are nothing else.",
    ),
    Augmentation(
        "crossover",
        "Crossover with one cell",
        crossover,
        "A share of the genes is taken from one other cell, as when some RNA of another cell is in the droplet.",
        "Nothing much changes.",
        "The view is half another cell; the network is asked to find two types alike.",
    ),
    Augmentation(
        "mixture",
        "Crossover with many cells",
        crossover_many,
        "A share of the genes is taken from many other cells, a gene from each, as with RNA that floats in the"
        " solution.",
        "Nothing much changes.",
        "The view is close to the average of all cells.",
    ),
    Augmentation(
        "groups",
        "Gene-group mask",
        group_mask,
        "Groups of genes that vary together are set to zero, so that no single programme is enough to recognise a"
        " cell.",
        "The strongest programme, such as cell cycle or stress, may do the recognising alone.",
        "Whole identities vanish from a view.",
    ),
    Augmentation(
        "dropout",
        "Heavy dropout",
        dropout,
        "Each gene is lost with this chance. Two views then share few genes, and only what many genes say together is"
        " left to recognise.",
        "A few strong genes are enough to recognise a cell.",
        "Too little is left of cells with few molecules.",
    ),
)


def augment(
    values: Array,
    config: AugmentationConfig,
    draws: Draws,
    *,
    groups: Array | None = None,
    totals: Array | None = None,
    target_sum: float = 1e4,
    donors: Array | None = None,
    own: Array | None = None,
) -> Array:
    """One distorted view of every cell of a batch.

    Parameters
    ----------
    values
        Profiles, shape (n_cells, n_genes); left as they are.
    config
        Probability, share and strength of each augmentation.
    draws
        Random numbers, of numpy or torch as the values are.
    groups, totals, target_sum
        See ``Batch``.
    donors, own
        Cells that crossover takes genes from, and where among them each cell is; by default the batch itself.

    Returns
    -------
    Views, shape (n_cells, n_genes). Each augmentation is applied to each cell independently with its probability.

    References
    ----------
    CLEAR, section "Data augmentation".
    """
    view = draws.copy(values)
    own = draws.places(values.shape[0]) if own is None else own
    batch = Batch(values if donors is None else donors, own, groups, totals, target_sum)
    for augmentation in AUGMENTATIONS:
        apply_to_view(view, augmentation, config, batch, draws)
    return view


def apply_to_view(
    view: Array, augmentation: Augmentation, config: AugmentationConfig, batch: Batch, draws: Draws
) -> Array:
    """Apply one augmentation in place to the cells that its probability chooses; their rows are returned."""
    probability, share, strength = settings_of(augmentation, config)
    if probability <= 0 or share <= 0:
        return draws.places(0)
    rows = draws.some(view.shape[0], probability)
    if len(rows):
        augmentation.apply(view, rows, batch, share, strength, draws)
    return rows


def settings_of(augmentation: Augmentation, config: AugmentationConfig) -> tuple[float, float, float]:
    """Probability, share, strength."""
    return (
        getattr(config, f"{augmentation.id}_probability"),
        getattr(config, f"{augmentation.id}_share"),
        config.noise_sd if augmentation.has_strength else 0.0,
    )
