"""Marker genes, and the cell-type names that they suggest."""
