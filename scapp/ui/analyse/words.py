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
