"""The Export page: files, code and words, history."""

from scapp.core import keys
from tests.conftest import run_step
from tests.pages.conftest import button, runs, texts


def test_export_names_what_is_missing(app, imported):
    at = app("export", dataset=imported.id)
    table = next(frame.value for frame in at.dataframe if "AnnData slot" in frame.value)
    assert table["AnnData slot"].tolist()[0] == keys.COUNTS
    assert table["AnnData slot"].tolist()[-2:] == [keys.OBS_NAMES, keys.VAR_NAMES]
    assert button(at, "Write the file")


def test_each_flavour_is_asked_for(app, workspace, trained):
    at = app("export", dataset=trained.id)
    for flavour, ending in (
        ("everything", ".h5ad"),
        ("cellxgene", "_cellxgene.h5ad"),
        ("tables", ".zip"),
        ("report", ".html"),
    ):
        next(control for control in at.segmented_control if control.key != "image_format").set_value(flavour)
        at.run()
        button(at, "Write the file").click()
        at.run()
        newest = runs(workspace).list(step="export")[0].config.config
        assert newest["flavour"] == flavour
        assert newest["file_name"].endswith(ending)
        assert not at.exception


def test_script_and_methods_are_shown(app, trained):
    at = app("export", dataset=trained.id)
    assert 'session.run(\n    "clear",' in at.code[0].value
    assert "self\\-supervised" in texts(at) or "self-supervised" in texts(at)


def test_pages_offer_their_code(app, trained):
    for page, call in (("clear", '"clear"'), ("map", '"map"'), ("upload", '"prepare"')):
        at = app(page, dataset=trained.id)
        assert any(call in code.value for code in at.code), page


def test_steps_are_taken_back_brought_back_and_run_again(app, workspace, trained, tmp_path):
    at = app("export", dataset=trained.id)
    assert "out of date" not in texts(at).replace("**out of date** and can be run", "")
    button(at, "Take back").click()  # the newest step: the map
    at.run()
    assert keys.umap("clear") not in workspace.open(trained.id)
    button(at, "Bring back").click()
    at.run()
    assert keys.umap("clear") in workspace.open(trained.id)
    # another training: the map was made from other values
    from scapp.clear.config import clear_config
    from tests.pages.conftest import TINY

    run_step(workspace, "clear", clear_config(**TINY, seed=9).model_dump(), trained.id, tmp_path / "again")
    at = app("export", dataset=trained.id)
    assert "obsm/X\\_clear changed since" in texts(at)
    button(at, "Run again").click()
    at.run()
    (run,) = runs(workspace).list(step="map")
    assert run.config.config["representation"] == "clear"


def test_what_was_named_by_hand_is_not_named_again_on_other_clusters(app, workspace, trained, tmp_path):
    names = {"source": "leiden_clear", "column": "mine", "names": {"0": "first"}}
    run_step(workspace, "name_clusters", names, trained.id, tmp_path / "names")
    run_step(workspace, "map", {"representation": "clear", "resolution": 5.0}, trained.id, tmp_path / "map")
    at = app("export", dataset=trained.id)
    assert "obs/leiden\\_clear changed since" in texts(at)
    assert "not written again onto other cells" in texts(at)
    assert not [b for b in at.button if b.label == "Run again"]


def test_a_step_whose_input_is_gone_says_what_to_do(app, workspace, trained):
    (map_id,) = [id for id, r in trained.manifest.provenance.items() if r.step == "clear"]
    workspace.undo(trained.id, map_id)
    at = app("export", dataset=trained.id)
    assert "obsm/X\\_clear" in texts(at)
    assert "is gone. Bring that back" in texts(at)
    assert not [b for b in at.button if b.label == "Run again"]
