"""Sentences about comparing conditions, for biologists and classes."""

import numpy as np
import pandas as pd

from scapp.analysis.de.donor_tests import OVERALL
from scapp.ui.kit.boundary import escape

PAGE = (
    "Compare **conditions** (healthy and ill, treated and not, young and old): how the cell-type composition differs,"
    " what changes within a cell type, and why. The order of the tabs is that of the CLEAR paper's study of COVID-19"
    " blood (its Figure 5)."
    " Statistics count **donors**, not cells: a thousand cells of one person are still one person."
)
DESIGN = "Say which columns hold the conditions, the donors and the cell types. These choices hold for all tabs."
COMPOSITION = (
    "Share of each cell type among a donor's cells. Shares sum to one: where one type rises, others must fall without"
    " having changed themselves, so look at the strongest changes first and read small ones of other types with care."
)
SHARE_TESTS = {
    "rank": (
        "Rank tests ask whether donors of one side stand above those of the other, and assume nothing else; with few"
        " donors their p cannot become small."
    ),
    "t": (
        "t-tests on the logit of the share can give smaller p with few donors, and assume that logits are spread like a"
        " bell within a condition."
    ),
}
DIFFERENTIAL = (
    "Which genes change within a cell type? **Pseudobulk** sums the counts of each donor's cells and compares donors"
    " (PyDESeq2). Tests of single cells take the cells of one donor for independent of each other, find far too many"
    " genes, and are here to explore."
)
VOLCANO = (
    "Click on genes, or draw around them, to choose them for the figures below; names are shown where there is room,"
    " the strongest first."
)
SAMPLES = (
    "Mean log-normalised value of the cells of each donor, less the gene's mean and divided by its standard deviation"
    " over the donors shown."
)
SCORES = (
    "How strongly does each cell express a **set of genes**? Boxes are cells (middle half, and 5 to 95%), points are"
    " donors' means; tests compare donors."
)
PATHWAYS = (
    "Which sets of genes stand behind a comparison? **gsea** looks at the whole ranking of genes;"
    " **over-representation** at those that pass thresholds, against all tested genes. Both take genes for independent"
    " of each other, which genes of one pathway are not: p-values are for ranking pathways."
)
LIBRARIES = (
    "scapp's own sets are short lists from the publications that each names. A GMT file (a line per set: name,"
    " description, genes) adds yours; large libraries can be fetched where the machine has internet."
)
REPORT = (
    "Design, figures, tables, settings, versions, citations and a methods paragraph on one page that needs nothing"
    " else: results so far are in it."
)
EFFECTS = (
    "Cliff's delta is the chance that a donor of the condition stands above one of the reference, less the chance that"
    " it stands below: 1 and -1 are complete separation, 0 is none. The smallest p is what the rank test gives for"
    " complete separation: with so few donors no difference can have a smaller one."
)


def differences_in_words(tests: pd.DataFrame, kind: str, *, what: str) -> str:
    """Whose share or score differs, at an adjusted p of 0.05, for each condition."""
    parts = []
    for compared, part in tests[tests["compared"] != OVERALL].groupby("compared", sort=False):
        sure = part[part[f"p_{kind}_adjusted"] <= 0.05]
        up = sure.loc[sure["difference"] > 0, "feature"].astype(str).map(escape).tolist()
        down = sure.loc[sure["difference"] < 0, "feature"].astype(str).map(escape).tolist()
        reference, compared = escape(str(part["reference"].iloc[0])), escape(str(compared))
        if part[f"p_{kind}"].isna().all():
            parts.append(f"- **{compared}** and {reference}: too few donors for a test.")
        elif not up and not down:
            parts.append(f"- **{compared}** against {reference}: no {what} differs clearly{_reach(part, kind)}.")
        else:
            words = [f"more {', '.join(up)}"] if up else []
            words += [f"less {', '.join(down)}"] if down else []
            parts.append(f"- **{compared}** against {reference}: {'; '.join(words)}.")
    return "\n".join(parts)


def _reach(part: pd.DataFrame, kind: str) -> str:
    """Where even complete separation could not have passed, say so."""
    smallest = part["smallest_p_rank"].min()
    if kind != "rank" or np.isnan(smallest) or smallest <= 0.05:
        return ""
    return (
        f" (with {part['n_reference'].max()} and {part['n_compared'].max()} donors the rank test cannot give p below"
        f" {smallest:.2g})"
    )
