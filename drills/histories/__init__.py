"""Honest histories of a study: edits, runs, signals, in random order; none is an alarm."""
