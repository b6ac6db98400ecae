"""The Augmentations page."""

import numpy as np

from scapp.core import keys
from tests.pages.conftest import button, texts


def test_a_cell_is_shown_before_and_after_with_every_step(app, prepared):
    at = app("augment", dataset=prepared.id)
    at.segmented_control(key=f"augment.{prepared.id}.preset").set_value("paper")
    at.run()
    table = next(frame.value for frame in at.dataframe if "changed (%)" in frame.value)
    assert table["step"].tolist()[0] == "Random mask"
    assert table["step"].tolist()[-1] == "the whole chain"
    assert (table["changed (%)"] > 0).all()
    assert not at.error


def test_another_seed_and_another_cell_change_what_is_seen(app, prepared):
    at = app("augment", dataset=prepared.id)

    def profile():
        return next(frame.value for frame in at.dataframe if "what happened" in frame.value)["after"].to_numpy()

    first = profile()
    button(at, "Again").click()
    at.run()
    assert (profile() != first).any()
    name = prepared.names(keys.OBS_NAMES)[7]
    box = next(t for t in at.text_input if t.label.startswith("Cell"))
    box.input(name)
    at.run()
    before = next(frame.value for frame in at.dataframe if "what happened" in frame.value)["before"].to_numpy()
    chosen = np.asarray(prepared.read(keys.var(keys.HIGHLY_VARIABLE)), dtype=bool)
    np.testing.assert_allclose(before, prepared.read(keys.X)[7].toarray().ravel()[chosen], atol=1e-3)
    next(t for t in at.text_input if t.label.startswith("Cell")).input("nobody")
    at.run()
    assert any("There is no cell 'nobody'" in warning.value for warning in at.warning)


def test_copies_are_measured_against_their_type(app, prepared):
    at = app("augment", dataset=prepared.id)
    table = next(frame.value for frame in at.dataframe if "same type (%)" in frame.value)
    assert table["strength"].iloc[0] == 0
    assert table["same type (%)"].iloc[0] >= table["same type (%)"].iloc[-1]
    assert "of copies lie nearest to a cell of their own type" in texts(at)


def test_heavy_dropout_thinning_and_groups_are_shown(app, prepared):
    at = app("augment", dataset=prepared.id)
    assert at.segmented_control(key=f"augment.{prepared.id}.preset").value == "recommended"  # as training
    prefix = f"augment.{prepared.id}.recommended"
    for id in ("dropout", "thin", "groups"):
        at.number_input(key=f"{prefix}.{id}_probability").set_value(1.0)
    at.run()
    titles = next(frame.value for frame in at.dataframe if "changed (%)" in frame.value)["step"].tolist()
    assert {"Thinning", "Heavy dropout", "Gene-group mask"} <= set(titles)


def test_training_starts_from_these_settings(app, prepared):
    at = app("augment", dataset=prepared.id)
    at.segmented_control(key=f"augment.{prepared.id}.preset").set_value("paper")
    at.run()
    at.number_input(key=f"augment.{prepared.id}.paper.mask_share").set_value(0.33)
    at.run()
    button(at, "Next: train with these augmentations").click()
    at.run()
    assert any("set on the Augmentations page" in info.value for info in at.info)
    key = next(n.key for n in at.number_input if n.key.endswith("augmentation.mask_share"))
    assert at.number_input(key=key).value == 0.33
    button(at, "Use the preset's instead").click()
    at.run()
    assert not any("set on the Augmentations page" in info.value for info in at.info)


def test_a_dataset_made_before_loadings_were_kept_says_what_to_do(app, prepared, monkeypatch):
    monkeypatch.setattr(keys, "PCA_LOADINGS", "varm/not_there")
    at = app("augment", dataset=prepared.id)
    assert any("before PCA's loadings" in info.value for info in at.info)


def test_thinning_of_scaled_genes_is_refused(app, prepared):
    at = app("augment", dataset=prepared.id)
    at.segmented_control(key=f"augment.{prepared.id}.preset").set_value("paper")
    at.run()
    at.number_input(key=f"augment.{prepared.id}.paper.thin_probability").set_value(1.0)
    at.run()
    assert any("cannot be thinned" in warning.value for warning in at.warning)
