"""Sentences for biologists and classes; the same words on every page."""

import numpy as np
import pandas as pd

from scapp.contrast.one_cell import OneCell

WHAT_IS_SCAPP = (
    "scapp takes a count matrix from single-cell RNA-seq, trains **CLEAR** on it (self-supervised contrastive "
    "learning: a network learns to recognise a cell after its profile was distorted), and shows the cells on a map."
)

STEPS = (
    (
        "upload_qc",
        "1 · Upload & QC",
        "Bring a count matrix or pick an example, look at its quality, filter and normalise it.",
    ),
    (
        "augmentations",
        "See what augmentations do",
        "What CLEAR does to a cell before it has to recognise it. You may skip this.",
    ),
    ("train_clear", "2 · Train CLEAR", "Watch the loss and the embedding while the network learns."),
    ("cell_map", "3 · Clusters & map", "Make a map and clusters, colour them, select cells."),
    (
        "classify",
        "Classify cells",
        "Learn cell types from an annotated dataset, and annotate another. You may skip this.",
    ),
    (
        "differential_expression",
        "Compare conditions",
        "Who is there, what changed and why, across conditions and donors. You may skip this.",
    ),
    (
        "benchmarks",
        "Does CLEAR help?",
        "CLEAR beside other representations on your data. You may skip this.",
    ),
    ("export", "4 · Export", "Take away the data, tables, a report, and the session as a script."),
)

AUGMENTATIONS = (
    "CLEAR learns by recognising a cell after its profile was distorted. What may change without making it another cell is "
    "decided here: each **augmentation** below is one kind of distortion. Too little, and recognising is trivial; too much, and "
    "types can no longer be told apart."
)
SCALED_PREVIEW = (
    "This preset centres and scales genes before it distorts them, so a masked gene becomes average rather than absent; values "
    "below are shown on the log scale again (mean and spread are those of 256 cells)."
)
COPIES = (
    "Augmented copies of some cells, placed among all cells by PCA. Copies that reach into another type teach the network that "
    "the two types are alike. Copies are brought back to the sum of values of their cell before they are placed: a network does not "
    "mind that all cells are masked alike."
)
LOSS = (
    "How hard it is to find a cell's other view among the negatives. At **chance** (dashed) nothing has been learnt; "
    "a falling curve means that cells become recognisable."
)
LEARNING_RATE = "Step size of the optimizer in each epoch."
SIMILARITIES = "How similar two views are after this epoch: of the same cell (or of neighbours that belong together), and of different cells. Learning pulls the two apart."
SIMILARITY_COURSE = "The means of both, epoch by epoch, on 500 cells that are always the same."
ALIGNMENT = "Two sides of a good embedding (Wang and Isola 2020): views of one cell lie close (**alignment**, 0 is best), and cells fill the sphere evenly (**uniformity**, -4 is best)."
AGREEMENT = "How well k-means finds the known labels in 2,000 cells, while training goes on; dashed: in PCA of the same cells. Nothing is learnt from the labels."
NO_LABELS = (
    "Without known labels nobody can say whether this representation is better than PCA. Compare their maps, or choose a column under "
    "'Labels to compare with' before the next run."
)
NO_FRAMES = "This run kept no epochs to look back on."
REPLAY = (
    "Every kept epoch of this run: press **Play**, or drag the slider. Left, up to 2,000 cells in the first two components of the embedding; "
    "right, how similar views of the same and of different cells are. To colour by something else, choose it above."
)
ONE_CELL = (
    "Training asks of every view: which of the others belongs to you? The loss is small when the **positive** is far more similar than all "
    "**negatives**. Negatives that are as similar as the positive are *hard*: they are pushed away most, in proportion to their share of the "
    "softmax. A **low temperature** lets the few hardest decide; a **high** one treats all alike."
)
ONE_CELL_SAMPLE = "Compared with {n} negatives here; a training step has more or fewer, so its loss differs. The download holds all of them."
ACCURACY = "Share of views whose own partner is more similar than every negative."
SPREAD = "The collapse meter. Near 1 the embeddings use all directions; near 0 all cells look alike and the map will be empty of meaning."
EXAMPLE_INTRO = "No file at hand? Pick an example; nothing is downloaded."
MAP = "Clusters are made from the neighbours, not from the drawing: the same clusters can be looked at on either kind of map."
SELECT_ONLY = "Draw a lasso or box to select cells."
SELECT = (
    "Click a name in the legend to hide a group, double-click to see it alone. Draw a lasso or box to select cells; "
    "cells hidden by the legend are selected as well, those left out by 'Show only' are not."
)
SWEEP = (
    "A resolution is a good choice where the number of clusters stays the same over a range and clusters hardly change from "
    "one resolution to the next (ARI near 1). Agreement with labels is shown where the data hold labels."
)
MARKERS = (
    "Genes that are higher in a group than in all other cells. Every cell counts as a sample of its own, so p-values are for ranking "
    "genes, not for claims about people or animals; clusters were made from the same values, which makes p smaller still."
)
NAMING = (
    "A suggestion compares the cluster's marker genes with the panel: the fit is the chance that one of a type's genes stands above "
    "another gene in the cluster (0.5 is chance). **clear**: far above chance and ahead of the next type; **likely**: above chance, with genes that "
    "speak for it and no other type as good; otherwise no name is suggested, and a cluster that you leave unnamed keeps its number. It is a hint, not a proof: look at the genes. Clusters of the same name become one group."
)
COLOURS = "Colours are kept with the data, used on every map, and exported in `uns` as scanpy expects them."
COMPARE = "Draw a lasso on the left map: the same cells are shown on the right one."
FLAVOURS = {
    "everything": "Every value, with its history in `uns['scapp']`: for scanpy (`sc.read_h5ad`), CELLxGENE, or any tool that reads AnnData.",
    "cellxgene": "Counts in `.raw`, Ensembl ids as gene names where they are known, and the CELLxGENE schema's names of annotations.",
    "tables": "Cells, genes, embeddings, marker genes and sweeps, each as a CSV file, in one zip.",
    "study": "Conditions and donors: design, composition, genes, scores and pathways, on one page that needs nothing else.",
    "report": "Maps, marker genes, methods and steps on one page that needs nothing else; figures can be zoomed and saved.",
}
SCRIPT = (
    "Everything that is in place, as code that makes it again and as a paragraph for a paper. Steps whose results were "
    "replaced are left out. With the same file, versions, threads and device the values are equal to the last bit; the script says so at its end."
)
HISTORY = (
    "Steps can be taken back, and brought back for seven days. What was made from values that have changed since is marked "
    "**out of date** and can be run again with the same settings. Import and filtering made this dataset: to go back behind "
    "them, open the dataset that it came from on Upload & QC."
)
BY_HAND_STALE = (
    "What was written by hand is not written again onto other cells: look at the groups and write it anew "
    "(tab 'Cell types', or a selection on the map)."
)
PUBLIC = "Public datasets, downloaded when you ask for them and kept in the workspace. The examples need no network."
OVERLAY = "At 1 (dashed) nothing has been learnt. A lower loss is an easier task solved better, not by itself a better map: compare the maps."
RUNS = "Every run keeps its own representation. To see two side by side, make the map of each on Clusters & map and open 'Compare maps' there."
SAMPLES = (
    "They become one dataset; genes are matched by their ids. Fill in what you know: every column becomes an annotation of "
    "the cells. You may also download the sheet, fill it in elsewhere and upload it."
)
CLUSTER_SCORES = (
    "How well clusters agree with labels that came with the data. ARI and NMI are 1 for perfect agreement and about 0 for chance. "
    "k-means was told its number of clusters; Leiden was not."
)

