"""Sentences of the Clusters & map page, for biologists and classes."""

MAP = (
    "Clusters are made from the neighbours, not from the drawing: the same clusters can be looked at on either kind of"
    " map."
)
SELECT_ONLY = "Draw a lasso or box to select cells."
SELECT = (
    "Click a name in the legend to hide a group, double-click to see it alone. Draw a lasso or box to select cells; "
    "cells hidden by the legend are selected as well, those left out by 'Show only' are not."
)
SWEEP = (
    "A resolution is a good choice where the number of clusters stays the same over a range and clusters hardly change"
    " from one resolution to the next (ARI near 1). Agreement with labels is shown where the data hold labels."
)
MARKERS = (
    "Genes that are higher in a group than in all other cells. Every cell counts as a sample of its own, so p-values"
    " are for ranking genes, not for claims about people or animals; clusters were made from the same values, which"
    " makes p smaller still."
)
NAMING = (
    "A suggestion compares the cluster's marker genes with the panel: the fit is the chance that one of a type's genes"
    " stands above another gene in the cluster (0.5 is chance). **clear**: far above chance and ahead of the next type;"
    " **likely**: above chance, with genes that speak for it and no other type as good. Of two kinds of one type that"
    " are hardly apart, the type is named (T cell, Monocyte). Otherwise no name is suggested,"
    " and a cluster that you leave unnamed keeps its number. It is a hint, not a proof: look at the genes. Clusters of"
    " the same name become one group."
)
CHOOSE_PANEL = "Choose the tissue that your cells come from, if it is among the panels."
COLOURS = "Colours are kept with the data, used on every map, and exported in `uns` as scanpy expects them."
COMPARE = "Draw a lasso on the left map: the same cells are shown on the right one."
CLUSTER_SCORES = (
    "How well clusters agree with labels that came with the data. ARI and NMI are 1 for perfect agreement and about 0"
    " for chance. k-means was told its number of clusters; Leiden was not."
)
HARMONY = (
    "**Harmony** moves principal components of batches over each other, cluster by cluster (Korsunsky et al. 2019). Its"
    " result is chosen above the map, beside PCA and CLEAR. CLEAR removes batches as well, when it is told them."
)
