"""Training curves, and the replay of a run."""
