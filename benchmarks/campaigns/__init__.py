"""Attempts to break scapp, counted: ``python -m benchmarks.campaigns kill|fuzz|attack|faults --n N``."""
