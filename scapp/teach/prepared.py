"""What was computed once for the lessons and ships with them: runs, maps, circles, and the facts that texts quote.

``python -m benchmarks.lesson_runs`` makes all of it again. Places are kept as whole numbers, so that a replay takes
little room; nothing is unpickled.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from importlib.resources import as_file, files
from typing import Any, Literal

import numpy as np
import pandas as pd

from scapp.core.errors import DataError

Family = Literal["cells", "runs", "grid", "maps", "circles"]
PLACES = 32_767
"""The largest coordinate of what is kept as whole numbers."""
TEMPERATURES = (0.02, 0.5, 2.0)
DROPOUTS = (0.0, 0.5, 0.8, 0.99)
RATES = (1e-4, 1e-3, 1e-1)
"""Settings of the grid: temperature, share of genes set to zero, learning rate."""
AGAIN = "The files of the lessons are damaged or of another version: install scapp again."


@dataclass(frozen=True)
class PreparedRun:
    """A training that was kept.

    Parameters
    ----------
    loss
        By epoch, from the first.
    chance
        The loss of a network that guesses.
    epochs
        Epochs at which the cells' places were kept; 0 is before training.
    frames
        Two components of the embedding then, shape (n_frames, n_cells, 2), at most 1 in size.
    cells
        Which cells of the example they are.
    map
        UMAP of the embedding at the end, shape (n_cells, 2); empty where none was made.
    """

    loss: np.ndarray
    chance: float
    epochs: np.ndarray
    frames: np.ndarray
    cells: np.ndarray
    map: np.ndarray

    @property
    def curve(self) -> pd.DataFrame:
        """``epoch``, ``loss`` and ``chance``."""
        epochs = np.arange(1, len(self.loss) + 1)
        return pd.DataFrame({"epoch": epochs, "loss": self.loss, "chance": self.chance})


def as_places(points: np.ndarray) -> np.ndarray:
    """Points as whole numbers: the largest coordinate is 32,767."""
    reach = max(float(np.abs(points).max(initial=0)), 1e-12)
    return np.round(points / reach * PLACES).astype(np.int16)


def from_places(places: np.ndarray) -> np.ndarray:
    """Places as numbers from -1 to 1."""
    return places.astype(np.float32) / PLACES


@lru_cache(maxsize=8)
def arrays(family: Family) -> dict[str, np.ndarray]:
    """All arrays of a family. Treat them as read-only.

    Raises
    ------
    DataError
        They are not there.
    """
    place = files("scapp.teach") / "prepared" / f"{family}.npz"
    try:
        with as_file(place) as path, np.load(path, allow_pickle=False) as content:
            return {name: content[name] for name in content.files}
    except (OSError, ValueError) as error:
        raise DataError(f"What was prepared for the lessons ('{family}') cannot be read.", hint=AGAIN) from error


def _array(family: Family, name: str, what: str) -> np.ndarray:
    """One array of a family; ``what`` says what is missing where it is not there."""
    content = arrays(family)
    if name not in content:
        raise DataError(f"{what} was not prepared for the lessons.", hint=AGAIN)
    return content[name]


@lru_cache(maxsize=1)
def facts() -> dict[str, Any]:
    """Everything that was measured, by group and name."""
    text = (files("scapp.teach") / "prepared" / "facts.json").read_text(encoding="utf-8")
    return dict(json.loads(text))


def fact(path: str) -> Any:
    """One of the facts, such as ``runs.collapse.wrong.spread``.

    Raises
    ------
    DataError
        There is none of that name.
    """
    found: Any = facts()
    for part in path.split("."):
        if not isinstance(found, Mapping) or part not in found:
            raise DataError(f"Nothing called '{path}' was measured for the lessons.", hint=AGAIN)
        found = found[part]
    return found


def run(id: str) -> PreparedRun:
    """A run by its id, such as ``collapse.wrong``.

    Raises
    ------
    DataError
        There is none of that id.
    """
    loss, content = _array("runs", f"{id}/loss", f"A run '{id}'"), arrays("runs")
    return PreparedRun(
        loss=loss,
        chance=float(content[f"{id}/chance"]),
        epochs=content[f"{id}/epochs"],
        frames=from_places(content[f"{id}/frames"]),
        cells=content[f"{id}/cells"],
        map=from_places(content[f"{id}/map"]),
    )


def grid_run(temperature: int, dropout: int, rate: int) -> PreparedRun:
    """A run of the grid, by the positions of its settings in ``TEMPERATURES``, ``DROPOUTS`` and ``RATES``."""
    content = arrays("grid")
    place = (temperature, dropout, rate)
    return PreparedRun(
        loss=content["loss"][place],
        chance=float(content["chance"][place]),
        epochs=content["epochs"],
        frames=from_places(content["frames"][place]),
        cells=np.arange(content["frames"].shape[-2]),
        map=np.zeros((0, 2), dtype=np.float32),
    )


def labels(example: str, column: str) -> pd.Categorical:
    """A column of an example's cells.

    Raises
    ------
    DataError
        There is no such column.
    """
    codes = _array("cells", f"{example}/{column}", f"A column '{column}' of '{example}'")
    return pd.Categorical.from_codes(codes, arrays("cells")[f"{example}/{column}/names"])


MAP_TITLES = {
    "pca": "PCA, two components",
    "umap_pca": "UMAP of PCA",
    "umap_pca_again": "UMAP of PCA, another seed",
    "umap_clear": "UMAP of CLEAR",
    "umap_told": "UMAP of CLEAR, batches told",
    "umap_harmony": "UMAP of Harmony",
    "umap_noise": "UMAP of shuffled genes",
}
"""Name of a prepared map -> what people call it."""


def map_titles(example: str) -> dict[str, str]:
    """Name -> title of the maps of an example."""
    content = arrays("maps")
    return {name: title for name, title in MAP_TITLES.items() if f"{example}/{name}" in content}


def map_points(example: str, name: str) -> np.ndarray:
    """A map, shape (n_cells, 2), at most 1 in size.

    Raises
    ------
    DataError
        There is none of that name.
    """
    return from_places(_array("maps", f"{example}/{name}", f"A map '{name}' of '{example}'"))


def colours_of_map(example: str, name: str, colour: str) -> pd.Categorical:
    """What the cells of a map are coloured by: a column of the example, or ``clusters`` that were found for the map.

    Raises
    ------
    DataError
        There is no such map or column.
    """
    content = arrays("maps")
    map_points(example, name)
    if colour == "clusters" and f"{example}/{name}/clusters" in content:
        codes = content[f"{example}/{name}/clusters"]
        return pd.Categorical.from_codes(codes, [str(code) for code in range(int(codes.max()) + 1)])
    return labels(example, colour)[content[f"{example}/cells"]]


@dataclass(frozen=True)
class Profiles:
    """Some blood cells.

    Parameters
    ----------
    cells
        Their positions in the example.
    genes
        Names.
    values
        Log-normalised, float32, shape (n_cells, n_genes).
    mean
        Over all cells of the example, shape (n_genes,).
    """

    cells: np.ndarray
    genes: list[str]
    values: np.ndarray
    mean: np.ndarray


def profiles() -> Profiles:
    """The blood cells whose profiles are kept."""
    content = arrays("cells")
    return Profiles(
        content["profiles/cells"],
        content["profiles/genes"].tolist(),
        content["profiles/values"].astype(np.float32),
        content["profiles/mean"],
    )


def circle_types() -> list[str]:
    """Types that have a circle."""
    found: list[str] = arrays("circles")["types"].tolist()
    return found


def circle_course(type: str) -> tuple[list[int], np.ndarray, np.ndarray]:
    """A type's circle while the classifier is trained.

    Returns
    -------
    Steps; unit vectors, shape (n_steps, n_cells, 2); the type of each cell among those that have a circle, from 0,
    shape (n_cells,).
    """
    content = arrays("circles")
    angles = content["angles"][:, :, circle_types().index(type)].astype(np.float32) / PLACES * np.pi
    points = np.stack([np.cos(angles), np.sin(angles)], axis=-1)
    return content["steps"].tolist(), points, labels("pbmc", "cell_type").codes[content["cells"]]


def tested() -> tuple[np.ndarray, np.ndarray]:
    """What the classifier said of its test cells: the probability of the name given, and whether it was true."""
    content = arrays("circles")
    probabilities = content["probabilities"].astype(np.float64)
    return probabilities.max(axis=1), probabilities.argmax(axis=1) == content["codes"]
