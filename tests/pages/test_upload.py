"""The import form: several samples, tables and their orientation, genomes, public sets."""

import h5py
import numpy as np
import pytest

from scapp.data.locations import readable_places
from scapp.data.public import PUBLIC
from tests.data.formats.test_archives import zipped
from tests.data.formats.test_reader import frame, write_10x
from tests.pages.conftest import button, runs, texts


@pytest.fixture
def form(app, tmp_path, monkeypatch):
    """The page with a folder open for import by path; the field is filled by the returned function."""
    monkeypatch.setenv("SCAPP_DATA_DIRS", str(tmp_path))
    at = app("upload")

    def choose(path):
        at.run()  # what has been made meanwhile is listed
        at.selectbox(key="path").set_value(str(path))
        at.run()
        assert not at.exception
        return at

    return choose


def import_by_path(at):
    next(b for b in at.button if b.key == "path.go").click()
    at.run()


def test_what_may_be_imported_by_path_is_listed_and_nothing_else(tmp_path):
    allowed, outside = tmp_path / "allowed", tmp_path / "outside"
    for name in (
        "allowed/study/a.h5ad",
        "allowed/b.csv.gz",
        "allowed/notes.pdf",
        "allowed/.hidden/c.h5ad",
        "outside/d.h5ad",
    ):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    (allowed / "linked.h5ad").symlink_to(outside / "d.h5ad")
    (allowed / "circle").symlink_to(allowed)
    found = [str(path.relative_to(allowed)) for path in readable_places([allowed], (".h5ad", ".gz"))]
    assert found == ["b.csv.gz", "circle", "study", "study/a.h5ad"]
    assert len(readable_places([allowed], (".h5ad", ".gz"), most=2)) == 2


def test_a_folder_of_folders_is_described_and_queued(form, workspace, tmp_path):
    for name in ("P1", "P2"):
        (tmp_path / "study").mkdir(exist_ok=True)
        write_10x(tmp_path / "study" / name, legacy=True, compressed=False)
    at = form(tmp_path / "study")
    assert "2 samples were found" in texts(at)
    import_by_path(at)
    (run,) = runs(workspace).list()
    samples = run.config.config["samples"]
    assert [(s["source"], s["annotations"]) for s in samples] == [("P1", {"sample": "P1"}), ("P2", {"sample": "P2"})]


def test_mistakes_in_an_uploaded_sheet_keep_the_import_back(form, workspace, tmp_path):
    for name in ("P1", "P2"):
        (tmp_path / "study").mkdir(exist_ok=True)
        write_10x(tmp_path / "study" / name, legacy=True, compressed=False)
    at = form(tmp_path / "study")
    assert "Download sample sheet (CSV)" in [b.label for b in at.get("download_button")]
    sheet = next(u for u in at.file_uploader if u.label.startswith("Sample sheet"))
    sheet.upload("sheet.csv", b"sample,donor\nP1,a\n")
    at.run()
    assert "no row for P2" in at.error[0].value
    assert next(b for b in at.button if b.key == "path.go").disabled
    assert runs(workspace).list() == []


def test_several_uploaded_files_become_samples(app, workspace, tmp_path):
    at = app("upload")
    content = frame().to_csv().encode()
    at.file_uploader[0].upload("a.csv", content).upload("b.csv", content)
    at.run()
    assert "2 samples were found" in texts(at)
    button(at, "Import").click()
    at.run()
    (run,) = runs(workspace).list()
    assert [s["annotations"]["sample"] for s in run.config.config["samples"]] == ["a", "b"]
    assert run.config.config["upload_folder"]


def test_a_damaged_archive_is_said_so_at_once(form, tmp_path):
    path = zipped(tmp_path / "x.zip", {"a.csv": "1"})
    path.write_bytes(path.read_bytes()[:20])
    at = form(path)
    assert "could not be opened as an archive" in at.error[0].value


def test_a_table_is_previewed_and_flipped_with_one_click(form, workspace, tmp_path):
    frame().T.to_csv(tmp_path / "t.csv")
    at = form(tmp_path / "t.csv")
    assert "genes in rows" in texts(at)
    corner = at.dataframe[0].value
    assert corner.index[0].startswith("ACGT")
    button(at, "Flip: the file has cells in rows").click()
    at.run()
    assert at.dataframe[0].value.index[0].startswith("ENSG")
    import_by_path(at)
    (run,) = runs(workspace).list()
    assert run.config.config["orientation"] == "cells_in_rows"


def test_what_is_shown_is_what_is_asked_for(form, workspace, tmp_path):
    frame().T.to_csv(tmp_path / "t.csv")
    import_by_path(form(tmp_path / "t.csv"))
    (run,) = runs(workspace).list()
    assert run.config.config["orientation"] == "genes_in_rows"


def test_several_genomes_are_asked_about(form, workspace, tmp_path):
    with h5py.File(tmp_path / "two.h5", "w") as file:
        for genome in ("human", "mouse"):
            file[f"{genome}/indptr"] = np.zeros(2)
    at = form(tmp_path / "two.h5")
    next(s for s in at.selectbox if s.label.startswith("This file holds several")).set_value("mouse")
    at.run()
    import_by_path(at)
    (run,) = runs(workspace).list()
    assert run.config.config["genome"] == "mouse"


def test_public_sets_are_queued_or_explained(app, workspace):
    at = app("upload")
    assert all(record.how in texts(at) for record in PUBLIC if not record.url)
    next(b for b in at.button if b.key == "public.pbmc3k").click()
    at.run()
    (run,) = runs(workspace).list()
    assert run.config.config["public"] == "pbmc3k"
    assert run.config.config["download_folder"] == str(workspace.root / "downloads")
