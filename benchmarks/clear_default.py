"""CLEAR's default beside PCA and Harmony, on the side that it was chosen on and on the side that had no part in it.

``python -m benchmarks.clear_default FOLDER --side choosing|reporting --seeds N``: FOLDER holds the labelled sets that
``SIDES`` names (those that are not there are left out). Each is prepared as the app does, with every cell kept and at
most 3,000 of them; prints means over sets as Markdown, and writes every row as CSV with ``-o``. The same split is meant
for every later choice about CLEAR and about classifiers.
"""

import argparse
import os
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Any

import anndata as ad
import numpy as np
import pandas as pd

from benchmarks.clear_ablation import prepared

SIDES: dict[str, dict[str, str | None]] = {
    "choosing": {
        "yan_human_embryo": None,
        "pollen_human_cells": None,
        "kolodziejczyk_mesc": "batch",
        "mca_mouse_gut_small": "batch",
        "cerebellum_reference": None,
        "tabula_muris_immune_1000": None,
        "worm_neuron_cao": None,
        "zheng_pbmc_facs": None,
        "haber_mouse_intestine": None,
        "kang_pbmc_ifnb": "batch",
        "kang_pbmc_ifnb_donors": "batch",
    },
    "reporting": {
        "biase_mouse_embryo": None,
        "cellbench_3cl_2protocols": "batch",
        "cellbench_3cl_3protocols": "batch",
        "cellbench_5cl_celseq2": "batch",
        "deng_mouse_embryo_subset": None,
        "ginhoux_dc_progenitors": None,
        "ipsc_cardiomyocyte_timecourse": None,
        "mouse_motor_cortex": None,
        "pancreas_3studies": "batch",
        "pbmc3k_seurat": None,
        "tms_mouse_liver_age": "plate",
    },
}
"""Set -> its batch column, where it has one."""
MOST_CELLS = 3_000
RESOLUTIONS = (0.1, 0.25, 0.5, 0.75, 1.0, 1.25, 1.5, 1.75, 2.0)
LABELLED, DRAWS = 5, 10
UNTOLD = ("PCA", "PCA, scaled", "CLEAR")
TOLD = ("Harmony", "Harmony, tuned", "CLEAR, batches told")
PEERS = {"scVI": "scvi", "CONCORD": "concord"}
"""With ``--peers``: told the batches, by their packages' defaults; scVI where there are counts."""
MEASURES = ("kmeans", "leiden_1", "leiden_best", "leiden_mean", "purity", "f1_5_labels", "silhouette")
WITH_BATCHES = ("ilisi", "batch_silhouette", "overall")


def load(file: Path, batch_key: str | None) -> tuple[Any, np.ndarray, np.ndarray | None]:
    """Values of the variable genes, codes of the types, and of the batches."""
    values, variable, labels, batches = load_all(file, batch_key)
    return values[:, variable], labels, batches


def load_all(file: Path, batch_key: str | None) -> tuple[Any, np.ndarray, np.ndarray, np.ndarray | None]:
    """Values of all genes, which are variable, codes of the types, and of the batches."""
    data, known = _kept(file, batch_key)
    labels = data["labels"][known].remove_unused_categories().codes.astype(int)
    batches = None if data["batches"] is None else pd.factorize(data["batches"][known])[0]
    return data["values"][known], np.asarray(data["genes"], dtype=bool), labels, batches


def _kept(file: Path, batch_key: str | None) -> tuple[dict[str, Any], np.ndarray]:
    label_key = "cell_type" if "cell_type" in ad.read_h5ad(file, backed="r").obs else "stage"
    data = prepared(file, label_key, batch_key)
    known = np.flatnonzero(data["labels"].codes >= 0)
    if len(known) > MOST_CELLS:
        known = np.sort(np.random.default_rng(0).choice(known, MOST_CELLS, replace=False))
    return data, known


def counts_of(file: Path) -> Any:
    """Whole counts of the variable genes and the cells that ``load`` gives, or None."""
    data, known = _kept(file, None)
    counts = data["counts"]
    if counts is None or (counts.data != np.round(counts.data)).any():
        return None
    return counts[known][:, data["genes"]]


def represent(way: str, values: Any, batches: np.ndarray | None, seed: int) -> np.ndarray:
    """A representation as the app makes it."""
    from scapp.clear.config import clear_config
    from scapp.clear.train import train_clear
    from scapp.core.step_context import QuietContext
    from scapp.data.config import PrepareConfig
    from scapp.data.qc.harmony import harmony
    from scapp.data.qc.principal_components import principal_components
    from scapp.metrics.tuned_harmony import tuned_harmony

    def pca(*, scaled: bool = False) -> np.ndarray:
        config = PrepareConfig(scale_for_pca=scaled, seed=seed)
        return principal_components(values, np.ones(values.shape[1], dtype=bool), config)

    makers: dict[str, Callable[[], np.ndarray]] = {
        "PCA": pca,
        "PCA, scaled": lambda: pca(scaled=True),
        "Harmony": lambda: harmony(pca(), np.asarray(batches), seed=seed),
        "Harmony, tuned": lambda: tuned_harmony(pca(), np.asarray(batches), seed=seed),
        "CLEAR": lambda: train_clear(values, clear_config(seed=seed), QuietContext()).embedding,
        "CLEAR, batches told": lambda: (
            train_clear(values, clear_config(seed=seed, batch_key="batch"), QuietContext(), batches=batches).embedding
        ),
    }
    return makers[way]()


