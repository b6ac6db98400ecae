"""How long the way from a file to a named map takes, and how much memory, by number of cells.

    python -m benchmarks.scale FILE --cells 20000 100000

Makes its data by streaming: each cell is a mixture of two real profiles of FILE (an .h5ad with raw counts), drawn with
a seed. Then the app's own steps are carried out, and the same by scanpy in the same process. A step's peak is the
largest resident memory of the process while it worked.
"""

import argparse
import json
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import anndata as ad
import h5py
import numpy as np
from anndata.io import write_elem
from scipy import sparse

BLOCK = 8192
KEPT, ADDED = 0.9, 0.35
"""Shares of the counts of a cell's first and second profile."""
PREPARATION = {"min_genes": 100, "min_cells": 3, "n_top_genes": 2000}


def mixtures(file: Path, n_cells: int, n_genes: int, out: Path, seed: int = 0) -> None:
    """Write an .h5ad of mixed profiles, block by block."""
    adata = ad.read_h5ad(file)
    counts = sparse.csr_matrix(adata.layers.get("counts", adata.X)).astype(np.int32)
    chosen = np.sort(np.argsort(-np.asarray(counts.sum(axis=0)).ravel(), kind="stable")[:n_genes])
    counts = sparse.csr_matrix(counts[:, chosen])
    generator = np.random.default_rng(seed)
    with h5py.File(out, "w") as target:
        target.attrs.update({"encoding-type": "anndata", "encoding-version": "0.1.0"})
        write_elem(target, "obs", ad.AnnData(obs={"cell": np.arange(n_cells).astype(str)}).obs[[]])
        write_elem(target, "var", adata.var.iloc[chosen][[]])
        group = target.create_group("X")
        shape = (n_cells, len(chosen))
        group.attrs.update({"encoding-type": "csr_matrix", "encoding-version": "0.1.0", "shape": shape})
        growing = {"shape": (0,), "maxshape": (None,), "chunks": (1 << 18,)}
        data = group.create_dataset("data", dtype="float32", **growing)
        indices = group.create_dataset("indices", dtype="int32", **growing)
        indptr = [np.zeros(1, dtype=np.int64)]
        for start in range(0, n_cells, BLOCK):
            size = min(BLOCK, n_cells - start)
            first, second = generator.integers(0, counts.shape[0], (2, size))
            block = _thinned(counts[first], KEPT, generator) + _thinned(counts[second], ADDED, generator)
            block.eliminate_zeros()
            block.sort_indices()
            written, more = len(data), block.nnz
            for stored, values in ((data, block.data), (indices, block.indices)):
                stored.resize((written + more,))
                stored[written:] = values
            indptr.append(block.indptr[1:].astype(np.int64) + indptr[-1][-1])
        bounds = np.concatenate(indptr)
        # scanpy wants one type for both
        group.create_dataset("indptr", data=bounds.astype(np.int32) if bounds[-1] < 2**31 else bounds)


def _thinned(counts: sparse.csr_matrix, share: float, generator: np.random.Generator) -> sparse.csr_matrix:
    return sparse.csr_matrix((generator.binomial(counts.data, share), counts.indices, counts.indptr), counts.shape)


@contextmanager
def measured(name: str, into: list[dict[str, float | str]]) -> Iterator[None]:
    """Add seconds and peak memory of what is done inside; Linux keeps the peak, and forgets it when told."""
    Path("/proc/self/clear_refs").write_text("5")
    started = time.perf_counter()
    yield
    seconds = time.perf_counter() - started
    status = Path("/proc/self/status").read_text().splitlines()
    peak = next(int(line.split()[1]) for line in status if line.startswith("VmHWM")) / 1e6
    into.append({"step": name, "seconds": round(seconds, 2), "peak_gb": round(peak, 2)})
    print(f"  {name}: {seconds:.1f} s, {peak:.2f} GB", flush=True)


