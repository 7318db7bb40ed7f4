"""The graph: one file for each asset, in the order of the chain."""
