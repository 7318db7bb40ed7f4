"""What Dagster's pages show of each step: tables, drawings, texts."""
