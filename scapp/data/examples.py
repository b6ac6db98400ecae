"""Example datasets that need no network. A new one is a function and a record."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from scapp.core.errors import DataError

if TYPE_CHECKING:
    import anndata as ad


@dataclass(frozen=True)
class Example:
    """One example dataset."""

    id: str
    title: str
    description: str
    load: "Callable[[], ad.AnnData]"


def load_pbmc() -> "ad.AnnData":
    """700 blood cells, 765 genes, bundled with scanpy, with labels (Zheng et al. 2017).

    The bundled file holds log-normalised values rounded to three decimals; the whole counts behind
    them are recovered (see ``recover_counts``) and put into ``layers["counts"]``.
    """
    import anndata as ad
    import scanpy as sc

    from scapp.data.units import recover_counts

    bundled = sc.datasets.pbmc68k_reduced()
    counts = recover_counts(bundled.raw.X.tocsr())
    if counts is None:
        raise DataError(
            "The blood-cell example bundled with the installed scanpy no longer holds recoverable counts.",
            hint="Pick the simulated study instead, and report this with your scanpy version.",
        )
    keep = [column for column in ("bulk_labels", "phase") if column in bundled.obs]
    adata = ad.AnnData(obs=bundled.obs[keep].rename(columns={"bulk_labels": "cell_type"}), var=bundled.raw.var[[]])
    adata.layers["counts"] = counts.to_csr()
    return adata


def load_simulated() -> "ad.AnnData":
    """The default simulated study."""
    from scapp.data.simulated.simulate import simulate

    return simulate()


def load_lineage() -> "ad.AnnData":
    """The default simulated differentiation."""
    from scapp.data.simulated.lineage import simulate_lineage

    return simulate_lineage()


def load_blood() -> "ad.AnnData":
    """The default simulated study of blood in disease."""
    from scapp.data.simulated.blood import simulate_blood

    return simulate_blood()


EXAMPLES = (
    Example(
        "pbmc",
        "Blood cells (700 cells, real)",
        "Peripheral blood cells sorted into 10 types (Zheng et al. 2017), 765 variable genes. Trains in seconds.",
        load_pbmc,
    ),
    Example(
        "simulated",
        "Simulated study (2,000 cells)",
        "Six cell types of unequal size, two batches, dying cells and doublets; the truth is in the annotations.",
        load_simulated,
    ),
    Example(
        "lineage",
        "Simulated lineage (1,500 cells)",
        "Progenitors that branch into two fates, in five ordered stages; each cell's true time is in the annotations.",
        load_lineage,
    ),
    Example(
        "blood",
        "Simulated blood study (6,000 cells)",
        "Healthy, moderate and severe: 18 donors, ten blood types, real gene names, and known changes in shares and in"
        " CD14 monocytes.",
        load_blood,
    ),
)


def example(id: str) -> Example:
    """Find an example by its id."""
    for candidate in EXAMPLES:
        if candidate.id == id:
            return candidate
    raise DataError(f"There is no example '{id}'.", hint="Pick one of: " + ", ".join(e.id for e in EXAMPLES) + ".")