CLASSIFY = (
    "A **classifier** learns cell types from an annotated dataset, says which of them it can be trusted with, and annotates other datasets. A "
    "**contrastive component** sits between its encoder and its head: MLP-CC pulls cells of one type together, MLS-CC gives each type a circle of its own."
)
HARDER_TEST = "Test cells of the same donors are easy. To learn what happens with new donors, choose their column under 'Hold out whole groups of'."
CLASSIFIER_CURVES = "Loss on training cells (solid) and on validation cells (dashed), a figure for each stage; of each, the state with the lowest validation loss is kept. A linear head is solved, once for each penalty."
START_KEPT = (
    "Of MLS-CC the **start** was kept: each circle is the ridge regression of its type against all others. Training by contrast gave circles that a head "
    "tells validation cells apart by less well."
)
OWN_MODEL = "This model was trained on this very dataset: what it says here shows what it has learnt by heart. See the tab 'Evaluate' for cells that it never saw. Cells without a label were not learnt from: for them it is a prediction like any other."
TYPES = (
    "On test cells, which were never trained on. AUPRC is 1 when all cells of a type are ranked above all others; by chance it is the type's share of the cells. "
    "It is missing where a type has no test cell."
)
CONFUSION = "Of the test cells of each type (row), the share that was called each type (column)."
CALIBRATION = "Bars on the dashed line: of the cells named with a probability of 0.8, 80% were named rightly. Probabilities were calibrated on validation cells (temperature scaling)."
WRONG = "Wrongly named with a high probability: a type that the labels mix up, doublets, or a label that is itself wrong. They are worth a look on the map."
ONTOLOGY = "Types are matched by their names, synonyms or ids (CL:0000084). Needs the optional package cellxgene-ontology-guide."
ONTOLOGY_SCORES = (
    "A predicted subtype of the truth counts as right, a broader type as partly right (the share of the truth's broader terms that it has too). "
    "'Propagated': types that are near in the ontology share their probability (random walk with restart, as OnClass)."
)
ANNOTATE = "The model reads raw counts; its genes are found by name, Ensembl id or symbol. The result is written to `predicted_cell_type` and `predicted_probability`."
LABELS = "Cells of each type, and where the types lie on the map: to see before training which types are rare, and which lie together."
EXPERIMENT = (
    "Does a contrastive component help **on this data**? Every base model is trained with and without components, in up to three settings and with several seeds, "
    "on the same cells; other people's classifiers stand beside them. Figures are of test cells alone."
)
QUICK = "Logistic regression in the setting 'Data Scarce' with two seeds: a first look in a minute or two. Turn it off for the whole experiment."
PAIRED = (
    "Each figure of each type with and without the component, in the same split. The t-test and the first Wilcoxon test (the thesis's) take every pair of seed and type, "
    "but pairs of one type are not independent of each other; the last column tests means of each type over seeds and is the one to believe. "
    "No p is given where nothing differs."
)
GAINS = "A point for each type and seed. Above the line the component names the type better than the base model alone; with few test cells (hover) points jump."
DROPPED = "Means over seeds of models that were trained on whole cells. What reads X_clear is left out, because X_clear would have to be learnt again."
GRID = "Factors of the learning rate and the temperature that were set; the first setting and the first seed. The less the figures vary, the less a choice matters."

