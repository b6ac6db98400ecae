"""What a step of a lesson shows: the same figures on its page and on the worksheet."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
import pandas as pd
import plotly.graph_objects as go

from scapp.clear.augment.config import AugmentationConfig
from scapp.clear.augment.preview import Sample, certain, copies, stages
from scapp.metrics.rejection import among_named
from scapp.plotting.augment import plot_top_genes, profile_table
from scapp.plotting.classify.type_figures import plot_types
from scapp.plotting.teach import (
    Mark,
    Panel,
    plot_film,
    plot_gauge_film,
    plot_losses,
    plot_maps,
    plot_profile,
    plot_refusal,
    plot_unseen,
)
from scapp.plotting.theme import KEPT, REMOVED
from scapp.teach import prepared
from scapp.teach.gallery import mistake
from scapp.teach.lesson import (
    Activity,
    Choice,
    Circle,
    Copies,
    Grid,
    LossCurve,
    Maps,
    Place,
    Prediction,
    Profile,
    Runs,
    Threshold,
    Training,
    Types,
)
from scapp.teach.predictions import curve_epochs

WHICH = {"wrong": "went wrong", "repaired": "repaired"}
N_COPIES = 30
THRESHOLDS = np.round(np.arange(0, 1.0, 0.01), 2)
USUAL_THRESHOLD = 0.5


@dataclass(frozen=True)
class Shown:
    """A figure with its name for a file, and what it shows for those who cannot see it."""

    figure: go.Figure
    name: str
    alt: str


def figure_of(
    activity: Activity, settings: Mapping[str, Any], prediction: Prediction | None = None, predicted: Any = None
) -> Shown | None:
    """The figure of an activity; None for live training, whose figures are its run's.

    Parameters
    ----------
    activity
        What is seen.
    settings
        What the student has moved: of a grid its settings, ``dropout`` of copies, ``colour`` of maps, ``threshold``.
    prediction, predicted
        What was asked and what the student predicted, which are drawn into the figure where they can be.
    """
    if isinstance(activity, Training):
        return None
    if isinstance(activity, Copies):
        return _copies(activity, settings)
    if isinstance(activity, Profile):
        return _profile(activity)
    if isinstance(activity, Runs):
        return _runs(activity, prediction, predicted)
    if isinstance(activity, Grid):
        return _grid(activity, settings)
    if isinstance(activity, Maps):
        return _maps(activity, settings, prediction, predicted)
    if isinstance(activity, Circle):
        return _circle(activity)
    if isinstance(activity, Types):
        table = pd.DataFrame(prepared.fact("circles.types"))
        return Shown(plot_types(table), "types", "AUPRC of each type with its interval")
    if isinstance(activity, Threshold):
        return _threshold(float(settings.get("threshold", USUAL_THRESHOLD)))
    return _unseen()


def guess_table(predicted: list[float], n_epochs: int) -> pd.DataFrame:
    """A predicted loss by epoch."""
    epochs = curve_epochs(n_epochs)
    return pd.DataFrame({"epoch": epochs, "loss": predicted[-len(epochs) :]})


def augmentation_of(activity: Copies, settings: Mapping[str, Any]) -> AugmentationConfig:
    """The augmentations of a step, with the share of genes set to zero that the student chose."""
    config = AugmentationConfig.build(dict(activity.settings))
    if "dropout" in settings:
        config = config.model_copy(update={"dropout_share": float(settings["dropout"])})
    return certain(config)


def alike(sample: Sample, config: AugmentationConfig) -> tuple[float, float]:
    """How alike two copies of one cell are, and copies of two cells: mean correlations, over 30 of the cells; NaN where
    copies have lost all genes.
    """
    some = list(range(0, len(sample.profiles), max(len(sample.profiles) // N_COPIES, 1)))[:N_COPIES]
    views, _ = copies(sample, some, 2, config, seed=0)
    pairs = views.reshape(len(some), 2, -1)
    similar = pd.DataFrame(_correlations(pairs[:, 0], pairs[:, 1]))
    own = np.eye(len(some), dtype=bool)
    # means over what there is: a copy that lost all genes correlates with nothing
    return float(similar.where(own).stack().mean()), float(similar.where(~own).stack().mean())


def _correlations(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """Pearson correlation of each row with each row of another matrix; NaN where a row is constant."""
    centred = [values - values.mean(axis=1, keepdims=True) for values in (first, second)]
    lengths = [np.linalg.norm(values, axis=1) for values in centred]
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.asarray(centred[0] @ centred[1].T / np.outer(*lengths))


def _copies(activity: Copies, settings: Mapping[str, Any]) -> Shown:
    kept = prepared.profiles()
    config = augmentation_of(activity, settings)
    found = stages(Sample(kept.values), 0, config, seed=0)
    after = found[-1].profile if found else kept.values[0]
    figure = plot_top_genes(profile_table(kept.values[0], after, kept.genes))
    return Shown(figure, "copies", "A cell's strongest genes before and after augmentation")


def _profile(activity: Profile) -> Shown:
    kept = prepared.profiles()
    here = int(np.flatnonzero(kept.cells == activity.cell)[0])
    places = [kept.genes.index(gene) for gene in activity.genes]
    table = pd.DataFrame(
        {
            "gene": activity.genes,
            "this cell": kept.values[here, places],
            "mean of all": kept.mean[places],
        }
    )
    return Shown(plot_profile(table), "profile", "Genes of one cell beside their mean over all")


def _runs(activity: Runs, prediction: Prediction | None, predicted: Any) -> Shown:
    found = mistake(activity.mistake)
    runs = {which: prepared.run(f"{activity.mistake}.{which}") for which in activity.which}
    if activity.shows == "loss":
        guess = None
        if isinstance(prediction, LossCurve) and predicted is not None:
            guess = guess_table(predicted, len(next(iter(runs.values())).loss))
        curves = {WHICH[which]: run.curve for which, run in runs.items()}
        return Shown(plot_losses(curves, guess), "loss", "Loss by epoch")
    column = prepared.labels(found.example, activity.colour)
    panels = [
        Panel(WHICH[which], run.map[None] if activity.shows == "map" else run.frames, column[run.cells])
        for which, run in runs.items()
    ]
    if activity.shows == "map":
        return Shown(plot_maps(panels), "map", "UMAP of the embedding at the end of training")
    epochs = next(iter(runs.values())).epochs.tolist()
    return Shown(plot_film(panels, epochs), "film", "Two components of the embedding, epoch by epoch")


def grid_place(activity: Grid, settings: Mapping[str, Any]) -> tuple[int, int, int]:
    """Positions of the chosen settings of a grid."""
    found = [values.index(settings.get(name, value)) for name, value, values in activity.axes()]
    return found[0], found[1], found[2]


def _grid(activity: Grid, settings: Mapping[str, Any]) -> Shown:
    run = prepared.grid_run(*grid_place(activity, settings))
    panel = Panel("", run.frames, prepared.labels("pbmc", "cell_type"))
    return Shown(plot_film([panel], run.epochs.tolist()), "grid", "Two components of the embedding, epoch by epoch")


def _maps(activity: Maps, settings: Mapping[str, Any], prediction: Prediction | None, predicted: Any) -> Shown:
    colour = str(settings.get("colour", activity.colours[0]))
    titles = prepared.map_titles(activity.example)
    panels = [
        Panel(
            titles[name],
            prepared.map_points(activity.example, name)[None],
            prepared.colours_of_map(activity.example, name, colour),
        )
        for name in activity.maps
    ]
    marks = []
    if isinstance(prediction, Place) and predicted is not None:
        places = prepared.map_points(prediction.example, prediction.map)
        x, y = (float(value) for value in places[prediction.cell])
        marks = [Mark("your mark", (predicted[0], predicted[1]), REMOVED), Mark("the cell", (x, y), KEPT)]
    return Shown(plot_maps(panels, marks), "maps", f"Maps of the same cells, coloured by {colour}")


def _circle(activity: Circle) -> Shown:
    steps, circles, codes = prepared.circle_course(activity.type)
    groups = pd.Categorical.from_codes(codes, prepared.circle_types())
    figure = plot_gauge_film(circles, groups, steps)
    return Shown(figure, "circle", f"The circle of {activity.type} while the classifier is trained")


@lru_cache(maxsize=1)
def refusal_table() -> pd.DataFrame:
    """``threshold``, ``named (%)`` and ``wrong (%)`` of the classifier's test cells."""
    confidence, right = prepared.tested()
    rows = [among_named(confidence, right, threshold) for threshold in THRESHOLDS]
    table = pd.DataFrame(rows)
    return pd.DataFrame(
        {"threshold": THRESHOLDS, "named (%)": 100 * table["share_named"], "wrong (%)": 100 * table["wrong"]}
    )


def _threshold(threshold: float) -> Shown:
    return Shown(plot_refusal(refusal_table(), threshold), "refusal", "Cells named and named wrongly, by threshold")


def _unseen() -> Shown:
    rows = [
        {
            "type": name,
            "at least 0.5 (%)": 100 * row["above_half"],
            "at least 0.9 (%)": 100 * row["above_nine_tenths"],
        }
        for name, row in prepared.fact("circles.unseen").items()
    ]
    return Shown(plot_unseen(pd.DataFrame(rows)), "unseen", "How sure a classifier is of types that it never saw")


def choice_table(choice: Choice) -> pd.DataFrame | None:
    """What was measured of each option; None where nothing was."""
    if not all(option.fact for option in choice.options):
        return None
    return pd.DataFrame([{"": option.text, "measured": prepared.fact(option.fact)} for option in choice.options])
