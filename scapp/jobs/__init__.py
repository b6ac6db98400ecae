"""Long work, outside the web process."""
