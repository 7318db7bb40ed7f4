"""Collecting garbage: what nothing refers to loses its files, and keeps its signed records."""
