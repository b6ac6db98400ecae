"""Comparisons of representations: tables by hand, resumption, refusals."""

import json

import anndata as ad
import numpy as np
import pandas as pd
import pytest

from scapp.clear.config import clear_config
from scapp.core import keys
from scapp.core.errors import ConfigError, DataError, MissingDependencyError
from scapp.core.processes import MemoryWatch
from scapp.core.step_context import QuietContext, StepStopped
from scapp.data.config import KEEP_EVERYTHING
from scapp.jobs.session import Session
from scapp.metrics.agreement import adjusted_rand_index, shown_resolution, turning_points
from scapp.steps.evaluate.compare import UNITS_FILE, tables_of, what_moved_nothing
from scapp.steps.evaluate.config import BatchTask, ClusteringTask, SweepTask
from scapp.steps.evaluate.measures import score_batches
from scapp.steps.evaluate.methods_compared import ablations, sweep_of
from tests.conftest import run_step

FEW = {"label_key": "cell_type", "n_seeds": 2, "methods": ["pca", "hvg"]}


class Keeping(QuietContext):
    """Keeps checkpoints, and may stop after some."""

    def __init__(self, folder, stop_after=None):
        self.folder, self.stop_after, self.n, self.told = folder, stop_after, 0, []
        folder.mkdir(exist_ok=True)

    def report(self, done, total, text):
        self.told.append(text)

    def checkpoint(self, write):
        self.n += 1
        write(self.folder)

    def latest_checkpoint(self):
        return self.folder if (self.folder / UNITS_FILE).exists() else None

    def stop_requested(self):
        return self.stop_after is not None and self.n >= self.stop_after


def evaluate(workspace, dataset, tmp_path, task, context=None, **values):
    folder = tmp_path / f"{task}{len(list(tmp_path.iterdir()))}"
    summary = run_step(workspace, f"evaluate_{task}", values, dataset.id, folder, context)
    tables = {name: pd.read_csv(folder / name) for name in summary["files"] if name.endswith(".csv")}
    return summary, tables


def dataset_of(adata, workspace, tmp_path):
    """A file that is imported and normalised, with every cell kept."""
    adata.write_h5ad(tmp_path / "file.h5ad")
    dataset = run_step(workspace, "import", {"path": str(tmp_path / "file.h5ad")}, None, tmp_path / "in")["dataset"]
    values = {**KEEP_EVERYTHING, "n_top_genes": 100}
    return workspace.open(run_step(workspace, "prepare", values, dataset, tmp_path / "prep")["dataset"])


def test_clustering_is_scored_for_every_method_seed_and_clusterer(workspace, prepared, tmp_path):
    summary, tables = evaluate(workspace, prepared, tmp_path, "clustering", **FEW, lowest=0.2, highest=0.6, step=0.2)
    results = tables["results.csv"]
    assert set(zip(results["method"], results["seed"], strict=True)) == {("pca", 0), ("pca", 1), ("hvg", 0)}
    assert set(results["clusterer"]) == {"kmeans", "leiden", "louvain"}
    kmeans = results[results["clusterer"] == "kmeans"]
    assert (kmeans["n_clusters"] == 3).all()
    assert kmeans["k_given"].all()
    assert kmeans["ari"].min() > 0.9
    rows = pd.DataFrame(summary["rows"]).set_index(["method", "clusterer"])
    of_pca = kmeans[kmeans["method"] == "pca"]["ari"]
    assert rows.loc[("pca", "kmeans"), "ari"] == pytest.approx(of_pca.mean())
    assert rows.loc[("pca", "kmeans"), "n_seeds"] == 2
    assert tables["sweep.csv"]["resolution"].unique().tolist() == [0.2, 0.4, 0.6]
    assert set(turning_points(tables["sweep.csv"])["title"]) == {"PCA", "variable genes, no reduction"}
    of_pca = tables["cells.csv"].query("title == 'PCA'")["cluster"]
    first = tables["sweep.csv"].query("title == 'PCA' and seed == 0")
    at_shown = first["resolution"] == shown_resolution(first)[0]
    assert of_pca.nunique() == first.loc[at_shown, "n_clusters"].item()


