"""AnnData or arrays in, tables out."""
