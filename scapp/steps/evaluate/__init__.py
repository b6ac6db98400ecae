"""Steps that compare representations."""