def test_without_labels_only_what_needs_none(workspace, prepared, tmp_path):
    values = {**FEW, "label_key": None, "highest": 0.2}
    _, tables = evaluate(workspace, prepared, tmp_path, "clustering", **values)
    results = tables["results.csv"]
    assert set(results["clusterer"]) == {"leiden", "louvain"}
    assert "ari" not in results
    assert results["silhouette_of_clusters"].notna().all()
    batch = {"label_key": None, "batch_key": "batch", "methods": ["pca"], "maps": False}
    _, tables = evaluate(workspace, prepared, tmp_path, "batch", **batch)
    assert tables["results.csv"][["iLISI", "kBET acceptance"]].notna().all(axis=None)
    assert "f1_ASW" not in tables["results.csv"]
    for task in ("dropout", "pseudotime", "ablation"):
        with pytest.raises(DataError, match="needs labels"):
            evaluate(workspace, prepared, tmp_path, task, label_key=None, methods=["pca"])


def test_stored_representations_join_and_unknown_ones_are_refused(workspace, prepared, tmp_path):
    _, tables = evaluate(workspace, prepared, tmp_path, "clustering", **{**FEW, "methods": ["stored:pca"]}, highest=0.1)
    assert tables["results.csv"]["title"].unique().tolist() == ["pca (stored)"]
    with pytest.raises(ConfigError, match="no method nonsense"):
        evaluate(workspace, prepared, tmp_path, "clustering", **{**FEW, "methods": ["nonsense"]})
    with pytest.raises(ConfigError, match="need batches"):
        evaluate(workspace, prepared, tmp_path, "clustering", **{**FEW, "methods": ["harmony"]})
    with pytest.raises(ConfigError, match="cannot lose any"):
        evaluate(workspace, prepared, tmp_path, "dropout", **{**FEW, "methods": ["stored:pca"]})
    with pytest.raises(MissingDependencyError, match="scVI is not installed"):
        evaluate(workspace, prepared, tmp_path, "clustering", **{**FEW, "methods": ["scvi"]})


def test_what_another_program_made_joins_the_comparison(workspace, study, tmp_path):
    file = study.copy()
    perfect = pd.get_dummies(file.obs["cell_type"]).to_numpy(dtype=float)
    file.obsm["SC3"] = perfect + np.random.default_rng(0).normal(0, 0.01, perfect.shape)
    prepared = dataset_of(file, workspace, tmp_path)
    methods = ["pca", "stored:SC3"]
    _, tables = evaluate(workspace, prepared, tmp_path, "clustering", **{**FEW, "methods": methods}, highest=0.1)
    of_sc3 = tables["results.csv"].query("title == 'SC3 (stored)' and clusterer == 'kmeans'")
    assert of_sc3["ari"].item() == 1


def test_lost_counts_are_lost_before_everything_and_scores_fall(workspace, prepared, tmp_path):
    values = {**FEW, "methods": ["pca"], "shares": [0.0, 0.9]}
    _, tables = evaluate(workspace, prepared, tmp_path, "dropout", **values)
    by_level = tables["results.csv"].query("clusterer == 'kmeans'").groupby("level")["ari"].mean()
    assert by_level[0.9] < by_level[0.0]
    _, thinned = evaluate(workspace, prepared, tmp_path, "dropout", **values, thinning=True)
    assert set(thinned["results.csv"]["level"]) == {0.0, 0.9}


def test_batches_mix_better_with_harmony_than_apart(workspace, prepared, tmp_path):
    values = {**FEW, "batch_key": "batch", "methods": ["pca", "harmony"]}
    _, tables = evaluate(workspace, prepared, tmp_path, "batch", **values)
    rows = tables["summary.csv"].set_index("method")
    assert rows.loc["harmony", "1-bASW"] >= rows.loc["pca", "1-bASW"] - 0.02
    for score in ("cARI", "1-bARI", "f1_ARI", "cASW", "1-bASW", "f1_ASW", "iLISI", "cLISI", "kBET acceptance"):
        assert rows[score].between(-0.05, 1).all(), score
    with pytest.raises(DataError, match="fewer than two batches"):
        evaluate(workspace, prepared, tmp_path, "batch", **{**FEW, "methods": ["pca"]})


def test_a_correction_that_moved_nothing_is_named():
    def unit(method, seed, mixed):
        return {"method": method, "title": method.title(), "seed": seed, "rows": [{"iLISI": mixed}]}

    stuck = [unit("pca", 0, 0.030), unit("pca", 1, 0.034), unit("harmony", 0, 0.032), unit("harmony", 1, 0.034)]
    (said,) = what_moved_nothing(stuck)
    assert "'Harmony' moved next to nothing" in said
    assert "(iLISI 0.033 and 0.032)" in said
    assert what_moved_nothing([*stuck[:3], unit("harmony", 1, 0.4)]) == []  # one seed moved
    assert what_moved_nothing([unit("pca", 0, 0.03), unit("harmony", 0, float("nan"))]) == []
    assert what_moved_nothing([unit("harmony", 0, 0.03)]) == []  # nothing to compare with


