"""Everything that can be wrong before a run: declarations, data, word lists, services."""
