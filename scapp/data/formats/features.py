"""Which features of a matrix are genes, and which are antibodies or something else."""

import numpy as np
import pandas as pd

from scapp.core.errors import listed
from scapp.data.blocks.blocked_matrix import BlockedMatrix
from scapp.data.checks import Finding

EXPRESSION = ("gene expression", "gene", "mrna", "rna", "gex")
ANTIBODY = ("antibody capture", "antibody", "abseq", "protein", "adt", "hto", "multiplexing capture")


def about_proteins(proteins: pd.DataFrame) -> Finding:
    """What is said of antibody counts that stood among the genes."""
    return Finding(
        f"Antibody counts were kept apart from the genes ({proteins.shape[1]:,}: {listed(proteins.columns, 3)}).",
        "They are in obsm['protein_counts'].",
    )


def split_features(
    matrix: BlockedMatrix, var: pd.DataFrame, kinds: np.ndarray
) -> tuple[BlockedMatrix, pd.DataFrame, pd.DataFrame, list[Finding]]:
    """Tell genes from other features by the kinds that Cell Ranger, BD and others write.

    Returns
    -------
    Counts and annotations of the genes, antibody counts with their names, and what was said.
    """
    words = np.array([str(kind).strip().lower() for kind in kinds])
    expression, antibody = np.isin(words, EXPRESSION), np.isin(words, ANTIBODY)
    if not expression.any():
        return matrix, var, pd.DataFrame(), []
    said: list[Finding] = []
    proteins = pd.DataFrame()
    if antibody.any():
        counts = matrix.select(genes=np.flatnonzero(antibody)).to_csr().toarray()
        proteins = pd.DataFrame(counts, columns=var.index[antibody].astype(str))
        said.append(about_proteins(proteins))
    others = ~expression & ~antibody
    if others.any():
        kept = listed(pd.unique(kinds[others]), 3)
        said.append(Finding(f"{int(others.sum()):,} features that are no genes were left out ({kept})."))
    if expression.all():
        return matrix, var, proteins, said
    return matrix.select(genes=np.flatnonzero(expression)), var[expression], proteins, said
