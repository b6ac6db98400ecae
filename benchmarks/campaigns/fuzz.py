"""Malformed files, each read by the app's own import in a process of its own.

A trial holds when the file is refused with a sentence and a hint, or read as what it held before; or, where the format
carries no checksum, as something that is at least a sound dataset. A crash of the reading process, an error that no
reader foresaw and an empty hint break it.
"""

import bz2
import gzip
import io
import lzma
import os
import random
import tarfile
import tempfile
import warnings
import zipfile
from collections.abc import Callable
from pathlib import Path

import anndata as ad
import h5py
import numpy as np
import pandas as pd
import rdata
from scipy import io as scipy_io
from scipy import sparse

from benchmarks.campaigns.tally import Tally, must
from scapp.core import keys
from scapp.data.config import SimulationConfig
from scapp.data.simulated.simulate import simulate
from scapp.jobs.apart import carry_out_apart
from scapp.jobs.executor import carry_out_here
from scapp.steps.config import ImportRequest
from scapp.workspace.datasets.store import Workspace
from scapp.workspace.runs.run import RunStore

CHECKED = frozenset({"csv.gz", "zip", "tar.gz", "csv.bz2", "csv.xz", "h5ad.gz"})
"""Formats with a checksum over all of what they hold: a flipped bit in them is refused or changes nothing."""
CRASHED = "the program that read it crashed"
HUNG = "made no progress"
UNFORESEEN = "may be a fault in scapp"


def originals() -> dict[str, bytes]:
    """A sound file of each kind, by its ending."""
    adata = simulate(SimulationConfig(n_cells=60, n_genes=120, n_types=2, n_batches=1))
    counts = adata.layers.get("counts", adata.X)
    dense = pd.DataFrame(np.asarray(sparse.csr_matrix(counts).todense()).astype(int), adata.obs_names, adata.var_names)
    names = pd.DataFrame(index=dense.index), pd.DataFrame(index=dense.columns)
    plain = ad.AnnData(sparse.csr_matrix(dense.to_numpy(dtype=np.float32)), *names)
    made: dict[str, Callable[[Path], object]] = {
        "h5ad": plain.write_h5ad,
        "csv": dense.to_csv,
        "loom": lambda path: _write_loom(path, dense),
        "h5": lambda path: _write_tenx(path, dense),
        "rds": lambda path: rdata.write_rds(path, dense.T),
    }
    found = {}
    with tempfile.TemporaryDirectory() as folder, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for ending, write in made.items():
            path = Path(folder) / f"x.{ending}"
            write(path)
            found[ending] = path.read_bytes()
    table = found["csv"]
    members = _tenx_folder(dense)
    found |= {"csv.gz": gzip.compress(table), "csv.bz2": bz2.compress(table), "csv.xz": lzma.compress(table)}
    found |= {"zip": _zipped(members), "tar.gz": _tarred(members), "h5ad.gz": gzip.compress(found["h5ad"])}
    return found


def _write_loom(path: Path, dense: pd.DataFrame) -> None:
    with h5py.File(path, "w") as file:
        file["matrix"] = dense.to_numpy().T
        file["col_attrs/CellID"] = np.array(list(dense.index), dtype="S")
        file["row_attrs/Gene"] = np.array(list(dense.columns), dtype="S")


def _write_tenx(path: Path, dense: pd.DataFrame) -> None:
    matrix = sparse.csr_matrix(dense.to_numpy())
    with h5py.File(path, "w") as file:
        group = file.create_group("matrix")
        group["data"], group["indices"], group["indptr"] = matrix.data, matrix.indices, matrix.indptr
        group["shape"] = np.array(matrix.shape[::-1])
        group["barcodes"] = np.array(list(dense.index), dtype="S")
        names = np.array(list(dense.columns), dtype="S")
        for key in ("id", "name"):
            group[f"features/{key}"] = names
        group["features/feature_type"] = np.array(["Gene Expression"] * len(names), dtype="S")


def _tenx_folder(dense: pd.DataFrame) -> dict[str, bytes]:
    matrix = io.BytesIO()
    scipy_io.mmwrite(matrix, sparse.coo_matrix(dense.to_numpy().T))
    features = "".join(f"{name}\t{name}\tGene Expression\n" for name in dense.columns)
    return {
        "s/matrix.mtx": matrix.getvalue(),
        "s/barcodes.tsv": "".join(f"{name}\n" for name in dense.index).encode(),
        "s/features.tsv": features.encode(),
    }


