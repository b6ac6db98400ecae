"""The Clusters & map page."""
