"""Questions to a study's corpus: what was read, what became of it, and what a rule would drop."""