def test_order_against_stages_and_the_series_of_the_first_seed(workspace, prepared, tmp_path):
    _, tables = evaluate(workspace, prepared, tmp_path, "pseudotime", **FEW, stages=["Type 2", "Type 1", "Type 3"])
    assert tables["summary.csv"]["reached"].tolist() == [1, 1]
    cells = tables["cells.csv"]
    assert cells.groupby("title").size().to_dict() == dict.fromkeys(
        ("PCA", "variable genes, no reduction"), prepared.n_cells
    )
    assert cells[["x", "y", "pseudotime"]].notna().all(axis=None)
    names = pd.Index(prepared.read(keys.OBS_NAMES)).astype(str).tolist()
    of_pca = cells[cells["title"] == "PCA"].reset_index(drop=True)
    assert of_pca["barcode"].tolist() == names
    root = of_pca["is_root"].to_numpy() == 1
    assert root.sum() == 1
    assert of_pca.loc[root, "pseudotime"].item() == 0
    assert pd.Series(prepared.read(keys.obs("cell_type")))[root].item() == "Type 2"
    paga = tables["paga.csv"]
    pairs = [("Type 2", "Type 1"), ("Type 2", "Type 3"), ("Type 1", "Type 3")]
    assert list(zip(paga["from"], paga["to"], strict=True)) == pairs * 2
    nearest = paga.loc[paga.groupby("title")["connectivity"].idxmax()]
    assert list(zip(nearest["from"], nearest["to"], strict=True)) == [("Type 1", "Type 3")] * 2
    assert tables["genes.csv"]["gene_spearman"].abs().groupby(tables["genes.csv"]["title"]).first().min() > 0.5
    started = pd.Series(names)[pd.Series(prepared.read(keys.obs("cell_type"))) == "Type 1"].iloc[0]
    values = {**FEW, "methods": ["pca"], "maps": False}
    _, chosen = evaluate(workspace, prepared, tmp_path, "pseudotime", **values, root_cell=started)
    assert "x" not in chosen["cells.csv"]
    assert chosen["cells.csv"].set_index("barcode").loc[started, "is_root"] == 1
    with pytest.raises(ConfigError, match="There is no cell 'nobody'"):
        evaluate(workspace, prepared, tmp_path, "pseudotime", **values, root_cell="nobody")
    with pytest.raises(ConfigError, match="none of the chosen stages"):
        evaluate(workspace, prepared, tmp_path, "pseudotime", **values, root_cell=started, stages=["Type 2", "Type 3"])
    with pytest.raises(ConfigError, match="has no 'nonsense'"):
        evaluate(workspace, prepared, tmp_path, "pseudotime", **FEW, stages=["nonsense"])


def test_a_stopped_comparison_goes_on_where_it_was(workspace, prepared, tmp_path):
    whole, _ = evaluate(workspace, prepared, tmp_path, "clustering", **FEW, highest=0.1)
    stopping = Keeping(tmp_path / "kept", stop_after=1)
    with pytest.raises(StepStopped):
        evaluate(workspace, prepared, tmp_path, "clustering", stopping, **FEW, highest=0.1)
    going_on = Keeping(tmp_path / "kept")
    again, _ = evaluate(workspace, prepared, tmp_path, "clustering", going_on, **FEW, highest=0.1)
    assert not any(text.startswith("PCA, seed 0") for text in going_on.told)
    assert any(text.startswith("PCA, seed 1") for text in going_on.told)

    def scores(summary):
        return [{k: v for k, v in row.items() if k not in ("seconds", "memory_mb")} for row in summary["rows"]]

    assert json.dumps(scores(again)) == json.dumps(scores(whole))


def test_other_settings_or_data_do_not_go_on_with_what_was_kept(workspace, prepared, tmp_path):
    kept = tmp_path / "kept"
    evaluate(workspace, prepared, tmp_path, "clustering", Keeping(kept), **FEW, highest=0.1)
    more = Keeping(kept)
    evaluate(workspace, prepared, tmp_path, "clustering", more, **{**FEW, "n_seeds": 3}, highest=0.1)
    assert [text for text in more.told if "seed" in text] == ["PCA, seed 2"]
    other = Keeping(kept)
    evaluate(workspace, prepared, tmp_path, "clustering", other, **{**FEW, "label_key": "batch"}, highest=0.1)
    assert any(text.startswith("PCA, seed 0") for text in other.told)


