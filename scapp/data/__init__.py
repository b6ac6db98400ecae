"""From files to count matrices: reading, checks, quality control, normalisation, simulation."""
