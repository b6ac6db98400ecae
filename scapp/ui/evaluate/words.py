"""Sentences about comparisons of representations: what was found, and no more than that."""

from collections.abc import Callable, Mapping

import numpy as np
import pandas as pd

from scapp.metrics.over_datasets import scores_by_seed
from scapp.steps.evaluate.config import MAIN_SCORES, METHOD_TITLES, WHOLE, WITHOUT
from scapp.ui.kit.boundary import escape

PAGE = (
    "Does CLEAR help **on your data**? Each method starts from the same normalised values; labels are only used to"
    " score. Where it does not help, the figures show it just as plainly."
)
TASKS = {
    "clustering": (
        "Clusters of each representation against your labels. **k-means** is told the number of labels; **Leiden** and"
        " **Louvain** are not, so the two are not to be compared with each other."
    ),
    "dropout": (
        "A share of the counts that are not zero is set to zero before any other step, every step is run again, and"
        " every cell is kept."
    ),
    "batch": (
        "Good representations **mix batches** and **keep types apart** at once; f1 scores put the two together. Mixing"
        " is judged on types that two batches or more have."
    ),
    "pseudotime": (
        "Cells are ordered from the first stage on by diffusion pseudotime, and the order is compared with your stages."
    ),
    "ablation": "CLEAR is trained without each of its augmentations, and with each alone.",
    "sweep": (
        "CLEAR is trained with one augmentation at every share and probability; the others stay as the preset has them,"
        " whose own square is framed in red. A setting that is chosen because it agrees with labels is tuned on them."
    ),
}
CIRCULAR = (
    "'{column}' was made here from a representation. Methods that are compared with it are judged by their likeness to"
    " that one: use it only if you named its groups by what you know."
)
NEEDS_LABELS = "This comparison needs labels: choose the column of known types or stages."
WITHOUT_LABELS = {
    "clustering": "Without labels only the number of clusters and their silhouette can be compared.",
    "batch": (
        "Without labels it can be said whether batches mix (iLISI, kBET acceptance), not whether types stay apart:"
        " removing everything would mix batches best."
    ),
}
ORDER_CURVE = (
    "Cells of the first seed in the order of their pseudotime, each at its stage. The line is the rising curve that"
    " fits them best: in a perfect order every cell lies on it."
)
PATH = (
    "The line on the map of pseudotime follows the cells in their order, each axis smoothed by itself; where"
    " development forks, it runs between the arms, and the graph of stages tells more."
)
SCORES = {
    "ari": "ARI",
    "nmi": "NMI",
    "accuracy": "accuracy",
    "jaccard": "Jaccard",
    "homogeneity": "homogeneity",
    "completeness": "completeness",
    "v_measure": "V-measure",
    "silhouette": "silhouette of the labels",
    "silhouette_of_clusters": "silhouette of the clusters",
    "n_clusters": "clusters found",
    "f1_ASW": "f1_ASW",
    "f1_ARI": "f1_ARI",
    "cARI": "cARI (types)",
    "1-bARI": "1-bARI (batches)",
    "cASW": "cASW (types)",
    "1-bASW": "1-bASW (batches)",
    "iLISI": "iLISI (batches)",
    "cLISI": "cLISI (types)",
    "kBET acceptance": "kBET acceptance (batches)",
    "spearman": "Spearman",
    "kendall": "Kendall",
    "spearman_path": "Spearman (shortest path)",
    "kendall_path": "Kendall (shortest path)",
    "reached": "share of cells reached",
    "seconds": "seconds",
    "memory_mb": "memory (MB)",
}
CLUSTERERS = {"kmeans": "k-means", "leiden": "Leiden", "louvain": "Louvain"}
OURS = METHOD_TITLES["clear"]
OVER_DATASETS = (
    "The same comparison made of several datasets: one dataset says how a method does on it, several say how it does."
    " Compare methods on each dataset first; the newest comparison of each counts."
)
ONE_DATASET = (
    "A finished {task} comparison of two datasets or more is needed; there are {n} that were made with the same"
    " settings. Open another dataset from the sidebar and compare the same methods there."
)
OTHER_SETTINGS = (
    "Compared with other settings than the newest comparison, and left out: {datasets}. Compare them again with the"
    " same settings to count them."
)
METHODS_OVER = "A dataset that lacks one of them takes no part."
OVER_COLUMNS = {
    "title": "method",
    "n_datasets": "datasets",
    "sd": "standard deviation",
    "mean_rank": "mean rank",
    "best_on": "best on",
    "better_on": "better on",
    "worse_on": "worse on",
    "p_holm": "p (Holm)",
}
PAIRED_TESTS = (
    "Difference: mean over datasets; better and worse: by more than 0.005. Wilcoxon's signed-rank test, two-sided,"
    " adjusted by Holm over the methods. With {n} datasets no p-value below {least:.3g} can come out. Datasets that a"
    " method was tuned on prove nothing for it."
)
SCOREBOARD = (
    "The main score of each task (k-means' ARI; under dropout its mean over all shares lost; f1_ASW; Spearman), mean ±"
    " standard deviation over seeds, of the newest comparison of each kind. Ranks count means alone: methods within"
    " seed noise of each other are equal, whatever their rank."
)