def measures(representation: np.ndarray, labels: np.ndarray, batches: np.ndarray | None) -> dict[str, float]:
    """What is reported of a representation. ``overall`` is .6 x the mean of k-means, mean Leiden, purity and silhouette
    of types + .4 x iLISI.
    """
    from sklearn.metrics import silhouette_score

    from scapp.analysis.map.clusters import kmeans, leiden, neighbour_graph
    from scapp.metrics.agreement import adjusted_rand_index
    from scapp.metrics.mixing import asw_scores, ilisi, neighbours, own_group_share

    n_types = len(np.unique(labels))
    graph = neighbour_graph(representation, n_neighbors=15, seed=0)
    sweep = {r: adjusted_rand_index(labels, leiden(graph, resolution=r, seed=0).codes) for r in RESOLUTIONS}
    found = {
        "kmeans": adjusted_rand_index(labels, kmeans(representation, n_clusters=n_types, seed=0).codes),
        "leiden_1": sweep[1.0],
        "leiden_best": max(sweep.values()),
        "leiden_mean": float(np.mean(list(sweep.values()))),
        "purity": own_group_share(representation, labels, n_neighbours=30, most_cells=MOST_CELLS)[0],
        "f1_5_labels": _carried(representation, labels),
        "silhouette": (float(silhouette_score(representation, labels)) + 1) / 2,
    }
    if batches is not None:
        positions, distances = neighbours(representation)
        found["ilisi"] = ilisi(positions, distances, batches)
        found["batch_silhouette"] = asw_scores(representation, labels, batches)["1-bASW"]
        of_types = [found[name] for name in ("kmeans", "leiden_mean", "purity", "silhouette")]
        found["overall"] = 0.6 * float(np.mean(of_types)) + 0.4 * found["ilisi"]
    return found


def _carried(representation: np.ndarray, labels: np.ndarray) -> float:
    """Macro F1 of five labelled cells a type (half of a smaller one) carried to the others by neighbours."""
    from sklearn.metrics import f1_score
    from sklearn.neighbors import KNeighborsClassifier

    scores = []
    for draw in range(DRAWS):
        generator = np.random.default_rng(draw)
        members = [np.flatnonzero(labels == code) for code in np.unique(labels)]
        known = np.concatenate(
            [generator.choice(own, min(LABELLED, max(len(own) // 2, 1)), replace=False) for own in members]
        )
        rest = np.setdiff1d(np.arange(len(labels)), known)
        classifier = KNeighborsClassifier(LABELLED, weights="distance").fit(representation[known], labels[known])
        scores.append(f1_score(labels[rest], classifier.predict(representation[rest]), average="macro"))
    return float(np.mean(scores))


def measured(file: Path, batch_key: str | None, way: str, seed: int) -> dict[str, Any]:
    """One representation of one set."""
    import threadpoolctl
    import torch

    torch.set_num_threads(1)  # one process a core, and equal results
    threadpoolctl.threadpool_limits(1)
    values, labels, batches = load(file, batch_key)
    found = _peer(way, file, values, batches, seed) if way in PEERS else represent(way, values, batches, seed)
    row = {"set": file.stem, "way": way, "seed": seed}
    return row if found is None else {**row, **measures(found, labels, batches)}


def _peer(way: str, file: Path, values: Any, batches: np.ndarray | None, seed: int) -> np.ndarray | None:
    from scapp.clear.config import clear_config
    from scapp.core.step_context import QuietContext
    from scapp.data.config import PrepareConfig
    from scapp.steps.evaluate.methods_compared import MAKERS, Making, Material

    counts = None
    if way == "scVI":
        counts = counts_of(file)
        if counts is None:
            return None
    genes = np.ones(values.shape[1], dtype=bool)
    material = Material(values, counts, genes, batches, PrepareConfig())
    return MAKERS[PEERS[way]](Making(material, clear_config(), seed, "cpu", QuietContext()))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--side", choices=list(SIDES), default="reporting")
    parser.add_argument("--seeds", type=int, default=3, help="of CLEAR; the others are run once")
    parser.add_argument("--peers", action="store_true", help="scVI and CONCORD too (extra scapp[peers])")
    parser.add_argument("-o", "--output", type=Path)
    given = parser.parse_args()
    told_ways = (*TOLD, *PEERS) if given.peers else TOLD
    sets = {given.folder / f"{name}.h5ad": key for name, key in SIDES[given.side].items()}
    jobs = [
        (file, key, way, seed)
        for file, key in sets.items()
        if file.exists()
        for way in (*UNTOLD, *(told_ways if key is not None else ()))
        for seed in range(given.seeds if way.startswith("CLEAR") else 1)
    ]
    with ProcessPoolExecutor(os.cpu_count()) as pool:
        table = pd.DataFrame(pool.map(measured, *zip(*jobs, strict=True)))
    if given.output is not None:
        table.to_csv(given.output, index=False)
    means = table.groupby(["set", "way"])[[*MEASURES, *WITH_BATCHES]].mean()
    _print(f"{table['set'].nunique()} sets, batches untold", means, UNTOLD, MEASURES)
    told = means.loc[[name for name in table["set"].unique() if SIDES[given.side][name] is not None]]
    n_told = told.index.get_level_values(0).nunique()
    _print(f"{n_told} sets with batches", told, (*UNTOLD, *told_ways), (*MEASURES, *WITH_BATCHES))


def _print(title: str, means: pd.DataFrame, ways: tuple[str, ...], shown: tuple[str, ...]) -> None:
    print(f"\n**{title}**\n\n| | " + " | ".join(shown) + " |\n| --- |" + " --- |" * len(shown))
    by_way = means.groupby("way")[list(shown)].mean()
    for way in ways:
        print(f"| {way} | " + " | ".join(f"{value:.3f}" for value in by_way.loc[way]) + " |")


if __name__ == "__main__":
    main()
