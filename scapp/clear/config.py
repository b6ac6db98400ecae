"""Choices of CLEAR: augmentations, model, loss, training. Imports no torch, so that forms load fast."""

from typing import Any, Literal

import pydantic

from scapp.clear.augment.config import AugmentationConfig
from scapp.core.config import Config, setting
from scapp.core.errors import ConfigError

DENSE_LIMIT_BYTES = 2e9
"""Larger training matrices stay sparse in memory and are made dense one batch at a time."""

Preset = Literal["recommended", "paper", "authors_code"]

RECOMMENDED_AUGMENTATIONS: dict[str, float] = {
    **{f"{name}_probability": 0.0 for name in ("mask", "noise", "swap", "crossover", "mixture")},
    "dropout_probability": 1.0,
    "dropout_share": 0.8,
}
"""Heavy dropout alone; the paper's five are off."""


class ClearConfig(Config):
    """CLEAR: how cells become representations.

    The defaults are the preset ``recommended``. Naming another preset changes every setting that is not
    given beside it: ``ClearConfig(preset="paper")`` is the published text (Han et al. 2022). It leaves the
    scaling of the input and a ReLU on the embedding open; both are as in the authors' code, because without
    them Adam at rate 1 stays near chance (benchmarks/README.md). ``authors_code`` is the authors' code.
    """

    preset: Preset = setting(
        "recommended",
        title="Preset",
        help=(
            "'recommended' is not the paper's: heavy dropout instead of its five augmentations, neighbours as"
            " positives, no queue, no momentum encoder, and PCA beside it, because that finds neighbourhoods"
            " better on data that had no part in the choice; 'paper' follows the published text; 'authors_code'"
            " does what the authors' public code does."
        ),
        hidden=True,
    )
    epochs: int | None = setting(
        None,
        title="Epochs",
        help=(
            "How many times training goes through the cells. Empty: as many as the number of cells asks for (see"
            " 'Steps')."
        ),
        empty="automatic",
        ge=1,
        le=10_000,
    )
    steps: int = setting(
        800,
        title="Steps, where epochs are left open",
        help=(
            "What trains a network is its number of steps: small datasets are passed over more often than large ones,"
            " but every cell 4 to 50 times."
        ),
        ge=1,
        le=1_000_000,
        advanced=True,
    )
    batch_size: int = setting(
        256,
        title="Cells per step",
        help="Cells seen at once; capped at the number of cells.",
        unit="cells",
        ge=2,
        le=16_384,
    )
    min_steps_per_epoch: int = setting(
        2,
        title="Minimum steps per epoch",
        help="Small data are split into at least so many batches, because one step per epoch hardly trains anything.",
        ge=1,
        le=100,
        advanced=True,
    )
    learning_rate: float = setting(
        1e-3,
        title="Learning rate",
        help="Step size. Too large and the loss jumps or becomes NaN; too small and nothing is learnt.",
        gt=0,
        le=10,
    )
    optimizer: Literal["adam", "adamw", "sgd"] = setting(
        "adamw",
        title="Optimizer",
        help="The paper says Adam, the authors' code uses SGD with momentum 0.9.",
        advanced=True,
    )
    weight_decay: float = setting(1e-4, title="Weight decay", help="Keeps weights small.", ge=0, le=1, advanced=True)
    cosine_schedule: bool = setting(
        True,
        title="Cosine schedule",
        help="The learning rate falls to zero along a cosine, epoch by epoch.",
        advanced=True,
    )
    temperature: float = setting(
        0.5,
        title="Temperature",
        help="Smaller pushes the most similar cells apart harder; larger treats all other cells alike.",
        gt=0,
        le=5,
    )
    queue_size: int = setting(
        0,
        title="Queue",
        help=(
            "How many earlier embeddings serve as negatives, beside the other cells of the batch where the loss is"
            " symmetric."
        ),
        unit="cells",
        ge=0,
        le=65_536,
        advanced=True,
    )
    momentum: float = setting(
        0.999,
        title="Key momentum",
        help="How slowly the key encoder follows the query encoder. With few steps, 0.99 lets it follow at all.",
        ge=0,
        le=1,
        advanced=True,
    )
    key_encoder: Literal["momentum", "query"] = setting(
        "query",
        title="Keys come from",
        help=(
            "A momentum encoder that follows slowly (MoCo), or the query encoder itself, which then learns from both"
            " sides (SimCLR)."
        ),
        advanced=True,
    )
    symmetric: bool = setting(
        True,
        title="Symmetric loss",
        help=(
            "Both views are queries, and the batch's other keys are negatives too (paper, equations 1 and 2); otherwise"
            " one direction and the queue only."
        ),
        advanced=True,
    )
    exclude_own_keys: bool = setting(
        True,
        title="Own keys are no negatives",
        help="A cell's earlier embeddings in the queue are not counted as other cells.",
        advanced=True,
    )
    positives: Literal["self", "neighbours"] = setting(
        "neighbours",
        title="Positive pairs",
        help=(
            "Two views of one cell, or of a cell and one of its nearest neighbours in PCA: then a type is drawn"
            " together, not a cell."
        ),
        advanced=True,
    )
    n_neighbors: int = setting(
        15,
        title="Neighbours that are positives",
        help="Of so many nearest cells (at most 5% of all), one is drawn for each view.",
        unit="cells",
        ge=1,
        le=200,
        advanced=True,
    )
    batch_key: str | None = setting(
        None,
        title="Batch column",
        help=(
            "Removes differences between batches: cells of one batch are compared with each other, and drawn to their"
            " like in all batches."
        ),
        column=True,
    )
    batch_positives: Literal["across", "within"] = setting(
        "across",
        title="Neighbours, with a batch column",
        help=(
            "'across': neighbours are looked for in all batches, in a PCA that Harmony has corrected, which ties"
            " batches together; 'within': in a cell's own batch."
        ),
        advanced=True,
    )
    after_training: Literal["harmony", "none"] = setting(
        "harmony",
        title="After training, with a batch column",
        help="A light Harmony takes away what training has left of the batches.",
        advanced=True,
    )
    label_key: str | None = setting(
        None,
        title="Labels to compare with",
        help=(
            "A column of known types: while training runs, and at its end, how well k-means finds them is shown, beside"
            " PCA. Nothing is learnt from it."
        ),
        column=True,
    )
    hidden: int = setting(512, title="Hidden units", help="Width of the first layer.", ge=8, le=8192, advanced=True)
    dim: int = setting(
        128, title="Embedding dimensions", help="Length of the representation.", ge=2, le=1024, advanced=True
    )
    normalisation: Literal["automatic", "none", "batch", "layer"] = setting(
        "automatic",
        title="Normalisation layer",
        help=(
            "After the first layer: none as published. 'automatic': over the cells of a step, or with a batch column"
            " over the units of a cell, so that no batch is centred by itself, whatever types are in it."
        ),
        advanced=True,
    )
    projection: int = setting(
        64,
        title="Projection head",
        help="Width of a last layer that only the loss sees and that is thrown away after training; 0 for none.",
        ge=0,
        le=1024,
        advanced=True,
    )
    representation: Literal["output", "hidden", "automatic"] = setting(
        "automatic",
        title="Representation",
        help=(
            "What is kept of a cell: the encoder's last layer, or its hidden layer. 'automatic': the hidden layer, or"
            " with a batch column the last, which mixes batches better."
        ),
        advanced=True,
    )
    beside: Literal["automatic", "none", "pca"] = setting(
        "automatic",
        title="Beside CLEAR",
        help=(
            "PCA of the same genes (50 components, not scaled) stands beside CLEAR's own columns, both at the same"
            " total variance. 'automatic': PCA, or with a batch column nothing, because PCA tells batches apart."
        ),
        advanced=True,
    )
    output_relu: bool = setting(
        False,
        title="ReLU on the embedding",
        help="The embedding is clipped at zero, as in the authors' code; the text leaves it open.",
        advanced=True,
    )
    scale_input: bool = setting(
        False,
        title="Scale genes",
        help=(
            "Each gene is centred, divided by its standard deviation and clipped at 10. A masked gene is then average,"
            " not absent."
        ),
        advanced=True,
    )
    inference: Literal["query", "key"] = setting(
        "query",
        title="Encoder used at the end",
        help="The paper uses the query encoder, the authors' code the key encoder.",
        advanced=True,
    )
    embedding_length: Literal["one", "root", "own"] = setting(
        "root",
        title="Length of embeddings",
        help=(
            "'one': scaled to length 1, as in the loss; 'own': left as the network makes them; 'root': the square root"
            " of that, in between."
        ),
        advanced=True,
    )
    augmentation: AugmentationConfig = AugmentationConfig(**RECOMMENDED_AUGMENTATIONS)
    seed: int = setting(
        0, title="Seed", help="The same seed gives the same result on the same machine.", ge=0, le=2**31 - 1
    )

    @property
    def keeps_hidden(self) -> bool:
        """Whether the hidden layer is the representation: of ``automatic``, where there is no batch column."""
        return self.representation == "hidden" or (self.representation == "automatic" and self.batch_key is None)

    @property
    def representation_width(self) -> int:
        """Columns of CLEAR's own representation."""
        return self.hidden if self.keeps_hidden else self.dim

    @property
    def normalises(self) -> Literal["none", "batch", "layer"]:
        """Kind of the normalisation layer."""
        if self.normalisation != "automatic":
            return self.normalisation
        return "batch" if self.batch_key is None else "layer"

    @property
    def has_pca_beside(self) -> bool:
        """Whether PCA stands beside CLEAR in the representation."""
        return self.beside == "pca" or (self.beside == "automatic" and self.batch_key is None)

    @pydantic.model_validator(mode="before")
    @classmethod
    def _with_preset(cls, values: Any) -> Any:
        """Fill in what the preset says and was not given, and read settings under the names of earlier workspaces."""
        if not isinstance(values, dict):
            return values
        values = dict(values)
        if "normalise_embedding" in values:
            length = "one" if values.pop("normalise_embedding") else "own"
            values.setdefault("embedding_length", length)
        if values.keys() >= _WRITTEN_BEFORE and "beside" not in values:
            # a record of before PCA stood beside CLEAR: it means what was done then
            values |= {"beside": "none", "batch_positives": "within", "after_training": "none"}
            if isinstance(values.get("augmentation"), dict):
                values["augmentation"] = {"crossover_from": "minibatch", **values["augmentation"]}
        changes = PRESETS.get(str(values.get("preset", "recommended")), {})  # an unknown one is refused by the field
        augmentation = values.get("augmentation", {})
        if isinstance(augmentation, dict):
            values["augmentation"] = {**changes.get("augmentation", RECOMMENDED_AUGMENTATIONS), **augmentation}
        return {**changes, **values}


