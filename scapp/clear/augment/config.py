"""Choices of the augmentations."""

from typing import Literal

from scapp.core.config import Config, setting


class AugmentationConfig(Config):
    """The five distortions of the CLEAR paper, in its order, and three of later work, which the paper's presets leave
    out.
    """

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
    crossover_from: Literal["dataset", "minibatch"] = setting(
        "dataset",
        title="Crossover: partners from",
        help="The whole dataset, other batches too, as the paper has it; or the cells of the same step.",
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
    groups_probability: float = setting(
        0.0,
        title="Gene groups: how often",
        help="Share of the views in which groups of genes that vary together are set to zero.",
        ge=0,
        le=1,
        advanced=True,
    )
    groups_share: float = setting(
        0.2,
        title="Gene groups: share",
        help="Chance of each of 50 groups to be set to zero in such a view.",
        ge=0,
        le=1,
        advanced=True,
    )
    dropout_probability: float = setting(
        0.0,
        title="Heavy dropout: how often",
        help="Share of the views in which each gene is lost with a chance.",
        ge=0,
        le=1,
        advanced=True,
    )
    dropout_share: float = setting(
        0.8,
        title="Heavy dropout: share",
        help="Chance of each gene to be set to zero in such a view.",
        ge=0,
        le=1,
        advanced=True,
    )
    thin_probability: float = setting(
        0.0,
        title="Thinning: how often",
        help="Share of the views in which molecules are lost. Needs raw counts, and genes that are not scaled.",
        ge=0,
        le=1,
        advanced=True,
    )
    thin_share: float = setting(
        0.5,
        title="Thinning: share",
        help="Chance of each molecule to be lost in such a view.",
        ge=0,
        le=1,
        advanced=True,
    )
