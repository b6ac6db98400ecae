"""Choices of a cell-type classifier. Imports no torch."""

from typing import Any, Literal, Self

import pydantic

from scapp.clear.augment.config import AugmentationConfig
from scapp.core.config import Config, setting

Positives = Literal["one_vs_rest", "one_vs_rest_own", "as_printed"]
Views = Literal["none", "paper", "dropout"]
Start = Literal["ridge", "random"]
Preset = Literal["recommended", "thesis"]
Training = Literal["scapp", "thesis"]
Reduction = Literal["mean", "sum"]
ComponentName = Literal["none", "mlp", "mls", "competing"]
WITH_CIRCLES: tuple[ComponentName, ...] = ("mls", "competing")
"""Components that place every cell on a circle of each type."""

PRESETS: dict[str, dict[str, Any]] = {
    "recommended": {},
    "thesis": {
        "training": "thesis",
        "start": "random",
        "mls_positives": "as_printed",
        "reduction": "sum",
        "balanced": False,
        "n_components": 0,
        "weight_decay": 0.0,
    },
}
"""What differs from the defaults. Of the thesis's components neither optimiser nor rate, temperature or number of steps
are known: they are those of the defaults, without weight decay.
"""


class ClassifierConfig(Config):
    """A cell-type classifier: base model, contrastive component, training.

    The defaults are the preset ``recommended``. Naming another preset changes every setting that is not given beside
    it: ``ClassifierConfig(preset="thesis")`` has base models and components as the thesis has them.
    """

    preset: Preset = setting(
        "recommended",
        title="Preset",
        help="What other settings start from; 'thesis': base models and components as the thesis has them.",
    )
    label_key: str = setting("cell_type", title="Labels", help="The column that names cell types.", column=True)
    base: Literal["lr", "actinn", "scdae"] = setting(
        "lr",
        title="Base model",
        help=(
            "'lr': logistic regression on the genes; 'actinn': a small network (Ma and Pellegrini 2020); 'scdae': a"
            " denoising autoencoder with a head."
        ),
        labels={"lr": "Logistic regression", "actinn": "ACTINN", "scdae": "scDAE"},
    )
    component: ComponentName = setting(
        "mls",
        title="Contrastive component",
        help=(
            "'mlp' (MLP-CC) pulls cells of one type together on a sphere; 'mls' (MLS-CC) gives every type a circle of"
            " its own; 'competing' gives every type a circle too, and lets the circles compete for each cell; 'none' is"
            " the base model alone."
        ),
        labels={"none": "none", "mlp": "MLP-CC", "mls": "MLS-CC", "competing": "Competing circles"},
    )
    clear: str = setting("", title="CLEAR beside it", help="Folder of a finished run of CLEAR.", hidden=True)
    valid_share: float = setting(
        0.1,
        title="Validation share",
        help="Cells of each type that choose the best epoch; never trained on.",
        gt=0,
        le=0.45,
        advanced=True,
    )
    test_share: float = setting(
        0.1,
        title="Test share",
        help="Cells of each type that are kept for the final figures alone.",
        ge=0,
        le=0.45,
        advanced=True,
    )
    hold_out_key: str | None = setting(
        None,
        title="Hold out whole groups of",
        help=(
            "A column of donors or batches: test cells then come from groups that training never saw. The harder and"
            " truer test."
        ),
        column=True,
    )
    steps: int = setting(
        400, title="Steps", help="Of each stage of training; the best of them by validation is kept.", ge=1, le=100_000
    )
    batch_size: int = setting(
        256, title="Cells per step", help="Cells seen at once.", unit="cells", ge=2, le=16_384, advanced=True
    )
    balanced: bool = setting(
        True,
        title="Balanced batches",
        help=(
            "While a component is trained, rare types are drawn as often as common ones, so that each has cells to be"
            " compared with."
        ),
        advanced=True,
    )
    learning_rate: float = setting(
        3e-3,
        title="Learning rate",
        help="Step size of Adam for components and heads; it falls along a cosine.",
        gt=0,
        le=1,
    )
    temperature: float = setting(
        0.2,
        title="Temperature",
        help="Smaller pushes the most similar cells apart harder; larger treats all alike.",
        gt=0,
        le=5,
    )
    mls_positives: Positives = setting(
        "one_vs_rest",
        title="Positives on a type's circle",
        help=(
            "'one_vs_rest': the type against all others; 'one_vs_rest_own': the same, seen from the type's cells alone;"
            " 'as_printed': each type by itself, in every circle (thesis, equation 6)."
        ),
        advanced=True,
    )
    circle_dims: int = setting(
        2,
        title="Dimensions per type",
        help="2 is a circle, which can be looked at; more hold more.",
        ge=2,
        le=64,
        advanced=True,
    )
    start: Start = setting(
        "ridge",
        title="Circles start from",
        help=(
            "'ridge': each type against all others by ridge regression, which training then improves on; 'random': as"
            " in the thesis."
        ),
        advanced=True,
    )
    training: Training = setting(
        "scapp",
        title="Base models are trained",
        help=(
            "'scapp': a softmax layer is solved, the others trained by AdamW for the steps above. 'thesis': a softmax"
            " layer is trained (Adam), ACTINN and scDAE by their authors' optimisers, scDAE with noise of 1 and summed"
            " errors, until validation has not improved for 10 epochs."
        ),
        advanced=True,
    )
    reduction: Reduction = setting(
        "mean",
        title="Contrastive loss",
        help="'sum': over cells and circles, as printed; 'mean': does not depend on the size of a batch.",
        advanced=True,
    )
    mlp_hidden: int = setting(
        512,
        title="MLP-CC on genes: hidden units",
        help="For 'lr'; with the other base models both layers are as wide as the embedding is long.",
        ge=2,
        le=8192,
        advanced=True,
    )
    mlp_output: int = setting(
        128,
        title="MLP-CC on genes: output",
        help="For 'lr'; with the other base models both layers are as wide as the embedding is long.",
        ge=2,
        le=8192,
        advanced=True,
    )
    mask_share: float = setting(
        0.0,
        title="Mask while a component is trained",
        help=(
            "Share of the embedding's entries (for 'lr', of the principal components) that are set to zero at random in"
            " each step, as CLEAR does to genes; 0 for none."
        ),
        ge=0,
        le=0.95,
        advanced=True,
    )
    views: Views = setting(
        "none",
        title="Distorted copies",
        help=(
            "While a component is trained, a distorted copy of each cell is one more cell of its type: 'paper' takes"
            " CLEAR's five augmentations, 'dropout' loses half of the genes."
        ),
        advanced=True,
    )
    lossy_copies: bool = setting(
        True,
        title="Copies that lost counts",
        help=(
            "Of 'competing': circles also learn from a copy of each cell that has lost 10 to 80% of its non-zero"
            " counts, so that shallow cells are named as well."
        ),
        advanced=True,
    )
    n_components: int = setting(
        1000,
        title="Principal components",
        help=(
            "A component that reads genes ('lr') is trained in so many principal components of the training cells (all,"
            " where there are fewer), and then written as a map of the genes; 0: in the genes themselves, as in the"
            " thesis."
        ),
        ge=0,
        le=2000,
        advanced=True,
    )
    weight_decay: float = setting(
        1e-4, title="Weight decay of the component", help="Keeps its weights small (AdamW).", ge=0, le=1, advanced=True
    )
    seed: int = setting(
        0,
        title="Seed",
        help="The same seed gives the same split and the same result on the same machine.",
        ge=0,
        le=2**31 - 1,
    )

    @pydantic.model_validator(mode="before")
    @classmethod
    def _with_preset(cls, values: Any) -> Any:
        """Fill in what the preset says and was not given; an unknown one is refused by its field."""
        return {**PRESETS.get(str(values.get("preset")), {}), **values} if isinstance(values, dict) else values

    @pydantic.model_validator(mode="after")
    def _competing_as_it_is(self) -> Self:
        """Refuse what circles that compete would pass over."""
        if self.component == "competing":
            if self.circle_dims != 2:
                raise ValueError("Circles that compete have two dimensions: leave 'Dimensions per type' at 2.")
            if self.views != "none" or self.mask_share > 0:
                raise ValueError(
                    "Circles that compete have distorted copies of their own ('Copies that lost counts'): leave"
                    " 'Distorted copies' at 'none' and the mask at 0, or choose the component 'mls'."
                )
        return self


def classifier_config(preset: Preset = "recommended", **changes: Any) -> ClassifierConfig:
    """Settings of a preset, with some changed.

    Raises
    ------
    ConfigError
        There is no such preset, or a setting is out of its bounds.
    """
    return ClassifierConfig.build({"preset": preset, **changes})


INVERSE_PENALTIES = (0.01, 0.1, 1.0, 10.0, 100.0)
"""scikit-learn's C of a linear head; validation chooses one."""

VIEWS: dict[Views, AugmentationConfig | None] = {
    "none": None,
    "paper": AugmentationConfig(),
    "dropout": AugmentationConfig(
        mask_probability=0,
        noise_probability=0,
        swap_probability=0,
        crossover_probability=0,
        mixture_probability=0,
        dropout_probability=1,
        dropout_share=0.5,
    ),
}
"""What distorts the copies of cells that a component is trained with."""
