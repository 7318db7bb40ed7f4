"""The steps of the chain: parents, configuration, build, checks; `registry.py` lists them.

One file an asset, but for the four marts of `marts.py`.
"""
