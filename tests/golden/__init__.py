"""Golden digests: what the steps make of a tiny study, pinned together with its code version.

`python -m tests.golden` writes the file again; it refuses to where a step's files changed without
its code version.
"""
