"""The Latent circles page."""