def scapp(file: Path, workspace: Path, upto: str) -> list[dict[str, float | str]]:
    """The app's own steps."""
    from scapp.jobs.session import Session

    found: list[dict[str, float | str]] = []
    session = Session(workspace)
    with measured("import", found):
        data = session.run("import", path=str(file))
    with measured("quality to PCA", found):
        data = session.run("prepare", data, **PREPARATION)
    if upto == "pca":
        return found
    with measured("neighbours and UMAP", found):
        data = session.run("map", data, representation="pca")
    with measured("clusters", found):
        data = session.run("cluster", data, representation="pca")
    with measured("markers", found):
        session.run("markers", data, groupby="leiden")
    return found


def scanpy(file: Path, workspace: Path, upto: str) -> list[dict[str, float | str]]:
    """The same by hand, all in memory."""
    import scanpy as sc

    found: list[dict[str, float | str]] = []
    with measured("import", found):
        adata = sc.read_h5ad(file)
    with measured("quality to PCA", found):
        sc.pp.calculate_qc_metrics(adata, percent_top=None, log1p=False, inplace=True)
        sc.pp.filter_cells(adata, min_genes=PREPARATION["min_genes"])
        sc.pp.filter_genes(adata, min_cells=PREPARATION["min_cells"])
        adata.layers["counts"] = adata.X.copy()
        sc.pp.normalize_total(adata, target_sum=1e4)
        sc.pp.log1p(adata)
        sc.pp.highly_variable_genes(adata, n_top_genes=PREPARATION["n_top_genes"])
        sc.pp.pca(adata, n_comps=50)
    if upto == "pca":
        return found
    with measured("neighbours and UMAP", found):
        sc.pp.neighbors(adata)
        sc.tl.umap(adata)
    with measured("clusters", found):
        sc.tl.leiden(adata, flavor="igraph", n_iterations=2)
    with measured("markers", found):
        sc.tl.rank_genes_groups(adata, "leiden", method="wilcoxon")
    return found


WAYS: dict[str, Callable[[Path, Path, str], list[dict[str, float | str]]]] = {"scapp": scapp, "scanpy": scanpy}


def disk_use(folder: Path) -> float:
    """MB of the files below a folder; one that has several names counts once."""
    seen = {(status.st_dev, status.st_ino): status.st_size for path in folder.rglob("*") for status in [path.stat()]}
    return sum(seen.values()) / 1e6


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("file", type=Path, help="an .h5ad with raw counts, whose profiles are mixed")
    parser.add_argument("--cells", type=int, nargs="+", default=[20_000, 100_000])
    parser.add_argument("--genes", type=int, default=20_000, help="how many of the genes, those with most counts")
    parser.add_argument("--upto", choices=("pca", "markers"), default="markers", help="where to stop")
    parser.add_argument("--ways", nargs="+", choices=list(WAYS), default=list(WAYS))
    parser.add_argument("--folder", type=Path, default=Path("scale_data"), help="for the data that are made, and kept")
    parser.add_argument("--one", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.one:
        workspace = arguments.folder / "workspace"
        shutil.rmtree(workspace, ignore_errors=True)
        found = WAYS[arguments.one](arguments.file, workspace, arguments.upto)
        print(json.dumps({"way": arguments.one, "steps": found, "disk_mb": round(disk_use(workspace))}))
        return
    arguments.folder.mkdir(parents=True, exist_ok=True)
    for n_cells in arguments.cells:
        made = arguments.folder / f"{arguments.file.stem}_{n_cells}.h5ad"
        if not made.exists():
            mixtures(arguments.file, n_cells, arguments.genes, made)
        with h5py.File(made) as file:
            shape, n_entries = tuple(file["X"].attrs["shape"]), len(file["X/data"])
        print(f"{shape[0]:,} cells x {shape[1]:,} genes, {n_entries / 1e6:.0f} million entries", flush=True)
        for way in arguments.ways:
            print(f" {way}", flush=True)
            command = [sys.executable, "-m", "benchmarks.scale", str(made), "--one", way, "--upto", arguments.upto]
            result = subprocess.run([*command, "--folder", str(arguments.folder)], capture_output=True, text=True)
            if result.returncode:
                raise SystemExit(result.stderr[-2000:])
            print(f"  {result.stdout.strip().splitlines()[-1]}", flush=True)


if __name__ == "__main__":
    main()
