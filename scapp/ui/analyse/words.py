"""Sentences of Analyse, for biologists and classes."""

ANALYSE = (
    "**Analyse** filters by the suggested thresholds, normalises, makes a map with clusters, finds their marker genes"
    " and suggests names; then it trains CLEAR and does the same with its representation. It ends on the map, and every"
    " step can be changed afterwards."
)
ANALYSE_FILE = "**Analyse** imports and goes on to a map with named clusters; **Import** lets you choose every step."
BATCHES = (
    "CLEAR then removes differences between these batches. Leave it unticked where they are what you study, such as"
    " patients and controls."
)
AGAIN = "What rests on the step is made again with what was chosen for it; everything else stays as it is."
ANOTHER_DATASET = "These are the steps of an analysis that now works on another dataset."
NOT_SAVED = "not saved, because its input had changed meanwhile"
LEFT_OUT = "Left out: it cannot be done on these data."
"""Of a stage that was passed over: clusters are too few to compare, or the values are scaled."""
