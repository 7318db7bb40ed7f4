"""Suites: sets of items, the formats that ask them, and whether they fit a model's context."""
