"""Training, validation and test cells. Labels and groups decide, never expression."""

from dataclasses import dataclass

import numpy as np

from scapp.core.errors import DataError


@dataclass(frozen=True)
class Split:
    """Cell numbers of each part, ascending; cells without a label are in none."""

    train: np.ndarray
    valid: np.ndarray
    test: np.ndarray


def stratified_split(codes: np.ndarray, *, valid_share: float, test_share: float, seed: int) -> Split:
    """Share out the cells of each type.

    Parameters
    ----------
    codes
        Type of each cell from 0, negative where there is none, shape (n_cells,).
    valid_share, test_share
        Of the cells of each type, rounded; every type keeps a cell to train on, so that a type of one cell has no
        other.
    seed
        Of the shuffle.

    Raises
    ------
    DataError
        No cell has a label.
    """
    if not (codes >= 0).any():
        raise DataError("No cell has a label.", hint="Choose a column that names cell types.")
    rng = np.random.default_rng(seed)
    parts: tuple[list[np.ndarray], ...] = ([], [], [])
    for code in np.unique(codes[codes >= 0]):
        members = rng.permutation(np.flatnonzero(codes == code))
        n_test = min(round(test_share * len(members)), len(members) - 1)
        n_valid = min(round(valid_share * len(members)), len(members) - 1 - n_test)
        for part, chosen in zip(
            parts, np.split(members, [len(members) - n_test - n_valid, len(members) - n_test]), strict=True
        ):
            part.append(chosen)
    train, valid, test = (np.sort(np.concatenate(part)) for part in parts)
    return Split(train, valid, test)


def group_split(codes: np.ndarray, groups: np.ndarray, *, valid_share: float, test_share: float, seed: int) -> Split:
    """Keep whole groups (donors, batches) for the test; the others are shared out by type.

    As many groups are held out as come closest to ``test_share`` of the labelled cells, one at least.

    Raises
    ------
    DataError
        Fewer than two groups hold labelled cells.
    """
    labelled = codes >= 0
    names = np.unique(groups[labelled])
    if len(names) < 2:
        raise DataError(
            f"Only one group holds labelled cells ({', '.join(map(str, names))}).",
            hint="Choose a column with two donors or batches, or hold out none.",
        )
    order = np.random.default_rng(seed).permutation(names)
    sizes = np.array([(labelled & (groups == name)).sum() for name in order])
    reached = np.cumsum(sizes[:-1]) / sizes.sum()
    held = order[: int(np.argmin(np.abs(reached - test_share))) + 1]
    outside = np.isin(groups, held)
    rest = stratified_split(np.where(outside, -1, codes), valid_share=valid_share, test_share=0.0, seed=seed)
    return Split(rest.train, rest.valid, np.flatnonzero(labelled & outside))