CIRCLES = (
    "MLS-CC gives every type a circle of its own and places every cell on each of them: on the circle of a type, its own cells (blue) should lie "
    "together, and all others (grey) elsewhere. **A good circle** has the blue cells in one short stretch that the grey ones leave free. On **a middling one** "
    "the blue cells lie together but some grey ones are among them: types that resemble it. On **a bad one** blue and grey lie everywhere: do not trust what the classifier says of that type."
)
CIRCLE_PARTS = "Only test cells show what the circle is worth: training cells lie well because they were put there."
DRAW_AROUND = "Draw around points (lasso or box, above the figure) to see which cells they are, on the map and on all other circles."
COURSE = "Test cells on the circle above at every step that was validated. Training starts from a ridge regression of the type against all others, or from chance, as was chosen."
RIMS = (
    "Around each rim, how many of the type's cells (blue) and of all others (grey) lie there; bars grow with the square root, so that few cells can be seen. The number is the "
    "AUPRC, on test cells, of how close a cell lies to the mean direction of the type's training cells: 1 is best."
)
VERDICT_EPOCHS = 10
NOISE = 0.05
"""ARIs of equally good representations differ by so much from seed to seed (benchmarks/README.md)."""


def strength_verdict(here: float, plain: float, chance: float) -> str:
    """What the share of copies that stay with their type says, in plain words; all in percent."""
    if here >= plain - 3:
        return (
            f"With these settings {here:.0f}% of copies lie nearest to a cell of their own type ({plain:.0f}% of the cells themselves do): "
            "the distortion hardly moves cells. **It may be too weak** for the network to learn more than PCA shows."
        )
    if here <= chance + 0.15 * (plain - chance):
        return (
            f"With these settings {here:.0f}% of copies lie nearest to a cell of their own type; by chance {chance:.0f}% would. In PCA the types are lost: "
            "**it may be too strong**, unless what remains is enough for a network, as it often is after heavy masking."
        )
    return (
        f"With these settings {here:.0f}% of copies lie nearest to a cell of their own type ({plain:.0f}% of the cells themselves do, {chance:.0f}% by chance): "
        "copies move, and mostly stay with their type."
    )


def worth(label_key: str, n_labels: int, ari: float, reference: float | None) -> tuple[str, str]:
    """Whether CLEAR finds the labels better than PCA does: ``good``, ``equal`` or ``worse``, and in words."""
    found = f"Told that there are {n_labels} groups, k-means agrees with '{label_key}' with an ARI of {ari:.2f} in this representation"
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
    return "worse", (
        f"{found}: **PCA is better here**. Use PCA for clusters and map, or train again: with a batch column where batches differ, "
        "another seed, or more steps."
    )


