"""What was prepared: whole, in step with its facts, and saying what the texts say."""

import numpy as np
import pytest

from scapp.core.errors import DataError
from scapp.data.examples import example
from scapp.metrics.rejection import among_named
from scapp.teach import prepared
from scapp.teach.gallery import mistakes
from scapp.teach.prepared import DROPOUTS, RATES, TEMPERATURES, as_places, fact, from_places


def test_places_come_back():
    points = np.array([[0.5, -2.0], [1.0, 0.25]])
    np.testing.assert_allclose(from_places(as_places(points)), points / 2, atol=1 / 32_767)
    assert (from_places(as_places(np.zeros((2, 2)))) == 0).all()


@pytest.mark.parametrize("id", [f"{m.id}.{which}" for m in mistakes() for which in ("wrong", "repaired")])
def test_runs_agree_with_their_facts(id):
    run, facts = prepared.run(id), fact(f"runs.{id}")
    assert run.loss[-1] == pytest.approx(facts["loss"], rel=1e-5)
    assert run.chance == pytest.approx(facts["chance"], rel=1e-5)
    assert len(run.loss) == facts["epochs"] == run.epochs[-1] == len(run.curve)
    assert run.epochs[0] == 0
    assert run.frames.shape == (len(run.epochs), len(run.cells), 2)
    assert run.map.shape == (len(run.cells), 2)
    assert np.abs(run.frames).max() == pytest.approx(1, abs=1e-3)
    assert facts["same_type_low"] <= facts["same_type"] <= facts["same_type_high"]


def test_both_runs_of_a_mistake_are_of_the_same_cells_and_epochs():
    for each in mistakes():
        wrong, repaired = (prepared.run(f"{each.id}.{which}") for which in ("wrong", "repaired"))
        np.testing.assert_array_equal(wrong.cells, repaired.cells)
        np.testing.assert_array_equal(wrong.epochs, repaired.epochs)


def test_the_grid_has_every_combination():
    content = prepared.arrays("grid")
    shape = (len(TEMPERATURES), len(DROPOUTS), len(RATES))
    assert content["same_type"].shape == shape
    assert fact("grid.n") == np.prod(shape)
    assert content["same_type"].max() == pytest.approx(fact("grid.best.same_type"), abs=1e-5)
    assert content["loss_share"].min() == pytest.approx(fact("grid.lowest_loss.loss_share"), abs=1e-5)
    run = prepared.grid_run(1, 2, 1)
    assert run.frames.shape == (len(run.epochs), fact("cells.pbmc"), 2)
    assert run.loss[-1] / run.chance == pytest.approx(float(content["loss_share"][1, 2, 1]), abs=1e-5)


def test_test_cells_agree_with_their_facts():
    confidence, right = prepared.tested()
    assert len(right) == fact("circles.n_test")
    assert right.mean() == pytest.approx(fact("circles.top1"))
    assert 1 - right.mean() == pytest.approx(fact("circles.wrong_of_all"))
    found = among_named(confidence, right, 0.7)
    assert found["share_named"] == pytest.approx(fact("circles.named_at.p70.share_named"), abs=0.01)


def test_circles_go_from_anywhere_to_their_sides():
    steps, circles, codes = prepared.circle_course("CD14+ Monocyte")
    assert steps[0] == 0
    assert steps == sorted(steps)
    np.testing.assert_allclose(np.linalg.norm(circles, axis=-1), 1, rtol=1e-5)
    own = codes == prepared.circle_types().index("CD14+ Monocyte")
    assert own.any()
    assert not own.all()
    apart = circles[:, own, 0].mean(axis=1) - circles[:, ~own, 0].mean(axis=1)
    assert apart[-1] > 0.5 > 0.1 > abs(apart[0])
    # the lesson asks which type ends up nearest, and says: dendritic cells
    last = {
        name: circles[-1, codes == code, 0].mean()
        for code, name in enumerate(prepared.circle_types())
        if name != "CD14+ Monocyte" and (codes == code).any()
    }
    assert max(last, key=last.get) == "Dendritic"
    # "dendritic cells lie at the top here, and far right on their own circle"
    assert abs(last["Dendritic"]) < 0.15
    _, theirs, _ = prepared.circle_course("Dendritic")
    dendritic = codes == prepared.circle_types().index("Dendritic")
    assert theirs[-1, dendritic, 0].mean() > 0.5


