"""The Differential expression page."""
