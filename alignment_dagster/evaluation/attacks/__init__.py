"""Attempts to make a model answer badly: written prompts and searched token strings."""
