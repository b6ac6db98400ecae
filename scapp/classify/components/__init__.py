"""Contrastive components between the encoder and the head: MLP-CC and MLS-CC."""
