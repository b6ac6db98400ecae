"""Comparing conditions: design, composition, differential expression, gene sets, pathways."""
