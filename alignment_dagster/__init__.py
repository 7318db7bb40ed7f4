"""Alignment pretraining as a declarative workflow: raw corpus to eval report, with lineage."""
