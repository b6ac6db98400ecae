"""Sentences of the Classification page, for biologists and classes."""

from collections.abc import Mapping
from typing import Any

import pandas as pd

from scapp.metrics.intervals import LEAST_TESTED

CLASSIFY = (
    "A **classifier** learns cell types from an annotated dataset, says which of them it can be trusted with, and"
    " annotates other datasets. A **contrastive component** sits between its encoder and its head: MLP-CC pulls cells"
    " of one type together, MLS-CC gives each type a circle of its own, and competing circles also vie for each cell."
)
HARDER_TEST = (
    "Test cells of the same donors are easy. To learn what happens with new donors, choose their column under 'Hold out"
    " whole groups of'."
)
CLASSIFIER_CURVES = (
    "Loss on training cells (solid) and on validation cells (dashed), a figure for each stage; of each, the state with"
    " the lowest validation loss is kept. A linear head is solved, once for each penalty."
)
START_KEPT = (
    "Of the circles the **start** was kept: each is the ridge regression of its type against all others. Training by"
    " contrast gave circles that tell validation cells apart less well."
)
CLEAR_BESIDE = (
    "A head on the places that this trained CLEAR gives cells is multiplied with the classifier. CLEAR has learnt from"
    " all cells of the dataset without their labels, the test cells among them. It pays where about five cells of a"
    " type have a label; with twenty or more it may change nothing (benchmarks/README.md). New cells are placed by the"
    " same encoder."
)
OWN_MODEL = (
    "This model was trained on this very dataset: what it says here shows what it has memorised. See the tab"
    " 'Evaluate' for cells that it never saw. Cells without a label were not learnt from: for them it is a prediction"
    " like any other."
)
TYPES = (
    "On test cells, which were never trained on. AUPRC is 1 when all cells of a type are ranked above all others; by"
    " chance it is the type's share of the cells. It is missing where a type has no test cell. `auprc_low` to"
    " `auprc_high` holds 95% of what other draws of these cells would have given (of groups that were held out, draws"
    " within each group; other donors may differ by more); where all cells are ranked rightly, draws cannot show"
    f" otherwise, and it is a point. With fewer than {LEAST_TESTED} test cells there is **not"
    " enough to judge** a type (hollow points); a larger 'Test share' gives more."
)
ENOUGH, TOO_FEW = "yes", "not enough to judge"
CONFUSION = "Of the test cells of each type (row), the share that was called each type (column)."
CALIBRATION = (
    "Bars on the dashed line: of the cells named with a probability of 0.8, 80% were named rightly. Probabilities were"
    " calibrated on validation cells (temperature scaling)."
)
NAMED = (
    "Cells whose best type is less probable than a threshold go without a name, and so fewer names are wrong. The"
    " threshold is chosen on validation cells and checked here on test cells, which had no part in it. On the tab"
    " 'Annotate this dataset', 'Accepted share of wrong names' does the same."
)
WRONG = (
    "Wrongly named with a high probability: a type that the labels mix up, doublets, or a label that is itself wrong."
    " They are worth a look on the map."
)
ONTOLOGY = (
    "Types are matched by their names, synonyms or ids (CL:0000084). Needs the optional package"
    " cellxgene-ontology-guide."
)
ONTOLOGY_SCORES = (
    "A predicted subtype of the truth counts as right, a broader type as partly right (the share of the truth's broader"
    " terms that it has too). 'Propagated': types that are near in the ontology share their probability (random walk"
    " with restart, as OnClass)."
)
ANNOTATE = (
    "The model reads raw counts; its genes are found by name, Ensembl id or symbol. The result is written to"
    " `predicted_cell_type` and `predicted_probability`."
)
LABELS = (
    "Cells of each type, and where the types lie on the map: to see before training which types are rare, and which lie"
    " together."
)
EXPERIMENT = (
    "Does a contrastive component help **on this data**? Every base model is trained with and without components, in up"
    " to three settings and with several seeds, on the same cells; other people's classifiers stand beside them."
    " Figures are of test cells alone."
)
QUICK = (
    "Logistic regression in the setting 'Data Scarce' with two seeds: a first look in a minute or two. Turn it off for"
    " the whole experiment."
)
PAIRED = (
    "Each figure of each type with and without the component, in the same split. The t-test and the first Wilcoxon test"
    " (the thesis's) take every pair of seed and type, but pairs of one type are not independent of each other; the"
    " last column tests means of each type over seeds and is the one to believe. No p is given where nothing differs."
)
GAINS = (
    "A point for each type and seed. Above the line the component names the type better than the base model alone; with"
    " few test cells (hover) points jump."
)
DROPPED = (
    "Means over seeds of models that were trained on whole cells. What reads X_clear is left out, because X_clear would"
    " have to be learnt again."
)
GRID = (
    "Factors of the learning rate and the temperature that were set; the first setting and the first seed. The less the"
    " figures vary, the less a choice matters."
)


def what_clear_gave(result: Mapping[str, Any]) -> str:
    """What CLEAR beside a classifier changed on the test cells."""
    before, after = (
        tuple(float(result[f"{name}{end}"]) for name in ("macro_f1", "mean_auprc")) for end in ("_without_clear", "")
    )
    weight = float(result["clear_weight"])
    if weight == 0:
        return "CLEAR stands beside it with a weight of 0: validation cells were named better without it."
    return (
        f"With CLEAR beside it (weight {weight:.2f}): macro F1 {after[0]:.3f} instead of {before[0]:.3f}, mean AUPRC"
        f" {after[1]:.3f} instead of {before[1]:.3f}, on the same test cells (one seed)."
    )


def nothing_promised(percent: float, n_validated: int) -> str:
    """Why no threshold was found."""
    return (
        f"No threshold keeps wrong names at {percent:g}% or fewer: the {n_validated:,} validation cells are too few, or"
        " too often named wrongly. Accept more, or train with a larger 'Validation share' or more labels."
    )


def named_in_words(threshold: float, found: Mapping[str, float]) -> str:
    """What a threshold meant on the test cells."""
    if not found["n_named"]:
        return f"From a probability of **{threshold:.3f}** on. No test cell reaches it."
    return (
        f"From a probability of **{threshold:.3f}** on: {found['share_named']:.0%} of the test cells get a name, and"
        f" **{found['wrong']:.1%}** of these names are wrong (95% interval {found['wrong_low']:.1%} to"
        f" {found['wrong_high']:.1%}, {found['n_named']:,.0f} cells)."
    )


def judged(n_test: pd.Series) -> pd.Series:
    """Whether each type has test cells enough for its figures to be believed."""
    return n_test.map(lambda n: ENOUGH if n >= LEAST_TESTED else TOO_FEW)


def component_worth(table: pd.DataFrame) -> str:
    """Whether contrastive components helped, of classifiers of one dataset by ``base``, ``component``, ``macro_f1`` and
    ``test``.

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
            f"{titles.get(str(row.setting), row.setting)}: {row.n_types} types with {each} training cells each"
            f" ({row.n_train:,} in all), {row.n_test:,} test cells"
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
            f"- {setting}: {str(row.component).upper()}-CC {what} with {row.base} ({words} over types{tested}; macro F1"
            f" {row.macro_f1:+.3f})"
        )
    return "\n".join(found)
