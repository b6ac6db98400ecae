"""Which cells a comparison's title stands for."""

import numpy as np

from scapp.analysis.study import ALL_CELLS, Study


def cells_of(study: Study, title: str) -> np.ndarray:
    """Cells of a type, of several joined by `` + ``, or all; bool, shape (n_cells,)."""
    if title == ALL_CELLS and title not in study.types:
        return study.known
    names = [title] if title in study.types else title.split(" + ")
    return study.known & np.isin(np.asarray(study.cell_type, dtype=object).astype(str), names)
