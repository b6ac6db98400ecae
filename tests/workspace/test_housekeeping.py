import os
import time

from scapp.core import keys
from scapp.workspace.datasets.staging import new_provenance
from scapp.workspace.housekeeping import LEFTOVER_SECONDS, tidy
from scapp.workspace.runs.run import RunStore, Status
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


def test_what_killed_processes_leave_goes_and_what_is_waited_for_stays(workspace):
    dataset = workspace.create("first", VALUES, provenance=new_provenance("import"))
    store, root = RunStore(workspace.root), workspace.root
    waiting = store.create(
        "import", dataset=None, config={"upload_folder": str(root / "uploads" / "asked")}, title="", lane="light"
    )
    running = store.create("map", dataset=dataset.id, config={}, title="", lane="light")
    ended = store.create("map", dataset="0123456789abcdef", config={}, title="", lane="light")
    ended.set_status(Status(state="failed"))
    goes = [
        *("uploads/left", "runs/.gone-x", "steps/map-x", "locks/0123456789abcdef.lock"),
        *(f"runs/{ended.id}/.checkpoint-x", f"runs/{ended.id}/temporary", f"runs/{ended.id}/result"),
    ]
    stays = ["uploads/asked", f"runs/{running.id}/.checkpoint-x", f"locks/{dataset.id}.lock", "locks/worker-light.lock"]
    old = time.time() - LEFTOVER_SECONDS - 1
    for name in [*goes, *stays]:
        (root / name).mkdir(parents=True, exist_ok=not name.endswith("x"))
        os.utime(root / name, (old, old))
    tidy(root)
    assert [name for name in goes if (root / name).exists()] == []
    assert [name for name in stays if not (root / name).exists()] == []
    assert waiting.observe().state == "queued"
