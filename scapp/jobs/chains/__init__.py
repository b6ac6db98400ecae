"""Chains of runs: steps that follow each other without an open page, with settings chosen from the data."""
