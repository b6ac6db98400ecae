"""Datasets on disk: elements, manifests, commits, history."""
