"""Self-supervised contrastive learning of cell representations (CLEAR)."""