def test_what_the_texts_say_is_what_was_measured():
    """Each sentence of gallery and lessons that claims more than the numbers it quotes."""
    runs = fact("runs")
    assert runs["collapse"]["wrong"]["fault"] == "collapsed"
    assert runs["too_strong"]["wrong"]["fault"] == runs["stale_keys"]["wrong"]["fault"] == "near chance"
    assert runs["too_few_cells"]["wrong"]["fault"] == ""
    few = np.unique(
        prepared.labels("simulated", "cell_type")[prepared.run("too_few_cells.wrong").cells], return_counts=True
    )
    assert sorted(few[1])[:3] == [1, 4, 4]
    assert all(runs[each.id]["repaired"]["fault"] == "" for each in mistakes())
    for id in ("no_augmentation", "rate_too_high", "temperature_too_low", "too_few_cells", "too_strong"):
        assert runs[id]["wrong"]["same_type_high"] < runs[id]["repaired"]["same_type_low"], id
    nothing = runs["no_augmentation"]
    assert nothing["wrong"]["loss_share_high"] < nothing["repaired"]["loss_share_low"]
    assert abs(nothing["wrong"]["ari"] - nothing["repaired"]["ari"]) < 0.05
    # "no better than an untrained network", "as in an untrained network", "an untrained network has as many"
    untrained = runs["pbmc"]["untrained"]["same_type"]
    assert abs(runs["too_strong"]["wrong"]["same_type"] - untrained) < 0.01
    high, usual = prepared.run("rate_too_high.wrong").loss, prepared.run("rate_too_high.repaired").loss
    assert high[2] < usual[2]
    assert high[-1] > usual[-1]
    collapse = prepared.run("collapse.wrong")
    assert collapse.loss[0] < 0.98 * collapse.chance < collapse.loss[-1]
    longer = runs["pbmc"]["longer"]
    assert 4.25 < longer["loss"] < runs["too_strong"]["repaired"]["loss"]
    assert untrained < runs["collapse"]["wrong"]["same_type"] < runs["pbmc"]["pca"]["same_type"]
    assert abs(runs["stale_keys"]["wrong"]["same_type"] - runs["stale_keys"]["repaired"]["same_type"]) < 0.01
    assert runs["batch_for_biology"]["wrong"]["own_batch"] > 0.7
    assert abs(runs["batch_for_biology"]["repaired"]["own_batch"] - 0.5) < 0.05
    assert fact("maps.pbmc_umap_noise.n_clusters") > 5
    assert fact("maps.umap_pca.distances") < 0.6
    unseen = fact("circles.unseen")
    sure = {name for name, row in unseen.items() if row["above_nine_tenths"] > 0.5}
    assert sure == {"Dendritic", "CD14+ Monocyte", "CD56+ NK"}
    assert fact("circles.by_type.CD34+.auprc") == fact("circles.by_type.CD34+.auprc_low") == 1
    sizes = fact("cells.sizes")
    assert min(sizes, key=sizes.get) == "CD4+/CD45RA+/CD25- Naive T"


def test_the_examples_are_those_that_the_app_offers():
    for id in ("pbmc", "simulated"):
        adata = example(id).load()
        assert (adata.n_obs, adata.n_vars) == (fact(f"cells.{id}"), fact(f"cells.n_genes.{id}"))
        types = prepared.labels(id, "cell_type")
        assert (np.asarray(types.astype(str)) == adata.obs["cell_type"].astype(str).to_numpy()).all()
    assert prepared.labels("pbmc", "cell_type").categories.tolist() == prepared.circle_types()
    kept = prepared.profiles()
    assert kept.mean.shape == (len(kept.genes),)


def test_what_is_not_there_is_said():
    for call in (
        lambda: fact("runs.collapse.wrong.beauty"),
        lambda: prepared.run("none.wrong"),
        lambda: prepared.map_points("pbmc", "umap_of_mars"),
        lambda: prepared.labels("pbmc", "batch"),
        lambda: prepared.arrays("nothing"),
    ):
        with pytest.raises(DataError):
            call()