def test_more_seeds_begin_with_those_of_an_earlier_comparison(workspace, prepared, tmp_path):
    session = Session(workspace.root)
    told = {}
    for run, values in {"first": FEW, "second": {**FEW, "n_seeds": 3}, "other": {**FEW, "n_neighbors": 5}}.items():
        context = Keeping(tmp_path / f"checkpoints {run}")
        (tmp_path / "runs" / run).mkdir(parents=True)
        config = ClusteringTask.build({**values, "highest": 0.1})
        place = {"run_id": run, "folder": tmp_path / "runs" / run}
        session.execute("evaluate_clustering", config, prepared.id, context=context, **place)
        told[run] = [text for text in context.told if ", seed " in text]
    assert len(told["first"]) == len(told["other"]) == 3
    assert told["second"] == ["PCA, seed 2"]
    results = pd.read_csv(tmp_path / "runs" / "second" / "results.csv")
    assert sorted(results.query("method == 'pca' and clusterer == 'leiden'")["seed"]) == [0, 1, 2]


def test_one_label_no_batch_and_settings_that_cannot_be(workspace, study, tmp_path):
    file = study.copy()
    file.obs["same"] = pd.Categorical(["x"] * file.n_obs)
    file.obs["holes"] = file.obs["batch"].astype(object).where(np.arange(file.n_obs) > 2, None)
    file.obs["disease"] = file.obs["batch"]
    odd = dataset_of(file, workspace, tmp_path)
    few = {**FEW, "n_seeds": 1, "methods": ["pca"]}
    with pytest.raises(DataError, match="two levels or more; found 1"):
        evaluate(workspace, odd, tmp_path, "clustering", **{**few, "label_key": "same"})
    with pytest.raises(DataError, match="3 cells have no 'holes'"):
        evaluate(workspace, odd, tmp_path, "batch", **few, batch_key="holes")
    with pytest.raises(ConfigError, match="above the highest"):
        evaluate(workspace, odd, tmp_path, "clustering", **few, lowest=1.0, highest=0.5)
    with pytest.raises(ConfigError, match="named twice"):
        evaluate(workspace, odd, tmp_path, "pseudotime", **few, stages=["Type 1", "Type 1"])
    summary, _ = evaluate(workspace, odd, tmp_path, "batch", **few, batch_key="batch", maps=False)
    assert "one 'disease' only" in summary["notes"][0]


