"""How a step becomes a Dagster asset, finds its exact parents, and publishes what it made."""
