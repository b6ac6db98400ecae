"""What the values of a matrix are, and which steps can use them."""

from dataclasses import dataclass
from functools import partial
from typing import Literal

import numpy as np
from scipy import sparse

from scapp.data.blocks.blocked_matrix import AnyMatrix, BlockedMatrix, blocked
from scapp.data.blocks.composed import Mapped
from scapp.data.blocks.survey import Survey

UnitsId = Literal["counts", "log", "scaled_to_total", "tpm", "linear", "scaled"]
WHOLE_TOLERANCE = 1e-4
LARGEST_LOG = 20.0
"""log1p of anything scaled to 10,000 per cell stays below 9.2, log2 of counts per million below 20."""
LOG_BASES = (np.e, 2.0, 10.0)
LEAST_TELLING = 20
LARGEST_TELLING = 40
RECOVERABLE: tuple[UnitsId, ...] = ("log", "scaled_to_total", "tpm")


@dataclass(frozen=True)
class Units:
    """One kind of values.

    Parameters
    ----------
    id
        Word for files.
    title
        Words for people.
    note
        What follows for the user.
    """

    id: UnitsId
    title: str
    note: str = ""


NOT_COUNTS = (
    "They are normalised and logged like counts; steps that need raw counts are not offered. If they are expected"
    " counts (RSEM, kallisto, SoupX, CellBender), tick 'Round to whole counts' under 'Options' and import again."
)
UNITS = (
    Units("counts", "raw counts"),
    Units(
        "log",
        "log-normalised values",
        "They are used as they are; steps that need counts (doublets, count filters) are not offered. If they are small"
        " expected counts or RPKM instead, tick 'Round to whole counts' under 'Options', or import the counts.",
    ),
    Units("scaled_to_total", "values scaled to the same total in each cell, not logged", NOT_COUNTS),
    Units("tpm", "TPM or CPM (each cell adds up to a million)", NOT_COUNTS),
    Units("linear", "values that are not whole counts (RPKM, FPKM, expected counts or similar)", NOT_COUNTS),
    Units(
        "scaled",
        "scaled or batch-corrected values (some are negative)",
        "They can be looked at, embedded and clustered as they are. For filters, marker genes and everything else,"
        " import the raw counts (in R: the counts slot, not scale.data).",
    ),
)


@dataclass(frozen=True)
class Use:
    """A step, and the values that it can start from."""

    step: str
    units: tuple[UnitsId, ...]
    otherwise: str = ""


ANY: tuple[UnitsId, ...] = ("counts", "log", "scaled_to_total", "tpm", "linear", "scaled")
NOT_SCALED: tuple[UnitsId, ...] = ("counts", "log", "scaled_to_total", "tpm", "linear")
NOT_LOG: tuple[UnitsId, ...] = ("counts", "scaled_to_total", "tpm", "linear")
USES = (
    Use("Filter by genes per cell", NOT_SCALED, "every gene has a value in every cell"),
    Use("Filter by counts and mitochondrial share", NOT_LOG, "totals are gone once values are logged"),
    Use("Doublet scores (Scrublet)", ("counts",), "doublets are simulated by adding raw counts"),
    Use("Normalise and take the logarithm", NOT_LOG, "already done, or not possible any longer"),
    Use("Highly variable genes: seurat, cell_ranger", NOT_SCALED, "all genes have the same variance; all are used"),
    Use("Highly variable genes: seurat_v3", ("counts",), "its variance model is for raw counts"),
    Use("PCA, CLEAR, maps and clusters", ANY),
    Use("Marker genes", NOT_SCALED, "fold changes of scaled values mean nothing"),
)
"""Which steps can use which values; the Upload & QC page shows it."""


def units(id: str) -> Units:
    """Find units by their id."""
    return next(found for found in UNITS if found.id == id)


def units_of(seen: Survey) -> UnitsId:
    """Guess what a matrix holds that has any value."""
    if seen.least < 0:
        return "scaled"
    if seen.off <= WHOLE_TOLERANCE:
        return "counts"
    if seen.greatest < LARGEST_LOG:
        return "log"
    total = same_total(seen)
    if total is None:
        return "linear"
    return "tpm" if abs(total - 1e6) < 0.05e6 else "scaled_to_total"


def same_total(seen: Survey) -> float | None:
    """What every cell adds up to, where all add up to the same within 2%; None otherwise and for fewer than three
    cells.
    """
    totals = seen.totals[seen.totals > 0]
    if len(totals) < 3:
        return None
    middle = float(np.median(totals))
    return middle if np.ptp(totals) <= 0.02 * middle else None


def recover_counts(matrix: AnyMatrix, found: UnitsId = "log") -> BlockedMatrix | None:
    """Whole counts from normalised values, where they can be had.

    Normalising multiplies a cell's counts by one factor, so its values (with the logarithm undone) are whole
    multiples of its smallest, within rounding: values stored to three decimals are off by up to 0.05% each, so a
    multiple m may be off by 0.002 m and a little more for small ones. The smallest is a count of one only where a cell
    shows it: a cell with the counts 4 and 8 alone looks like one with 1 and 2. That all of n counts share a factor by
    chance has a probability of at most 2^-n. So every cell must have at least ``LEAST_TELLING`` values of at most
    ``LARGEST_TELLING`` times its smallest (of larger ones, rounding allows any); otherwise nothing is recovered.

    Parameters
    ----------
    matrix
        Normalised values, shape (n_cells, n_genes).
    found
        Its units: logs of base e, 2 and 10 are tried for ``log``.

    Returns
    -------
    Counts, or None when any cell's values are not whole multiples, or too few to tell.
    """
    values = blocked(matrix)
    for base in LOG_BASES if found == "log" else (None,):
        greatest = 0.0
        for largest in values.each_block(partial(_largest_if_whole, base)):
            if largest is None:
                break
            greatest = max(greatest, largest)
        else:
            if greatest >= 2:
                return Mapped(values, partial(_counts, base))
    return None


def _counts(base: float | None, block: sparse.csr_matrix) -> np.ndarray:
    return np.rint(_multiples(base, block))


def _multiples(base: float | None, block: sparse.csr_matrix) -> np.ndarray:
    """Values over the smallest of their cell, with the logarithm of a base undone."""
    values = block.data.astype(np.float64)
    linear = values if base is None else np.power(base, values) - 1
    lengths = np.diff(block.indptr)
    starts = block.indptr[:-1][lengths > 0]
    return linear / np.repeat(np.minimum.reduceat(linear, starts), lengths[lengths > 0]) if len(linear) else linear


def _largest_if_whole(base: float | None, _: int, block: sparse.csr_matrix) -> float | None:
    """The largest count of a block; None where its values prove none."""
    multiples = _multiples(base, block)
    whole = np.rint(multiples)
    if not (np.abs(multiples - whole) <= 0.02 + 0.002 * multiples).all():  # NaN included
        return None
    lengths = np.diff(block.indptr)
    rows = np.repeat(np.arange(block.shape[0]), lengths)
    n_telling = np.bincount(rows[whole <= LARGEST_TELLING], minlength=block.shape[0])
    return None if (n_telling[lengths > 0] < LEAST_TELLING).any() else float(whole.max(initial=0))
