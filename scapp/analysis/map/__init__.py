"""Neighbours, maps, clusters and selections."""
