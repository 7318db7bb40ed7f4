"""Measuring checkpoints: suites of items, log-probability scoring, statistics, the report."""
