"""Quality control on the Upload & QC page."""
