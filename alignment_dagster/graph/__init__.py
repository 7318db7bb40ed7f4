"""How a step is run: its exact parents, its build, what is published, and whether it is stale."""
