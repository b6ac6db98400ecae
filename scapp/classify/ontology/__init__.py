"""Cell types as terms of the Cell Ontology."""
