"""What only Dagster needs: the chain as assets, and its jobs, schedules and sensors."""
