"""Tampering: further fine-tuning, measured while it happens."""
