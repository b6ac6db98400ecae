"""A dataset as files for people and other programs: AnnData, tables, HTML, script, notebook, methods text."""
