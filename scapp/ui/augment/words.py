"""Sentences of the Augmentations page, for biologists and classes."""

AUGMENTATIONS = (
    "CLEAR learns by recognising a cell after its profile was distorted. What may change without making it another cell"
    " is decided here: each **augmentation** below is one kind of distortion. Too little, and recognising is trivial;"
    " too much, and types can no longer be told apart."
)
SCALED_PREVIEW = (
    "This preset centres and scales genes before it distorts them, so a masked gene becomes average rather than absent;"
    " values below are shown on the log scale again (mean and spread are those of 256 cells)."
)
COPIES = (
    "Augmented copies of some cells, placed among all cells by PCA. Copies that reach into another type teach the"
    " network that the two types are alike. Copies are brought back to the sum of values of their cell before they are"
    " placed: a network does not mind that all cells are masked alike."
)


def strength_verdict(here: float, plain: float, chance: float) -> str:
    """What the share of copies that stay with their type says, in plain words; all in percent."""
    if here >= plain - 3:
        return (
            f"With these settings {here:.0f}% of copies lie nearest to a cell of their own type ({plain:.0f}% of the"
            " cells themselves do): the distortion hardly moves cells. **It may be too weak** for the network to learn"
            " more than PCA shows."
        )
    if here <= chance + 0.15 * (plain - chance):
        return (
            f"With these settings {here:.0f}% of copies lie nearest to a cell of their own type; by chance"
            f" {chance:.0f}% would. In PCA the types are lost: **it may be too strong**, unless what remains is enough"
            " for a network, as it often is after heavy masking."
        )
    return (
        f"With these settings {here:.0f}% of copies lie nearest to a cell of their own type ({plain:.0f}% of the cells"
        f" themselves do, {chance:.0f}% by chance): copies move, and mostly stay with their type."
    )
