"""The training loop of CLEAR and what it needs: cells, minibatches, sizes, saved state."""
