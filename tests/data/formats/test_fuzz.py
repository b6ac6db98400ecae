"""Damaged files give a DataError or a right result, never another exception and never a hang."""

import gzip
import os
import tarfile
import traceback

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from scapp.core.errors import DataError, ScappError
from scapp.data.formats.reader import read
from tests.data.formats.test_archives import write_loom
from tests.data.formats.test_reader import CELLS, COUNTS, GENES, adata, frame, write_10x

HDF5_KINDS = ("h5ad", "loom", "h5")
KINDS = ("h5ad", "csv", "tsv.gz", "loom", "h5", "tar.gz", "mtx", "barcodes", "features")


class Quiet(dict):
    """Not printed by hypothesis."""

    def __repr__(self):
        return "originals"


@pytest.fixture(scope="module")
def originals(tmp_path_factory):
    """A sound file of each kind, as bytes; for 10x folders, one of the three files is to be damaged."""
    folder = tmp_path_factory.mktemp("originals")
    adata().write_h5ad(folder / "x.h5ad")
    frame().to_csv(folder / "x.csv")
    (folder / "x.tsv.gz").write_bytes(gzip.compress(frame().to_csv(sep="\t").encode()))
    write_loom(
        folder / "x.loom", col_attrs__CellID=np.array(CELLS, dtype="S"), row_attrs__Gene=np.array(GENES, dtype="S")
    )
    adata().write_h5ad(folder / "x.h5")
    write_10x(folder / "tenx", legacy=False, compressed=False)
    with tarfile.open(folder / "x.tar.gz", "w:gz") as archive:
        archive.add(folder / "tenx", arcname="tenx")
    found = {kind: (folder / f"x.{kind}").read_bytes() for kind in KINDS[:6]}
    return Quiet(found | {"tenx": {path.name: path.read_bytes() for path in (folder / "tenx").iterdir()}})


def damage(content, how, places):
    content = bytearray(content)
    if how == "cut":
        return bytes(content[: places[0] % len(content)])
    if how == "swap header":
        head, _, rest = bytes(content).partition(b"\n")
        return rest[:200] + b"\n" + head + b"\n" + rest[200:]
    for place in places:
        content[place % len(content)] ^= 1 + place % 255
    return bytes(content)


@settings(max_examples=150, deadline=10_000, suppress_health_check=list(HealthCheck), derandomize=True)
@given(
    kind=st.sampled_from(KINDS),
    how=st.sampled_from(["flip", "cut", "swap header"]),
    places=st.lists(st.integers(0, 10**6), min_size=1, max_size=8),
)
@pytest.mark.filterwarnings("ignore")
def test_damaged_files(originals, tmp_path_factory, kind, how, places):
    folder = tmp_path_factory.mktemp("damaged")
    if kind in originals:
        path = folder / f"x.{kind}"
        path.write_bytes(damage(originals[kind], how, places))
    else:
        path = folder
        name = {"mtx": "matrix.mtx", "barcodes": "barcodes.tsv", "features": "features.tsv"}[kind]
        for member, content in originals["tenx"].items():
            (folder / member).write_bytes(damage(content, how, places) if member == name else content)
    if kind not in HDF5_KINDS:
        check_outcome(path)
        return
    # HDF5's library itself ends the process on some damaged files, for which the app reads files in a process apart
    child = os.fork()
    if not child:
        failed = 1
        try:
            check_outcome(path)
            failed = 0
        finally:
            if failed:
                traceback.print_exc()
            os._exit(failed)
    status = os.waitpid(child, 0)[1]
    assert status == 0 or os.WIFSIGNALED(status)


def check_outcome(path):
    """A sound result, or an error that says what to do."""
    imported = None
    try:
        imported = read(path)
    except ScappError as raised:
        error = raised
    if imported is None:
        assert isinstance(error, DataError) or "memory" in error.message
        assert error.hint
    else:
        values = imported.matrix.to_csr()
        assert values.shape == imported.adata.shape
        assert np.isfinite(values.data).all()
        assert (values.data >= 0).all()
        assert imported.adata.obs_names.is_unique


def test_an_undamaged_file_is_read(originals, tmp_path):
    (tmp_path / "x.loom").write_bytes(originals["loom"])
    np.testing.assert_array_equal(read(tmp_path / "x.loom").in_memory().layers["counts"].toarray(), COUNTS)
