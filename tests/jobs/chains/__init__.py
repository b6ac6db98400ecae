"""Tests of chains of runs."""
