"""Figures of a study of conditions."""
