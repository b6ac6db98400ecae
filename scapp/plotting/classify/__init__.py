"""Scores of classifiers by cell type, and figures of the experiment."""
