"""Augmentations of expression profiles: their settings, their random draws, and what they do to a cell."""
