"""Supervised learning: cell-type classifiers with contrastive components (MLP-CC, MLS-CC)."""