def test_a_handful_of_cells(workspace, study, tmp_path):
    file = study[
        np.argsort(study.obs["cell_type"].cat.codes.to_numpy(), kind="stable")[:: max(study.n_obs // 12, 1)]
    ].copy()
    few = dataset_of(file, workspace, tmp_path)
    assert few.n_cells <= 13
    config = {"label_key": "cell_type", "n_seeds": 1, "epochs": 1}
    for task, more in (("clustering", {"highest": 0.2}), ("batch", {"batch_key": "batch"}), ("pseudotime", {})):
        _, tables = evaluate(workspace, few, tmp_path, task, **config, **more)
        assert {"PCA", "CLEAR"} <= set(tables["results.csv"]["title"])


def test_a_type_of_one_batch_does_not_count_as_unmixed():
    """200 cells that two batches share, perfectly mixed, and 400 far away that one batch has."""
    random = np.random.default_rng(0)
    labels = np.repeat([0, 1], [200, 400])
    batches = np.where(labels == 0, np.arange(600) % 2, 0)
    where = random.normal(0, 1, (600, 2)) + 50 * labels[:, None]
    config = BatchTask(maps=False)
    (scores,) = score_batches(where, 0, labels=labels, batches=batches, config=config)["rows"]
    assert scores["iLISI"] > 0.9
    assert scores["kBET acceptance"] > 0.9
    (blind,) = score_batches(where, 0, labels=None, batches=batches, config=config)["rows"]
    assert blind["iLISI"] < 0.1
    (alone,) = score_batches(where, 0, labels=labels, batches=labels, config=config)["rows"]
    assert np.isnan(alone["iLISI"])
    assert np.isnan(alone["kBET acceptance"])


def test_each_augmentation_is_left_out_and_tried_alone(workspace, prepared, tmp_path):
    config = clear_config("paper")
    found = ablations(config, alone=True)
    on = [name for name in found if name.startswith("without")]
    assert len(on) == 5
    assert len(found) == 11
    without = found["without gaussian noise"] if "without gaussian noise" in found else found[on[1]]
    assert (
        sum(
            getattr(without.augmentation, f) == 0
            for f in (
                "mask_probability",
                "noise_probability",
                "swap_probability",
                "crossover_probability",
                "mixture_probability",
            )
        )
        == 1
    )
    assert len(ablations(config, alone=False)) == 6
    _, tables = evaluate(
        workspace,
        prepared,
        tmp_path,
        "ablation",
        label_key="cell_type",
        n_seeds=1,
        preset="paper",
        epochs=1,
        alone=False,
    )
    assert tables["summary.csv"]["title"].nunique() == 6


def test_an_augmentation_at_every_share_and_probability(workspace, prepared, tmp_path):
    task = SweepTask(label_key="cell_type", augmentation="swap", shares=(0.3, 0.1), probabilities=(1.0,))
    paper = clear_config("paper")
    found = sweep_of(paper, task)
    assert list(found) == [(0.1, 1.0), (0.3, 1.0)]
    one = found[0.3, 1.0]
    assert (one.augmentation.swap_share, one.augmentation.swap_probability) == (0.3, 1)
    own = {"swap_share": paper.augmentation.swap_share, "swap_probability": paper.augmentation.swap_probability}
    assert one.model_copy(update={"augmentation": one.augmentation.model_copy(update=own)}) == paper
    config = {"label_key": "cell_type", "epochs": 1, "augmentation": "swap", "n_seeds": 2}
    _, tables = evaluate(workspace, prepared, tmp_path, "sweep", **config, shares=(0.1, 0.9), probabilities=(0.5, 1.0))
    summary = tables["summary.csv"].query("clusterer == 'kmeans'")
    assert summary[["share", "probability"]].to_numpy().tolist() == [[0.1, 0.5], [0.1, 1], [0.9, 0.5], [0.9, 1]]
    assert summary["n_seeds"].tolist() == [2] * 4
    assert "share_sd" not in summary
    assert tables["results.csv"].query("clusterer == 'kmeans'")["ari"].nunique() > 1


@pytest.mark.parametrize("shares", [(), (0.0, 0.1), (1.2,), (0.1, 0.1)])
def test_a_grid_that_cannot_be_is_refused(shares):
    with pytest.raises(ConfigError, match="above 0"):
        SweepTask.build({"shares": shares})


def test_molecules_that_are_not_there_cannot_be_thinned(workspace, study, tmp_path):
    uneven = study.layers["counts"].toarray() * np.random.default_rng(0).uniform(0.5, 2, study.shape)
    logged = dataset_of(ad.AnnData(np.log1p(uneven), obs=study.obs, var=study.var), workspace, tmp_path)
    assert keys.COUNTS not in logged
    with pytest.raises(DataError, match="no raw counts"):
        evaluate(workspace, logged, tmp_path, "sweep", label_key="cell_type", augmentation="thin")


def test_tables_by_hand():
    base = {"method": "a", "title": "A", "level": 0.0, "memory_mb": 1.0}
    units = [
        {**base, "seed": s, "seconds": 2.0 * s, "rows": [{"clusterer": "k", "ari": 0.5 + 0.2 * s}]} for s in (0, 1)
    ]
    summary = tables_of(units)["summary"].iloc[0]
    assert summary["ari"] == pytest.approx(0.6)
    assert summary["ari_sd"] == pytest.approx(np.std([0.5, 0.7], ddof=1))
    assert summary["seconds"] == 1
    sweep = pd.DataFrame(
        {
            "title": "a",
            "seed": [0, 0, 0, 1],
            "resolution": [0.1, 0.2, 0.3, 0.1],
            "ari": 0.5,
            "labels_apart": [False, True, True, False],
        }
    )
    points = turning_points(sweep).set_index("seed")["resolution"]
    assert points[0] == 0.2
    assert np.isnan(points[1])
    sweep["ari"] = [0.3, 0.2, 0.9, 0.1]
    assert shown_resolution(sweep[sweep["seed"] == 0]) == (0.2, True)
    assert shown_resolution(sweep[sweep["seed"] == 0].assign(labels_apart=False)) == (0.3, False)
    assert shown_resolution(sweep.drop(columns="ari")) == (0.1, False)


def test_memory_is_noticed():
    with MemoryWatch() as watch:
        held = np.ones(30_000_000)
    assert watch.peak_mb > 100
    assert held.sum() > 0


def test_pca_here_is_the_datasets_own(workspace, prepared, tmp_path):
    """The comparison starts from the same values: its PCA finds what the dataset's does."""
    _, tables = evaluate(
        workspace, prepared, tmp_path, "clustering", **{**FEW, "methods": ["pca", "stored:pca"]}, highest=0.1
    )
    first = tables["results.csv"].query("seed == 0 and clusterer == 'kmeans'").set_index("method")["ari"]
    assert first["pca"] == pytest.approx(first["stored:pca"], abs=1e-6)
    labels = pd.Categorical(prepared.read(keys.obs("cell_type"))).codes
    assert adjusted_rand_index(labels, labels) == 1
