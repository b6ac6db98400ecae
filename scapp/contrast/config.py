"""Choices of CLEAR: augmentations, model, loss, training. Imports no torch, so that forms load fast."""

from typing import Any, Literal

from scapp.core.config import Config, setting
from scapp.core.errors import ConfigError

DENSE_LIMIT_BYTES = 2e9
"""Larger training matrices stay sparse in memory and are made dense one batch at a time."""

Preset = Literal["paper", "authors_code"]


class AugmentationConfig(Config):
    """The five distortions of the CLEAR paper, in its order."""

    mask_probability: float = setting(
        0.5,
        title="Mask: how often",
        help="Share of the views in which some genes are set to zero, like dropout.",
        ge=0,
        le=1,
        advanced=True,
    )
    mask_share: float = setting(
        0.2,
        title="Mask: share of genes",
        help="Share of the genes set to zero in such a view.",
        ge=0,
        le=1,
        advanced=True,
    )
    noise_probability: float = setting(
        0.5, title="Noise: how often", help="Share of the views that get Gaussian noise.", ge=0, le=1, advanced=True
    )
    noise_share: float = setting(
        0.8,
        title="Noise: share of genes",
        help="Share of the genes that get noise in such a view.",
        ge=0,
        le=1,
        advanced=True,
    )
    noise_sd: float = setting(
        0.2,
        title="Noise: standard deviation",
        help="Strength of the noise, in units of the model's input.",
        ge=0,
        le=5,
        advanced=True,
    )
    swap_probability: float = setting(
        0.5,
        title="Swap: how often",
        help="Share of the views in which genes swap their values in pairs.",
        ge=0,
        le=1,
        advanced=True,
    )
    swap_share: float = setting(
        0.1,
        title="Swap: share of genes",
        help="Share of the genes that take part in a swap.",
        ge=0,
        le=1,
        advanced=True,
    )
    crossover_probability: float = setting(
        0.5,
        title="Crossover: how often",
        help="Share of the views that take genes from one other cell.",
        ge=0,
        le=1,
        advanced=True,
    )
    crossover_share: float = setting(
        0.25,
        title="Crossover: share of genes",
        help="Share of the genes taken from the other cell.",
        ge=0,
        le=1,
        advanced=True,
    )
    mixture_probability: float = setting(
        0.5,
        title="Crossover with many: how often",
        help="Share of the views that take genes from many other cells.",
        ge=0,
        le=1,
        advanced=True,
    )
    mixture_share: float = setting(
        0.25,
        title="Crossover with many: share of genes",
        help="Share of the genes taken, each from a cell of its own.",
        ge=0,
        le=1,
        advanced=True,
    )