def _zipped(members: dict[str, bytes]) -> bytes:
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, member in members.items():
            archive.writestr(name, member)
    return content.getvalue()


def _tarred(members: dict[str, bytes]) -> bytes:
    content = io.BytesIO()
    with tarfile.open(fileobj=content, mode="w:gz") as archive:
        for name, member in members.items():
            entry = tarfile.TarInfo(name)
            entry.size = len(member)
            archive.addfile(entry, io.BytesIO(member))
    return content.getvalue()


def damaged(content: bytes, generator: random.Random) -> tuple[str, bytes]:
    """A file with flipped bits, an end that is missing, a part that is repeated or zeros in the middle."""
    how = generator.choice(["flip", "flip", "flip", "cut", "repeat", "zeros", "words"])
    at = generator.randrange(len(content))
    if how == "flip":
        changed = bytearray(content)
        for _ in range(generator.choice([1, 1, 2, 8])):
            changed[generator.randrange(len(content))] ^= 1 << generator.randrange(8)
        return how, bytes(changed)
    if how == "cut":
        return how, content[:at]
    length = generator.randrange(1, 200)
    if how == "repeat":
        return how, content[:at] + content[max(at - length, 0) : at] * 2 + content[at:]
    middle = bytes(length) if how == "zeros" else b"-1 nan 1e400 \xff\xfe,,\n\t"[: length + 1]
    return how, content[:at] + middle + content[at + len(middle) :]


def campaign(n: int, seed: int) -> Tally:
    tally, generator = Tally("fuzz"), random.Random(seed)
    os.environ["SCAPP_IMPORT_MINUTES"] = "0.25"  # sound files of this size take a tenth of a second
    sound = originals()
    with tempfile.TemporaryDirectory() as name:
        root = Path(name)
        workspace, store = Workspace(root), RunStore(root)
        expected = {kind: _read(root, workspace, store, kind, content)[1] for kind, content in sound.items()}
        for kind, values in expected.items():
            must(values is not None, f"the sound .{kind} was refused")
        for number in range(n):
            kind = generator.choice(sorted(sound))
            how, content = damaged(sound[kind], generator)
            with tally.trial(kind, f"trial {number} ({how})"):
                tally.seen[_judged(kind, _read(root, workspace, store, kind, content), expected[kind])] += 1
    return tally


def _read(
    root: Path, workspace: Workspace, store: RunStore, kind: str, content: bytes
) -> tuple[dict[str, str], np.ndarray | None]:
    """What an import says of a file, and the counts that it took from it."""
    path = root / f"x.{kind}"
    path.write_bytes(content)
    config = ImportRequest(path=str(path), name="x").model_dump(mode="json")
    run = store.create("import", dataset=None, config=config, title="Import", lane="none")
    outcome = carry_out_apart(carry_out_here, run, root)
    if outcome["state"] != "done":
        store_failed = run.status.model_copy(update={"state": "failed"})
        run.set_status(store_failed)
        store.discard(run.id)
        return outcome["error"], None
    dataset = workspace.open(outcome["result"]["dataset"])
    slot = next(slot for slot in (keys.COUNTS, keys.EXPRESSION, keys.X) if slot in dataset)
    values = np.asarray(dataset.read(slot).todense())
    must(values.shape == (dataset.n_cells, dataset.n_genes), "shape and names differ")
    workspace.delete(dataset.id)
    return {}, values


def _judged(kind: str, found: tuple[dict[str, str], np.ndarray | None], expected: np.ndarray | None) -> str:
    error, values = found
    if values is None:
        must(CRASHED not in error["message"], "the reading process crashed")
        must(UNFORESEEN not in error["hint"], f"unforeseen: {error['message']}")
        must(bool(error["message"] and error["hint"]), "refused without a sentence or a hint")
        return "ended, because it was read without end" if HUNG in error["message"] else "refused"
    must(bool(np.isfinite(values).all()), "values that are no numbers were read")
    if expected is not None and np.array_equal(values, expected):
        return "read as before"
    must(kind not in CHECKED, "other counts were read from a format that carries a checksum")
    return "read with other counts (no checksum in the format)"
