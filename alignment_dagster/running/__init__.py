"""`alignment run`: what has to run, running it as real Dagster runs, and showing it."""