class ClearConfig(Config):
    """CLEAR: how cells become representations.

    The defaults are the published text (Han et al. 2022). It leaves the scaling of the input and a ReLU on
    the embedding open; both are as in the authors' code, because without them Adam at rate 1 stays near
    chance (benchmarks/README.md). See ``preset`` for the authors' code.
    """

    preset: Preset = setting(
        "paper",
        title="Preset",
        help="'paper' follows the published text; 'authors_code' does what the authors' public code does.",
        hidden=True,
    )
    epochs: int = setting(
        200,
        title="Epochs",
        help="How many times training goes through the cells. More takes longer and may help small data.",
        ge=1,
        le=10_000,
    )
    batch_size: int = setting(
        512,
        title="Cells per step",
        help="Cells seen at once; capped at the number of cells.",
        unit="cells",
        ge=2,
        le=16_384,
    )
    min_steps_per_epoch: int = setting(
        4,
        title="Least steps per epoch",
        help="Small data are split into at least so many batches, because one step per epoch hardly trains anything.",
        ge=1,
        le=100,
        advanced=True,
    )
    learning_rate: float = setting(
        1.0,
        title="Learning rate",
        help="Step size. Too large and the loss jumps or becomes NaN; too small and nothing is learnt.",
        gt=0,
        le=10,
    )
    optimizer: Literal["adam", "adamw", "sgd"] = setting(
        "adam",
        title="Optimizer",
        help="The paper says Adam, the authors' code uses SGD with momentum 0.9.",
        advanced=True,
    )
    weight_decay: float = setting(0.0, title="Weight decay", help="Keeps weights small.", ge=0, le=1, advanced=True)
    cosine_schedule: bool = setting(
        True,
        title="Cosine schedule",
        help="The learning rate falls to zero along a cosine, epoch by epoch.",
        advanced=True,
    )
    temperature: float = setting(
        0.2,
        title="Temperature",
        help="Smaller pushes the most similar cells apart harder; larger treats all other cells alike.",
        gt=0,
        le=5,
    )
    queue_size: int = setting(
        1024,
        title="Queue",
        help="How many earlier embeddings serve as negatives.",
        unit="cells",
        ge=1,
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
    symmetric: bool = setting(
        True,
        title="Symmetric loss",
        help="Both views are queries, and the batch's other keys are negatives too (paper, equations 1 and 2); otherwise one direction and the queue only.",
        advanced=True,
    )
    exclude_own_keys: bool = setting(
        True,
        title="Own keys are no negatives",
        help="A cell's earlier embeddings in the queue are not counted as other cells.",
        advanced=True,
    )
    hidden: int = setting(1024, title="Hidden units", help="Width of the first layer.", ge=8, le=8192, advanced=True)
    dim: int = setting(
        128, title="Embedding dimensions", help="Length of the representation.", ge=2, le=1024, advanced=True
    )
    output_relu: bool = setting(
        True,
        title="ReLU on the embedding",
        help="The embedding is clipped at zero, as in the authors' code; the text leaves it open.",
        advanced=True,
    )
    scale_input: bool = setting(
        True,
        title="Scale genes",
        help="Each gene is centred, divided by its standard deviation and clipped at 10. A masked gene is then average, not absent.",
        advanced=True,
    )
    inference: Literal["query", "key"] = setting(
        "query",
        title="Encoder used at the end",
        help="The paper uses the query encoder, the authors' code the key encoder.",
        advanced=True,
    )
    normalise_embedding: bool = setting(
        True, title="Unit length", help="Embeddings are scaled to length 1, as in the loss.", advanced=True
    )
    augmentation: AugmentationConfig = AugmentationConfig()
    seed: int = setting(
        0, title="Seed", help="The same seed gives the same result on the same machine.", ge=0, le=2**31 - 1
    )


PRESETS: dict[str, dict[str, Any]] = {
    "paper": {},
    "authors_code": {
        "epochs": 100,
        "min_steps_per_epoch": 1,
        "optimizer": "sgd",
        "weight_decay": 1e-6,
        "cosine_schedule": False,
        "symmetric": False,
        "exclude_own_keys": False,
        "inference": "key",
        "augmentation": {"noise_sd": 0.5},
    },
}
"""What each preset changes from the defaults of ``ClearConfig``."""


def clear_config(preset: str = "paper", **changes: Any) -> ClearConfig:
    """A preset's configuration, with some values changed.

    Raises
    ------
    ConfigError
        Unknown preset, unknown setting or value out of bounds.
    """
    if preset not in PRESETS:
        raise ConfigError(f"There is no preset '{preset}'.", hint=f"Choose one of: {', '.join(PRESETS)}.")
    values = {"preset": preset, **PRESETS[preset], **changes}
    base = PRESETS[preset].get("augmentation", {})
    values["augmentation"] = {**base, **dict(changes.get("augmentation", {}))}
    return ClearConfig.build(values)


SMALLEST_BATCH = 16


def effective_sizes(config: ClearConfig, n_cells: int) -> tuple[int, int]:
    """Batch and queue size for a number of cells.

    Batches are small enough for ``min_steps_per_epoch``, but not below 16 cells. Below ``batch_size``
    cells the queue holds as many keys as there are cells (the authors' code: both are the number of cells).
    """
    for_steps = max(n_cells // config.min_steps_per_epoch, SMALLEST_BATCH)
    batch = min(config.batch_size, for_steps, n_cells)
    return batch, config.queue_size if n_cells >= config.batch_size else min(config.queue_size, n_cells)


def estimate_memory(config: ClearConfig, n_cells: int, n_genes: int) -> float:
    """Bytes that training takes: the matrix, the model with its optimizer, and the views of a batch."""
    batch, queue = effective_sizes(config, n_cells)
    weights = config.hidden * (n_genes + config.dim)
    dense = min(4.0 * n_cells * n_genes, DENSE_LIMIT_BYTES)
    return dense + 4.0 * (6 * weights + 12 * batch * n_genes + 4 * batch * (queue + 2 * batch)) + 5e8
