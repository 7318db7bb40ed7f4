"""Who writes: a grammar, an endpoint, a local checkpoint."""
