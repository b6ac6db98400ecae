"""The thesis's experiment: settings, seeds, references, paired tests."""
