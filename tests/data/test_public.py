"""Downloads, against a server on this machine."""

import http.server
import threading

import pytest

from scapp.core.errors import DataError
from scapp.core.step_context import StepStopped
from scapp.data import public
from scapp.data.public import PUBLIC, PublicSet, download, public_set
from scapp.steps.upload import import_dataset
from tests.conftest import run_step
from tests.data.formats.test_reader import frame


@pytest.fixture
def server(tmp_path):
    """Address of a server for a folder, and the paths that it was asked for."""
    folder = tmp_path / "served"
    folder.mkdir()
    asked = []

    class Handler(http.server.SimpleHTTPRequestHandler):
        def __init__(self, *arguments):
            super().__init__(*arguments, directory=str(folder))

        def log_message(self, *arguments):
            asked.append(self.path)

    running = http.server.ThreadingHTTPServer(("localhost", 0), Handler)
    threading.Thread(target=running.serve_forever, daemon=True).start()
    yield f"http://localhost:{running.server_port}", folder, asked
    running.shutdown()
    running.server_close()


def test_a_file_is_downloaded_once_with_progress(server, tmp_path):
    address, folder, asked = server
    (folder / "x.csv").write_text("a" * 100_000)
    seen = []
    for _ in range(2):
        path = download(f"{address}/x.csv", tmp_path / "kept", lambda done, total: seen.append((done, total)))
        assert path.read_text() == "a" * 100_000
    assert asked == ["/x.csv"]
    assert seen[-1][0] == 100_000
    assert len(seen) > 5


def test_no_server_and_no_file_are_said_so(server, tmp_path):
    address, _, _ = server
    with pytest.raises(DataError, match=r"refused 'missing.csv' .*404"):
        download(f"{address}/missing.csv", tmp_path, lambda done, total: None)
    with pytest.raises(DataError, match="no connection") as caught:
        download("http://localhost:9/x.csv", tmp_path, lambda done, total: None)
    assert "upload it" in caught.value.hint


def test_a_stopped_download_keeps_nothing(server, tmp_path):
    address, folder, _ = server
    (folder / "x.csv").write_text("a" * 100_000)

    def stop(done, total):
        raise StepStopped

    with pytest.raises(StepStopped):
        download(f"{address}/x.csv", tmp_path / "kept", stop)
    assert list((tmp_path / "kept").iterdir()) == []


def test_a_public_set_becomes_a_dataset_with_its_labels(server, tmp_path, workspace, monkeypatch):
    address, folder, _ = server
    table = frame()
    table.to_csv(folder / "counts.csv")
    (folder / "labels.csv").write_text("cell,kind\n" + "".join(f"{cell},k\n" for cell in table.index))
    record = PublicSet("toy", "Toy", "", "", "", f"{address}/counts.csv", f"{address}/labels.csv", 1)
    monkeypatch.setattr(public, "PUBLIC", (record,))
    result = run_step(workspace, "import", {"public": "toy"}, None, tmp_path / "run")
    dataset = workspace.open(result["dataset"])
    assert (dataset.n_cells, dataset.name) == (4, "Toy")
    assert dataset.columns()[0] == "kind"
    assert callable(import_dataset)


def test_records_say_how_where_nothing_can_be_downloaded():
    assert all(record.url.startswith("https://") or record.how for record in PUBLIC)
    assert all(record.page.startswith("https://") for record in PUBLIC)
    with pytest.raises(DataError, match="cannot be downloaded as it is published"):
        public_set("wilk")
    with pytest.raises(DataError, match="no public set"):
        public_set("nothing")
