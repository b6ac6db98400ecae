"""The map of many cells: a WebGL component."""
