"""Pretraining: the loop, its data, its checkpoints, its ranks."""
