"""Tests of Analyse."""
