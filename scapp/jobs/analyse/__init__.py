"""Analyse: a chain of steps from a file to a map with named clusters."""
