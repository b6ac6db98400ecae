"""Quality metrics, thresholds, filtering and normalisation."""
