"""Sentences of the Train CLEAR page, for biologists and classes."""

import numpy as np
import pandas as pd

from scapp.clear.learnt import Fault, fault_of
from scapp.clear.one_cell import OneCell
from scapp.metrics.mixing import VISIBLE

LOSS = (
    "How hard it is to find a cell's other view among the negatives. At **chance** (dashed) nothing has been learnt; "
    "a falling curve means that cells become recognisable."
)
LEARNING_RATE = "Step size of the optimizer in each epoch."
SIMILARITIES = (
    "How similar two views are after this epoch: of the same cell (or of neighbours that belong together), and of"
    " different cells. Learning pulls the two apart."
)
SIMILARITY_COURSE = "The means of both, epoch by epoch, on 500 cells that are always the same."
ALIGNMENT = (
    "Two sides of a good embedding (Wang and Isola 2020): views of one cell lie close (**alignment**, 0 is best), and"
    " cells fill the sphere evenly (**uniformity**, -4 is best)."
)
AGREEMENT = (
    "How well k-means finds the known labels in 2,000 cells, while training goes on; dashed: in PCA of the same cells."
    " Nothing is learnt from the labels."
)
NO_LABELS = (
    "Known labels would say more: choose their column under 'Labels to compare with' before the next run, or compare"
    " this representation's map with PCA's."
)
NO_FRAMES = "This run kept no epochs to look back on."
REPLAY = (
    "Every kept epoch of this run: press **Play**, or drag the slider. Left, up to 2,000 cells in the first two"
    " components of the embedding; right, how similar views of the same and of different cells are. To colour by"
    " something else, choose it above."
)
ONE_CELL = (
    "Training asks of every view: which of the others belongs to you? The loss is small when the **positive** is far"
    " more similar than all **negatives**. Negatives that are as similar as the positive are *hard*: they are pushed"
    " away most, in proportion to their share of the softmax. A **low temperature** lets the few hardest decide; a"
    " **high** one treats all alike."
)
ONE_CELL_SAMPLE = (
    "Compared with {n} negatives here; a training step has more or fewer, so its loss differs. The download holds all"
    " of them."
)
ACCURACY = "Share of views whose own partner is more similar than every negative."
CELLS_PER_S = "Median over the epochs so far."
SPREAD = (
    "The collapse meter. Near 1 the embeddings use all directions; near 0 all cells look alike and the map will be"
    " empty of meaning."
)
OVERLAY = (
    "At 1 (dashed) nothing has been learnt. A lower loss is an easier task solved better, not by itself a better map:"
    " compare the maps."
)
RUNS = (
    "Every run keeps its own representation. To see two side by side, make the map of each on Clusters & map and open"
    " 'Compare maps' there."
)
CONFOUNDED = (
    "Removing it helps to find the same types in all conditions; to see the response itself, train without a batch"
    " column as well."
)

NO_REFERENCE_MAP = (
    "To see these cells on the other dataset's map, make that map first (Clusters & map, of this run's representation),"
    " and place the cells again."
)
MANY_FAR = 0.1
FAR = (
    "Places of such cells say little (`distance_to_reference` above 1). Each cell stands at the weighted median of its"
    " 15 nearest reference cells, so a type that the reference lacks lands among others."
)
APPLY = (
    "The encoder of that run embeds these cells as they are; nothing is trained. They come to lie in the space of the"
    " dataset that it was trained on, as `X_clear_applied`, of which the map page draws a map, and on that"
    " dataset's own map, where it has one. Genes are matched by name, id or symbol."
)


def batches_seen(column: str, share: float, chance: float) -> str:
    """What is said of a column that looks like batches."""
    seen = f"Of a cell's nearest neighbours in PCA, **{share:.0%}** are of its own '{column}' (by chance {chance:.0%})."
    if share < chance + VISIBLE:
        return f"{seen} There is little to remove."
    return f"{seen} If '{column}' says what was processed together, CLEAR can be told, and removes the difference."


VERDICT_EPOCHS = 10
FAULTS: dict[Fault, str] = {
    "collapsed": "**Collapsed**: all cells look alike. Strengthen the augmentations or lower the learning rate.",
    "near chance": "The loss is still close to chance: little has been learnt so far.",
}
NOT_CHOSEN = (
    "It did not replace the representation that pages mean by CLEAR; to use it all the same, choose it below under"
    " 'Runs of this dataset'."
)
NOISE = 0.05
"""ARIs of equally good representations differ by so much from seed to seed (benchmarks/README.md)."""


def worth(label_key: str, n_labels: int, ari: float, reference: float | None) -> tuple[str, str]:
    """Whether CLEAR finds the labels better than PCA does: ``good``, ``equal`` or ``worse``, and in words."""
    found = (
        f"Told that there are {n_labels} groups, k-means agrees with '{label_key}' with an ARI of {ari:.2f} in this"
        " representation"
    )
    if reference is None:
        return "equal", f"{found}."
    found += f" and {reference:.2f} in PCA"
    if ari >= reference + NOISE:
        return "good", f"{found}: **better than PCA here**, with this seed."
    if ari > reference - NOISE:
        return (
            "equal",
            f"{found}: **no clear difference** (less than another seed can make). Either will do for clusters and map.",
        )
    return (
        "worse",
        (
            f"{found}: **PCA is better here**. Use PCA for clusters and map, or train again: with a batch column where"
            " batches differ, another seed, or more steps."
        ),
    )


def loss_in_words(found: OneCell, temperature: float) -> str:
    """One cell's loss in a sentence or two."""
    shares = np.sort(found.negatives[np.isfinite(found.negatives)])[::-1]
    hardest = shares[:5].sum() / max(shares.sum(), 1e-12)
    return (
        f"At temperature {temperature:g} the positive has {100 * found.positive:.1f}% of the softmax: the loss is"
        f" **{found.loss:.2f}** (chance: {found.chance:.2f}). The five hardest of {len(shares)} negatives get"
        f" {100 * hardest:.0f}% of the push."
    )


def verdict(rows: list[dict[str, float]], *, ended: bool = False) -> str:
    """One plain sentence on how a training run is doing, or has done, from its logged rows."""
    if not rows:
        return "Waiting for the first epoch."
    last = rows[-1]
    if (fault := fault_of(last)) is not None:
        return FAULTS[fault]
    if len(rows) < VERDICT_EPOCHS and not ended:
        return "**Learning**: the loss is below chance; a few more epochs will show where it goes."
    fallen = rows[-min(VERDICT_EPOCHS, len(rows))]["loss"] - last["loss"]
    if fallen < -0.005 * last["chance"]:
        return "The loss is below chance but **rising**: a lower learning rate may help."
    finished = finished_at([row["loss"] for row in rows])
    if finished is not None:
        return f"**Finished learning at epoch {rows[finished]['epoch']:.0f}**: since then the loss has hardly changed."
    if ended:
        return "The loss is below chance and **was still falling** at the end: more epochs may help."
    return "**Learning**: the loss is below chance and falling."


def finished_at(losses: list[float]) -> int | None:
    """Position from which the loss has stayed level, when that is a fifth of the run or more, else None.

    Level is, by a running median of seven, within 5% of the whole fall from where it ended.
    """
    smooth = pd.Series(losses).rolling(7, center=True, min_periods=1).median().to_numpy()
    fall = max(losses) - smooth[-1]
    away = np.flatnonzero(np.abs(smooth - smooth[-1]) > 0.05 * fall)
    start = int(away[-1]) + 1 if len(away) else 0
    return start if len(losses) - start >= max(len(losses) // 5, VERDICT_EPOCHS // 2) else None
