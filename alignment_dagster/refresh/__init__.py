"""Keeping a study fresh: what of its sources changed, what of a mix, and what may be spent."""
