"""Sentences about comparing conditions, for biologists and classes."""

PAGE = (
    "Compare **conditions** (healthy and ill, treated and not): which cell types, genes and pathways differ. Statistics"
    " count **donors**, not cells: a thousand cells of one person are still one person."
)
GUIDED = (
    "**The guided study** walks through the CLEAR paper's Figure 5 with your data: composition, marker genes,"
    " cytokines, and the genes, scores and pathways of one cell type, each as a panel with its letter. One press makes"
    " all of them; each can be changed afterwards in its own tab."
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
