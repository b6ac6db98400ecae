"""Several samples: found, described by a sheet, and joined."""
