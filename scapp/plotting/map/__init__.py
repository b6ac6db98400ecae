"""Maps of cells, rivers between groupings, marker genes."""
