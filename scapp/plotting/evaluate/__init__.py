"""Figures of the comparisons of representations."""
