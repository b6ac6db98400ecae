"""Matrices that are read in blocks of cells, and what is computed over the blocks."""
