import os
import time

from scapp.core import keys
from scapp.workspace.datasets.staging import new_provenance
from scapp.workspace.housekeeping import LEFTOVER_SECONDS, tidy
from tests.workspace.datasets.test_store import VALUES


def test_old_leftovers_go_and_everything_else_stays(workspace):
    dataset = workspace.create("first", VALUES, provenance=new_provenance("import"))
    for name in ("datasets/.new-a", "uploads/upload-a", "trash/a", "uploads/upload-b"):
        (workspace.root / name).mkdir(parents=True)
    old = time.time() - LEFTOVER_SECONDS - 1
    for name in ("datasets/.new-a", "uploads/upload-a", "trash/a"):
        os.utime(workspace.root / name, (old, old))
    (dataset.folder / "elements" / "0123456789abcdef").mkdir()
    assert tidy(workspace.root) == 4
    assert (workspace.root / "uploads" / "upload-b").exists()
    assert workspace.open(dataset.id).read(keys.COUNTS).shape == (3, 4)
