"""The Train CLEAR page."""
