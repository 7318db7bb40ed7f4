"""Training: pretraining and post-training as processes of their own; no Dagster here."""