def main_scores(task: str, results: pd.DataFrame, clusterer: str = "kmeans") -> pd.DataFrame:
    """The main score of each method and seed: ``title``, ``seed``, ``value``; of clusterings those of one way to
    cluster.
    """
    return scores_by_seed(results, MAIN_SCORES[task], clusterer)


def verdict(task: str, results: pd.DataFrame) -> str:
    """CLEAR beside each other method; a difference counts when it is larger than twice its standard error over seeds.

    Clusterings are judged by k-means and by Leiden, because the two often disagree.
    """
    if "clusterer" not in results:
        ways = [("", main_scores(task, results))]
    else:
        ways = [
            (f" of {name}", main_scores(task, results, key))
            for key, name in (("kmeans", "k-means"), ("leiden", "Leiden"))
        ]
    parts = [f"by {SCORES[MAIN_SCORES[task]]}{way}, {found}" for way, scores in ways if (found := _beside(scores))]
    return f"On this dataset, {OURS} is, " + "; ".join(parts) + "." if parts else ""


def ablation_verdict(results: pd.DataFrame) -> str:
    """What leaving out each augmentation changes, by ARI of k-means; a change counts when it is larger than twice its
    standard error over seeds.
    """
    scores = main_scores("ablation", results)
    whole = scores.loc[scores["title"] == WHOLE, "value"].dropna()
    changes = []
    for title, values in scores[scores["title"].str.startswith(WITHOUT)].groupby("title", sort=False)["value"]:
        left_out = f"{escape(str(title).removeprefix(WITHOUT))} ({values.mean() - whole.mean():+.3f})"
        changes.append((left_out, _differs(values.dropna(), whole)))
    if not changes or not len(whole):
        return ""
    lead = "On this dataset, leaving out one augmentation changes the ARI of k-means so: "
    if len(whole) < 2:
        return (
            lead
            + ", ".join(words for words, _ in changes)
            + ". With one seed it is not known how much of that is noise."
        )
    real, noise = ([words for words, counts in changes if counts == wanted] for wanted in (True, False))
    parts = ([f"**beyond seed noise** {', '.join(real)}"] if real else []) + (
        [f"within seed noise {', '.join(noise)}"] if noise else []
    )
    return lead + "; ".join(parts) + "."


def sweep_verdict(results: pd.DataFrame) -> str:
    """The best square of a grid by ARI of k-means, and how many are as good within seed noise."""
    scores = main_scores("sweep", results).dropna()
    if not len(scores):
        return ""
    means = scores.groupby("title", sort=False)["value"].mean()
    best = str(means.idxmax())
    of_best = scores.loc[scores["title"] == best, "value"]
    lead = f"On this dataset, by the ARI of k-means, **{best}** is the best of {len(means)} ({means.max():.3f})"
    if len(of_best) < 2:
        return f"{lead}; the lowest is {means.min():.3f}. With one seed it is not known how much of that is noise."
    equal = sum(
        not _differs(of_best, values) for title, values in scores.groupby("title")["value"] if str(title) != best
    )
    return f"{lead}; {equal} of the others are equal to it within seed noise, and the lowest is {means.min():.3f}."


VERDICTS: Mapping[str, Callable[[pd.DataFrame], str]] = {"ablation": ablation_verdict, "sweep": sweep_verdict}
"""Sentences of comparisons that are not of CLEAR beside others."""


def _differs(first: pd.Series, second: pd.Series) -> bool:
    """Whether two means differ by more than twice the standard error of their difference, and by more than 0.005."""
    error = sum(float(values.var(ddof=1)) / len(values) for values in (first, second) if len(values) > 1)
    return abs(float(first.mean() - second.mean())) > max(2 * float(np.sqrt(error)), 0.005)


def _beside(scores: pd.DataFrame) -> str:
    mine = scores.loc[scores["title"] == OURS, "value"].dropna()
    parts = []
    for title, other in scores[scores["title"] != OURS].groupby("title", sort=False)["value"]:
        values = other.dropna()
        if not len(values) or not len(mine):
            continue
        difference = float(mine.mean() - values.mean())
        if len(mine) < 2:
            parts.append(f"{difference:+.3f} from {escape(str(title))} (one seed: its noise is not known)")
            continue
        name = escape(str(title))
        if not _differs(mine, values):
            parts.append(f"equal to {name} within seed noise ({difference:+.3f})")
        else:
            parts.append(f"**{'better' if difference > 0 else 'worse'}** than {name} ({difference:+.3f})")
    return ", ".join(parts)
