"""Choices of the thesis's experiment. Imports no torch."""

from typing import Any, Self

import pydantic

from scapp.classify.config import (
    PRESETS,
    ClassifierConfig,
    Positives,
    Preset,
    Reduction,
    Start,
    Training,
    Views,
)
from scapp.core.config import Config, same_as, setting


class ExperimentConfig(Config):
    """Base models with and without components, in three settings, over seeds."""

    label_key: str = same_as(ClassifierConfig, "label_key")
    hold_out_key: str | None = same_as(ClassifierConfig, "hold_out_key")
    seeds: int = setting(
        5, title="Seeds", help="Splits and trainings of each kind; their spread is shown.", ge=1, le=100
    )
    lr: bool = setting(True, title="Logistic regression", help="With and without components.")
    actinn: bool = setting(True, title="ACTINN", help="With and without components.")
    scdae: bool = setting(
        False, title="scDAE", help="With and without components. Slow without a GPU where there are many genes."
    )
    mlp: bool = setting(True, title="MLP-CC", help="Each base model with this component.")
    mls: bool = setting(True, title="MLS-CC", help="Each base model with this component.")
    competing: bool = setting(True, title="Competing circles", help="Each base model with this component.")
    references: bool = setting(
        True,
        title="References",
        help="scikit-learn's logistic regression, PCA + SVM, gradient boosting and nearest neighbours beside them.",
    )
    peers: bool = setting(
        False,
        title="XGBoost and CellTypist",
        help="Beside them too; needs pip install xgboost-cpu celltypist.",
    )
    simple: bool = setting(True, title="Setting 'Simple'", help="Common types with many training cells each.")
    scarce: bool = setting(True, title="Setting 'Data Scarce'", help="More types with few training cells each.")
    unbalanced: bool = setting(True, title="Setting 'Unbalanced'", help="All types, as common or rare as they are.")
    simple_types: int = setting(
        25, title="Simple: types", help="The most common types, at most so many.", ge=2, le=2000, advanced=True
    )
    simple_cells: int = setting(
        500,
        title="Simple: training cells",
        help="Of each type, at most.",
        unit="cells",
        ge=1,
        le=100_000,
        advanced=True,
    )
    scarce_types: int = setting(
        50, title="Data Scarce: types", help="The most common types, at most so many.", ge=2, le=2000, advanced=True
    )
    scarce_cells: int = setting(
        60,
        title="Data Scarce: training cells",
        help="Of each type, at most.",
        unit="cells",
        ge=1,
        le=100_000,
        advanced=True,
    )
    unbalanced_types: int = setting(
        80, title="Unbalanced: types", help="The most common types, at most so many.", ge=2, le=2000, advanced=True
    )
    dropout: bool = setting(
        True,
        title="Dropout of test cells",
        help="Every model also names test cells that have lost 10, 30, 60 and 80% of their non-zero counts.",
    )
    grid: bool = setting(
        False,
        title="Spread over learning rates and temperatures",
        help=(
            "Components trained again with a third and three times the learning rate, and half and twice the"
            " temperature, in the first setting with the first seed."
        ),
    )
    steps: int = same_as(ClassifierConfig, "steps")
    batch_size: int = same_as(ClassifierConfig, "batch_size")
    learning_rate: float = same_as(ClassifierConfig, "learning_rate")
    temperature: float = same_as(ClassifierConfig, "temperature")
    mls_positives: Positives = same_as(ClassifierConfig, "mls_positives")
    circle_dims: int = same_as(ClassifierConfig, "circle_dims")
    start: Start = same_as(ClassifierConfig, "start")
    balanced: bool = same_as(ClassifierConfig, "balanced")
    n_components: int = same_as(ClassifierConfig, "n_components")
    views: Views = same_as(ClassifierConfig, "views")
    lossy_copies: bool = same_as(ClassifierConfig, "lossy_copies")
    training: Training = same_as(ClassifierConfig, "training")
    reduction: Reduction = same_as(ClassifierConfig, "reduction")
    weight_decay: float = same_as(ClassifierConfig, "weight_decay")
    preset: Preset = same_as(ClassifierConfig, "preset")

    @pydantic.model_validator(mode="before")
    @classmethod
    def _with_preset(cls, values: Any) -> Any:
        """As of a classifier; the thesis's preset trains all nine classifiers of its Table 1."""
        if not isinstance(values, dict):
            return values
        preset = str(values.get("preset"))
        # the thesis knows no circles that compete
        more = {"scdae": True, "competing": False} if preset == "thesis" else {}
        return {**PRESETS.get(preset, {}), **more, **values}

    @pydantic.model_validator(mode="after")
    def _competing_as_it_is(self) -> Self:
        """What a classifier with circles that compete refuses is refused before anything is trained."""
        if self.competing and (self.circle_dims != 2 or self.views != "none"):
            raise ValueError(
                "Competing circles have two dimensions and copies of their own: leave them out of the experiment, or"
                " leave 'Dimensions per type' at 2 and 'Distorted copies' at 'none'."
            )
        return self

    def classifier(self, **changes: object) -> ClassifierConfig:
        """Settings of one classifier."""
        # the experiment itself holds groups out: it gives each classifier its split
        shared = (ClassifierConfig.model_fields.keys() & type(self).model_fields.keys()) - {"hold_out_key"}
        return ClassifierConfig.build({**{name: getattr(self, name) for name in shared}, **changes})


QUICK = {
    "seeds": 2,
    "actinn": False,
    "scdae": False,
    "simple": False,
    "unbalanced": False,
    "steps": 100,
    "grid": False,
}
"""A first look in a minute or two."""
REGIME_TITLES = {"simple": "Simple", "scarce": "Data Scarce", "unbalanced": "Unbalanced"}
DROPPED = (0.1, 0.3, 0.6, 0.8)
"""Shares of the non-zero counts of test cells that are lost."""
GRID = (1 / 3, 1.0, 3.0), (0.5, 1.0, 2.0)
"""Factors of the learning rate, and of the temperature."""
