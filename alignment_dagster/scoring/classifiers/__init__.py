"""Classifiers: trained on labelled sources, measured on held-out documents, asked as scorers."""
