"""Importing data on the Upload & QC page."""
