"""Analyse: one press from a file to a map with named clusters."""
