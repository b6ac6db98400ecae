"""Made-up studies whose truth is known."""
