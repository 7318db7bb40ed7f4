"""The steps of the chain, one file an asset: parents, configuration, build, checks."""