def loss_in_words(found: OneCell, temperature: float) -> str:
    """One cell's loss in a sentence or two."""
    shares = np.sort(found.negatives[np.isfinite(found.negatives)])[::-1]
    hardest = shares[:5].sum() / max(shares.sum(), 1e-12)
    return (
        f"At temperature {temperature:g} the positive has {100 * found.positive:.1f}% of the softmax: the loss is **{found.loss:.2f}** "
        f"(chance: {found.chance:.2f}). The five hardest of {len(shares)} negatives get {100 * hardest:.0f}% of the push."
    )


def verdict(rows: list[dict[str, float]], *, ended: bool = False) -> str:
    """One plain sentence on how a training run is doing, or has done, from its logged rows."""
    if not rows:
        return "Waiting for the first epoch."
    last = rows[-1]
    if last["spread"] < 0.02:
        return "**Collapsed**: all cells look alike. Strengthen the augmentations or lower the learning rate."
    if last["chance"] - last["loss"] < 0.02 * last["chance"]:
        return "The loss is still close to chance: little has been learnt so far."
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


def component_worth(table: pd.DataFrame) -> str:
    """Whether contrastive components helped, of classifiers of one dataset by ``base``, ``component``, ``macro_f1`` and ``test``.

    Only those with the same base model and the same test cells are compared.
    """
    found = []
    for (base, _), same in table.groupby(["base", "test"], sort=False):
        plain = same.loc[same["component"] == "none", "macro_f1"]
        if plain.empty:
            continue
        for component, runs in same[same["component"] != "none"].groupby("component", sort=False):
            gain = float(runs["macro_f1"].max() - plain.max())
            how = "helps" if gain > 0.01 else "does not help" if gain > -0.01 else "**hurts**"
            found.append(f"{str(component).upper()}-CC {how} {base} here (macro F1 {gain:+.3f}, one seed)")
    if not found:
        return "To see whether a component helps, train the same base model with and without it, with the same seed."
    return "; ".join(found) + "."


def settings_in_words(numbers: pd.DataFrame, titles: dict[str, str]) -> str:
    """What each setting became on this data."""
    parts = []
    for row in numbers.itertuples():
        each = (
            f"{row.least_of_a_type:,}"
            if row.least_of_a_type == row.most_of_a_type
            else f"{row.least_of_a_type:,} to {row.most_of_a_type:,}"
        )
        parts.append(
            f"{titles.get(str(row.setting), row.setting)}: {row.n_types} types with {each} training cells each ({row.n_train:,} in all), {row.n_test:,} test cells"
        )
    return "; ".join(parts) + ". The numbers shrink where the data are small."


def components_in_words(tests: pd.DataFrame, gains: pd.DataFrame, titles: dict[str, str]) -> str:
    """Where components help and where they hurt: the change of macro F1, and the test over types of their AUPRC."""
    found = []
    for row in gains.itertuples():
        model = f"{row.base}+{row.component}"
        same = tests[(tests["setting"] == row.setting) & (tests["model"] == model) & (tests["against"] == row.base)]
        p = same.loc[same["figure"] == "auprc", "p_wilcoxon_types"]
        sure = len(p) > 0 and float(p.iloc[0]) < 0.05
        change = same.loc[same["figure"] == "auprc", "difference"]
        what = "makes no clear difference"
        if sure and len(change):
            what = "**helps**" if float(change.iloc[0]) > 0 else "**hurts**"
        words = f"AUPRC {float(change.iloc[0]):+.3f}" if len(change) else "AUPRC unknown"
        tested = f", p = {float(p.iloc[0]):.2g}" if len(p) and pd.notna(p.iloc[0]) else ""
        setting = titles.get(str(row.setting), row.setting)
        found.append(
            f"- {setting}: {str(row.component).upper()}-CC {what} with {row.base} ({words} over types{tested}; macro F1 {row.macro_f1:+.3f})"
        )
    return "\n".join(found)


def circle_in_words(name: str, separation: float | None) -> str:
    """How to read one type's circle, from the AUPRC of its separation on test cells."""
    if separation is None or np.isnan(separation):
        return f"**{name}** has no test cells, so nobody knows how well its circle separates it."
    if separation >= 0.9:
        quality = "**A good circle**: its cells can be told from all others by their place here"
    elif separation >= 0.6:
        quality = "**A middling circle**: most of its cells lie apart, and some of other types lie among them"
    else:
        quality = "**A bad circle**: its cells are not told from others by their place here"
    return f"{quality} (AUPRC {separation:.2f} on test cells). Hover over a point to see which type a cell is of."