_WRITTEN_BEFORE = frozenset({"temperature", "queue_size", "inference", "normalisation", "projection"})
"""All of these stand in a record of a run, and in no request of a person."""

PAPER: dict[str, Any] = {
    "epochs": 200,
    "batch_size": 512,
    "min_steps_per_epoch": 4,
    "learning_rate": 1.0,
    "optimizer": "adam",
    "weight_decay": 0.0,
    "temperature": 0.2,
    "queue_size": 1024,
    "key_encoder": "momentum",
    "positives": "self",
    "hidden": 1024,
    "normalisation": "none",
    "projection": 0,
    "representation": "output",
    "output_relu": True,
    "scale_input": True,
    "embedding_length": "one",
    "batch_positives": "within",
    "after_training": "none",
    "beside": "none",
    "augmentation": AugmentationConfig().model_dump(),
}
"""The published text."""

PRESETS: dict[str, dict[str, Any]] = {
    "recommended": {},
    "paper": PAPER,
    "authors_code": {
        **PAPER,
        "epochs": 100,
        "min_steps_per_epoch": 1,
        "optimizer": "sgd",
        "weight_decay": 1e-6,
        "cosine_schedule": False,
        "symmetric": False,
        "exclude_own_keys": False,
        "inference": "key",
        "augmentation": {**PAPER["augmentation"], "noise_sd": 0.5},
    },
}
"""What each preset changes from the defaults of ``ClearConfig``."""


def clear_config(preset: str = "recommended", **changes: Any) -> ClearConfig:
    """A preset's configuration, with some values changed.

    Raises
    ------
    ConfigError
        Unknown preset, unknown setting or value out of bounds.
    """
    if preset not in PRESETS:
        raise ConfigError(f"There is no preset '{preset}'.", hint=f"Choose one of: {', '.join(PRESETS)}.")
    return ClearConfig.build({"preset": preset, **changes})
